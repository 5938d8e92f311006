//! What imports make: data with methods.

use std::rc::Rc;

use super::decimal::Decimal;
use super::http::{Client, Request};
use super::time::Timespace;
use super::version::Version;
use super::{decimal, function, http, time, version};
use crate::terraform::Namespace;
use crate::value::Value;

/// Data with methods.
pub(crate) enum Object {
    Decimal(Decimal),
    Time(Timespace),
    Version(Version),
    Client(Client),
    Request(Request),
    /// An import of Terraform, whose functions know it.
    Terraform(Namespace),
}

impl Object {
    /// A member: data, or a method of this very object.
    pub(crate) fn member(&self, this: &Rc<Self>, name: &str) -> Option<Value> {
        let methods = match self {
            Self::Decimal(_) => &decimal::METHODS[..],
            Self::Time(_) => &time::METHODS[..],
            Self::Version(_) => &version::METHODS[..],
            Self::Client(_) => &http::CLIENT_METHODS[..],
            Self::Request(_) => &http::REQUEST_METHODS[..],
            Self::Terraform(_) => &[],
        };
        if let Some(def) = methods.iter().find(|def| def.name == name) {
            return Some(function(def, Some(Rc::clone(this))));
        }
        match self.data() {
            Value::Map(map) => map.get_str(name),
            _ => None,
        }
    }

    /// Its data as a map.
    pub(crate) fn data(&self) -> Value {
        match self {
            Self::Decimal(number) => number.data(),
            Self::Time(time) => time.data(),
            Self::Version(version) => version.data(),
            Self::Client(client) => client.data(),
            Self::Request(request) => request.data(),
            Self::Terraform(_) => Value::map([]),
        }
    }
}

impl From<Decimal> for Value {
    fn from(number: Decimal) -> Self {
        Self::Object(Rc::new(Object::Decimal(number)))
    }
}

impl From<Timespace> for Value {
    fn from(time: Timespace) -> Self {
        Self::Object(Rc::new(Object::Time(time)))
    }
}
