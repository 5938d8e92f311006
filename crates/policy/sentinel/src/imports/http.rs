//! `http`: requests over the network, as far as the host allows them.

use std::collections::BTreeMap;
use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Object, function};
use crate::eval::{Args, Def, Interp, Stop, Unfit, settle};
use crate::host::HttpRequest;
use crate::value::Value;

/// Longest time that a request may take, in seconds.
const MAX_TIMEOUT: i64 = 30;

/// How often a request may be tried again.
const MAX_RETRIES: i64 = 10;

pub(super) static FUNCTIONS: [Def; 1] = [Def { name: "request", call: request }];

pub(super) static CLIENT_METHODS: [Def; 7] = [
    Def { name: "accept_status_codes", call: accept_status_codes },
    Def { name: "get", call: |interp, args| send(interp, args, Some("GET")) },
    Def { name: "post", call: |interp, args| send(interp, args, Some("POST")) },
    Def { name: "send", call: |interp, args| send(interp, args, None) },
    Def { name: "with_retries", call: with_retries },
    Def { name: "with_timeout", call: with_timeout },
    Def { name: "without_certificate_verification", call: without_verification },
];

pub(super) static REQUEST_METHODS: [Def; 3] = [
    Def { name: "with_basic_auth", call: with_basic_auth },
    Def { name: "with_body", call: with_body },
    Def { name: "with_header", call: with_header },
];

/// How requests are sent.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    accepted: Vec<i64>,
    retries: i64,
    timeout: i64,
    verify: bool,
}

impl Default for Client {
    fn default() -> Self {
        Self { accepted: vec![200], retries: 1, timeout: 10, verify: true }
    }
}

impl Client {
    pub(crate) fn data(&self) -> Value {
        Value::map([
            ("accepted_status_codes", Value::list(self.accepted.iter().map(|code| Value::Int(*code)).collect())),
            ("retries", Value::Int(self.retries)),
            ("timeout", Value::Int(self.timeout)),
            ("certificate_verification", Value::Bool(self.verify)),
        ])
    }
}

impl From<Client> for Value {
    fn from(client: Client) -> Self {
        Self::Object(Rc::new(Object::Client(client)))
    }
}

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    url: String,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Request {
    pub(crate) fn data(&self) -> Value {
        Value::map([
            ("url", Value::text(&self.url)),
            ("headers", headers(&self.headers)),
            ("body", Value::text(&self.body)),
        ])
    }
}

impl From<Request> for Value {
    fn from(request: Request) -> Self {
        Self::Object(Rc::new(Object::Request(request)))
    }
}

fn headers(headers: &BTreeMap<String, String>) -> Value {
    Value::map(headers.iter().map(|(name, value)| (name.as_str(), Value::text(value))))
}

/// What is no function, and the methods of the usual client.
pub(super) fn constant(name: &str) -> Option<Value> {
    match name {
        "methodGet" => Some(Value::text("GET")),
        "methodPost" => Some(Value::text("POST")),
        "client" => Some(Client::default().into()),
        _ => {
            let method = CLIENT_METHODS.iter().find(|def| def.name == name);
            method.map(|def| function(def, Some(Rc::new(Object::Client(Client::default())))))
        }
    }
}

fn request(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle((|| Ok(Request { url: args.text(0)?.to_str().into_owned(), ..Request::default() }.into()))())
}

fn client(args: &Args) -> Result<Client, Unfit> {
    match args.receiver.as_deref() {
        Some(Object::Client(client)) => Ok(client.clone()),
        _ => Err(format!("{} is a method of a client", args.name).into()),
    }
}

fn receiver(args: &Args) -> Result<Request, Unfit> {
    match args.receiver.as_deref() {
        Some(Object::Request(request)) => Ok(request.clone()),
        _ => Err(format!("{} is a method of a request", args.name).into()),
    }
}

fn bounded(args: &Args, least: i64, most: i64) -> Result<i64, Unfit> {
    let value = args.int(0)?;
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(format!("{} takes {least} to {most}, got {value}", args.name).into())
}

fn accept_status_codes(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle((|| {
        let code = |value: Value| match value {
            Value::Int(code) => Ok(code),
            other => Err(Unfit::from(format!("a status code is an integer, got {}", other.type_name()))),
        };
        let accepted = args.list(0)?.to_vec().into_iter().map(code).collect::<Result<_, _>>()?;
        Ok(Client { accepted, ..client(args)? }.into())
    })())
}

fn with_retries(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle((|| Ok(Client { retries: bounded(args, 0, MAX_RETRIES)?, ..client(args)? }.into()))())
}

fn with_timeout(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle((|| Ok(Client { timeout: bounded(args, 1, MAX_TIMEOUT)?, ..client(args)? }.into()))())
}

fn without_verification(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(0, 0)?;
    settle((|| Ok(Client { verify: false, ..client(args)? }.into()))())
}

fn with_header(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(2, 2)?;
    settle((|| {
        let mut request = receiver(args)?;
        let (name, value) = (args.text(0)?.to_str().into_owned(), args.text(1)?.to_str().into_owned());
        request.headers.insert(name, value);
        Ok(request.into())
    })())
}

fn with_basic_auth(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(2, 2)?;
    settle((|| {
        let mut request = receiver(args)?;
        let credentials = format!("{}:{}", args.text(0)?.to_str(), args.text(1)?.to_str());
        request.headers.insert("Authorization".to_owned(), format!("Basic {}", STANDARD.encode(credentials)));
        Ok(request.into())
    })())
}

fn with_body(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle((|| Ok(Request { body: args.text(0)?.to_str().into_owned(), ..receiver(args)? }.into()))())
}

/// Sends a request; a status that is not accepted is an error. Without a method, a body makes it a POST.
fn send(interp: &mut Interp<'_>, args: &Args, method: Option<&'static str>) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle((|| {
        let client = client(args)?;
        let request = match args.get(0)? {
            Value::Object(object) => match &**object {
                Object::Request(request) => request.clone(),
                _ => return Err(format!("{} wants a URL or a request", args.name).into()),
            },
            _ => Request { url: args.text(0)?.to_str().into_owned(), ..Request::default() },
        };
        let method = method.unwrap_or(if request.body.is_empty() { "GET" } else { "POST" });
        let request = HttpRequest {
            method,
            url: request.url,
            headers: request.headers,
            body: request.body,
            timeout: u32::try_from(client.timeout).unwrap_or(1),
            retries: u32::try_from(client.retries).unwrap_or(0),
            verify: client.verify,
        };
        let response = interp.input.host.http(&request)?;
        let status = i64::from(response.status);
        if !client.accepted.contains(&status) {
            return Err(format!("{} answered with the status {status}, which is not accepted", request.url).into());
        }
        interp.budget.bytes(response.body.len())?;
        Ok(Value::map([
            ("status_code", Value::Int(status)),
            ("headers", headers(&response.headers)),
            ("body", Value::text(&response.body)),
        ]))
    })())
}
