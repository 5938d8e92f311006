//! The `OpenAPI` document, made from the operations that are routed.

use axum::http::Method;
use axum::routing::MethodRouter;
use serde_json::{Map, Value, json};
use std::sync::Arc;

use super::schemas;
use crate::app::App;
use crate::problem::Kind;

/// One thing that can be asked of the API.
pub(crate) struct Operation {
    pub(crate) path: &'static str,
    pub(crate) handler: MethodRouter<Arc<App>>,
    method: Method,
    summary: &'static str,
    parameters: Vec<Parameter>,
    body: Option<&'static str>,
    answer: Answer,
    problems: Vec<Kind>,
}

/// What is answered when all is well.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    /// JSON of a schema.
    Json(&'static str),
    /// Text of a media type.
    Text(&'static str),
    /// A report in one of its forms.
    Report,
}

/// A parameter of an operation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameter {
    name: &'static str,
    place: &'static str,
    required: bool,
}

impl Parameter {
    /// Parameters that may be left out.
    pub(crate) fn all(names: &[&'static str]) -> Vec<Self> {
        names.iter().map(|name| Self { name, place: "query", required: false }).collect()
    }

    /// A parameter that may not.
    pub(crate) fn required(name: &'static str) -> Self {
        Self { name, place: "query", required: true }
    }

    /// A part of the path.
    pub(crate) fn path(name: &'static str) -> Self {
        Self { name, place: "path", required: true }
    }

    fn document(&self) -> Value {
        let (description, schema) = schemas::parameter(self.name);
        let Self { name, place, required } = self;
        json!({ "name": name, "in": place, "required": required, "description": description, "schema": schema })
    }
}

impl Operation {
    /// An operation that reads.
    pub(crate) fn get(path: &'static str, summary: &'static str, handler: MethodRouter<Arc<App>>) -> Self {
        Self::new(Method::GET, path, summary, handler)
    }

    /// An operation that writes.
    pub(crate) fn post(path: &'static str, summary: &'static str, handler: MethodRouter<Arc<App>>) -> Self {
        Self::new(Method::POST, path, summary, handler)
    }

    fn new(method: Method, path: &'static str, summary: &'static str, handler: MethodRouter<Arc<App>>) -> Self {
        let (parameters, problems) = (Vec::new(), Vec::new());
        Self { path, handler, method, summary, parameters, body: None, answer: Answer::Text("text/plain"), problems }
    }

    pub(crate) fn takes(mut self, parameters: Vec<Parameter>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    pub(crate) fn reads_body(mut self, schema: &'static str) -> Self {
        self.body = Some(schema);
        self
    }

    pub(crate) fn gives(mut self, answer: Answer) -> Self {
        self.answer = answer;
        self
    }

    /// Problems beside those that any operation may have.
    pub(crate) fn fails(mut self, problems: &[Kind]) -> Self {
        self.problems.extend(problems);
        self
    }

    fn document(&self) -> Value {
        let parameters: Vec<Value> = self.parameters.iter().map(Parameter::document).collect();
        let mut operation = json!({
            "operationId": operation_id(self),
            "summary": self.summary,
            "responses": self.responses(),
            // Reading needs no token on a loopback address.
            "security": if self.method == Method::GET { json!([{ "token": [] }, {}]) } else { json!([{ "token": [] }]) },
        });
        if !parameters.is_empty() {
            operation["parameters"] = json!(parameters);
        }
        if let Some(body) = self.body {
            operation["requestBody"] =
                json!({ "required": true, "content": { "application/json": { "schema": schemas::reference(body) } } });
        }
        operation
    }

    fn responses(&self) -> Value {
        let content = match self.answer {
            Answer::Json(schema) => json!({ "application/json": { "schema": schemas::reference(schema) } }),
            Answer::Text(media_type) => json!({ media_type: { "schema": { "type": "string" } } }),
            Answer::Report => json!({
                "text/html": { "schema": { "type": "string" } },
                "text/csv": { "schema": { "type": "string" } },
                "application/json": { "schema": { "type": "object" } },
            }),
        };
        let mut responses = json!({ "200": { "description": "Done.", "content": content } });
        let any =
            [Kind::BadRequest, Kind::Unauthorized, Kind::Forbidden, Kind::NotFound, Kind::Host, Kind::Unavailable];
        for kind in any.iter().chain(&self.problems) {
            responses[kind.status().as_str()] = json!({
                "description": kind.title(),
                "content": { "application/problem+json": { "schema": schemas::reference("Problem") } },
            });
        }
        responses
    }
}

/// A name for programs: `get_decisions_index_proof`.
fn operation_id(operation: &Operation) -> String {
    let path = operation.path.trim_start_matches("/api/v1/");
    let words: String = path.chars().filter(|letter| !matches!(letter, '{' | '}')).collect();
    format!("{}_{}", operation.method.as_str().to_lowercase(), words.replace(['/', '-', '.'], "_"))
}

/// The whole document.
pub(crate) fn document(operations: &[Operation]) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.as_str().to_lowercase()] = operation.document();
    }
    let problems: Map<String, Value> = Kind::ALL
        .iter()
        .map(|kind| (kind.name().to_owned(), json!({ "title": kind.title(), "status": kind.status().as_u16() })))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Probity",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Decisions as evidence: sent by gates, kept in a ledger, asked for by auditors. On a loopback \
                address reading needs no token; anywhere else everything does. The ledger's own files are under /ledger/, \
                as C2SP tlog-tiles says.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas::all(),
            "x-problems": problems,
        },
    })
}
