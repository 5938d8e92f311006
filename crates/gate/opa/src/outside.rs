//! What policies were answered from outside, kept with the decision so that it can be made again.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use probity_model::json;
use probity_model::value::Value;
use probity_policy_rego::Host;

/// What functions were answered, by their names and operands, in the form of OPA's `nd_builtin_cache`.
#[derive(Debug, Default)]
pub(crate) struct Answers(Mutex<BTreeMap<&'static str, BTreeMap<String, Value>>>);

impl Answers {
    fn put(&self, function: &'static str, operands: Vec<Value>, answer: &Value) {
        let operands = json::write(&Value::array(operands));
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answers.entry(function).or_default().insert(operands, answer.clone());
    }

    /// Forgets them: the evaluation begins anew.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// All of them; `None` when there were none.
    pub(crate) fn take(&self) -> Option<Value> {
        let answers = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let functions = answers.into_iter().map(|(function, answers)| (function, Value::object(answers)));
        let functions = Value::object(functions);
        functions.as_object().is_some_and(|functions| !functions.is_empty()).then_some(functions)
    }
}

/// A host whose answers are remembered.
pub(crate) struct Remembered<'h> {
    pub(crate) host: &'h dyn Host,
    pub(crate) answers: &'h Answers,
}

impl Host for Remembered<'_> {
    fn now_ns(&self) -> Result<i64, String> {
        let now = self.host.now_ns()?;
        self.answers.put("time.now_ns", Vec::new(), &now.into());
        Ok(now)
    }

    // What is made of them is found in the answer; the bytes themselves are no function's.
    fn random(&self, buffer: &mut [u8]) -> Result<(), String> {
        self.host.random(buffer)
    }

    fn lookup(&self, name: &str) -> Result<Vec<IpAddr>, String> {
        let found = self.host.lookup(name)?;
        let addresses = Value::array(found.iter().map(|address| address.to_string().into()));
        self.answers.put("net.lookup_ip_addr", vec![name.into()], &addresses);
        Ok(found)
    }

    fn http_send(&self, request: &Value) -> Result<Value, String> {
        let answer = self.host.http_send(request)?;
        self.answers.put("http.send", vec![request.clone()], &answer);
        Ok(answer)
    }

    fn runtime(&self) -> Result<Value, String> {
        self.host.runtime()
    }
}
