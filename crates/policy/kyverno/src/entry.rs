//! Entries of a rule's `context`: variables by name (Kyverno, `pkg/engine/context/loaders`).

use probity_model::{Key, SmolStr, Value};

use crate::context::Context;
use crate::host::{Answer, ApiCall, HostError, Outside};
use crate::query::{Query, QueryError};
use crate::template::Template;

/// A variable of a rule.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its name.
    pub name: SmolStr,
    pub(crate) source: Source,
}

/// Where the value of a variable comes from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// A value, an expression, or an expression on a value.
    Variable { value: Option<Template>, query: Option<QueryTemplate>, default: Option<Template> },
    /// A config map: its `data` and `metadata`.
    ConfigMap { name: Template, namespace: Option<Template> },
    /// The answer of the API server or a service.
    ApiCall { call: Template, query: Option<QueryTemplate>, default: Option<Value> },
    /// What a registry says of an image.
    ImageRegistry { reference: Template, query: Option<QueryTemplate> },
    /// The content of a global context entry.
    GlobalReference { name: Template, query: Option<QueryTemplate> },
}

/// An expression that may itself have variables.
#[derive(Debug, Clone)]
pub(crate) enum QueryTemplate {
    Constant(Query),
    Variable(Template),
}

impl QueryTemplate {
    pub(crate) fn compile(text: &str) -> Result<Self, QueryError> {
        let template = Template::of_text(text).map_err(|error| QueryError::new(error.message))?;
        match template.constant().and_then(Value::as_str) {
            Some(text) => Query::parse(text).map(Self::Constant),
            None => Ok(Self::Variable(template)),
        }
    }

    fn query(&self, entry: &str, context: &Context<'_>) -> Result<Query, QueryError> {
        match self {
            Self::Constant(query) => Ok(query.clone()),
            Self::Variable(template) => match put_in(template, entry, context)? {
                Value::String(text) => Query::parse(&text),
                _ => Err(QueryError::new(format!("jmespath value must be a string {entry}"))),
            },
        }
    }
}

fn put_in(template: &Template, entry: &str, context: &Context<'_>) -> Result<Value, QueryError> {
    template
        .substitute(context)
        .map_err(|error| QueryError::new(format!("failed to substitute variables in context entry {entry}: {error}")))
}

fn text_of(template: &Template, entry: &str, context: &Context<'_>) -> Result<String, QueryError> {
    match put_in(template, entry, context)? {
        Value::String(text) => Ok(text.to_string()),
        other => Err(QueryError::new(format!("context entry {entry}: expected string, got {}", other.kind()))),
    }
}

/// The answer from outside; `None` when it was not asked for.
fn answered(answer: Answer, entry: &str) -> Result<Option<Value>, QueryError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(HostError::Disabled) => Ok(None),
        Err(HostError::Failed(message)) => {
            Err(QueryError::new(format!("failed to load context entry {entry}: {message}")))
        }
    }
}

impl Entry {
    /// Whether its value comes from other objects.
    pub(crate) fn is_outside(&self) -> bool {
        self.asks_for().is_some()
    }

    fn asks_for(&self) -> Option<Outside> {
        match self.source {
            Source::Variable { .. } => None,
            Source::ConfigMap { .. } => Some(Outside::ConfigMap),
            Source::ApiCall { .. } => Some(Outside::ApiCall),
            Source::ImageRegistry { .. } => Some(Outside::ImageRegistry),
            Source::GlobalReference { .. } => Some(Outside::GlobalContext),
        }
    }

    /// The value; `None` when the host does not ask for such things.
    pub(crate) fn evaluate(&self, context: &Context<'_>) -> Result<Option<Value>, QueryError> {
        if self.asks_for().is_some_and(|what| !context.host().asks(what)) {
            return Ok(None);
        }
        match &self.source {
            Source::Variable { value, query, default } => {
                self.variable(value.as_ref(), query.as_ref(), default.as_ref(), context).map(Some)
            }
            Source::ConfigMap { name, namespace } => self.config_map(name, namespace.as_ref(), context),
            Source::ApiCall { .. } if !context.host().calls_apis() => Ok(None),
            Source::ApiCall { call, query, default } => {
                let call = api_call(&put_in(call, &self.name, context)?);
                let answer = match (context.host().api_call(&call), default) {
                    (Err(HostError::Failed(_)), Some(default)) => return Ok(Some(default.clone())),
                    (answer, _) => answered(answer, &self.name)?,
                };
                self.searched(answer, query.as_ref(), context)
            }
            Source::ImageRegistry { reference, query } => {
                let reference = text_of(reference, &self.name, context)?;
                let answer = answered(context.host().image_data(&reference), &self.name)?;
                self.searched(answer, query.as_ref(), context)
            }
            Source::GlobalReference { name, query } => {
                let name = text_of(name, &self.name, context)?;
                let answer = answered(context.host().global_context(&name), &self.name)?;
                self.searched(answer, query.as_ref(), context)
            }
        }
    }

    fn variable(
        &self,
        value: Option<&Template>,
        query: Option<&QueryTemplate>,
        default: Option<&Template>,
        context: &Context<'_>,
    ) -> Result<Value, QueryError> {
        let query = query.map(|query| query.query(&self.name, context)).transpose()?;
        let default = default.map(|default| put_in(default, &self.name, context)).transpose()?;
        let default = default.filter(|default| !default.is_null());
        let found = match (value, &query) {
            (Some(value), None) => Ok(put_in(value, &self.name, context)?),
            (Some(value), Some(query)) => {
                let value = put_in(value, &self.name, context)?;
                context.search_on(query, &value).map_err(|error| (query, error))
            }
            (None, Some(query)) => context.search(query).map_err(|error| (query, error)),
            (None, None) => Ok(Value::Null),
        };
        let found = match (found, default) {
            (Ok(Value::Null), Some(default)) if value.is_none() => default,
            (Ok(found), _) => found,
            (Err(_), Some(default)) => default,
            (Err((query, error)), None) => {
                let message = format!("failed to apply jmespath {} to variable <nil>: {error}", query.text());
                return Err(QueryError { message, ..error });
            }
        };
        if found.is_null() {
            let message = format!("failed to add context entry for variable {} since it evaluated to nil", self.name);
            return Err(QueryError::new(message));
        }
        Ok(found)
    }

    fn config_map(
        &self,
        name: &Template,
        namespace: Option<&Template>,
        context: &Context<'_>,
    ) -> Result<Option<Value>, QueryError> {
        let name = text_of(name, &self.name, context)?;
        let namespace = namespace.map(|namespace| text_of(namespace, &self.name, context)).transpose()?;
        let own = context.policy_namespace();
        let namespace = namespace.filter(|namespace| !namespace.is_empty());
        let namespace = namespace.unwrap_or_else(|| if own.is_empty() { "default".to_owned() } else { own.to_owned() });
        if !own.is_empty() && namespace != own {
            let message = format!(
                "context entry {}: configMap namespace {namespace:?} is different from policy namespace {own:?}",
                self.name
            );
            return Err(QueryError::new(message));
        }
        let found = answered(context.host().config_map(&namespace, &name), &self.name)?;
        Ok(found.map(|found| {
            let field = |field: &str| (Key::new(field), found.get(field).cloned().unwrap_or_default());
            Value::Object([field("data"), field("metadata")].into_iter().collect())
        }))
    }

    fn searched(
        &self,
        answer: Option<Value>,
        query: Option<&QueryTemplate>,
        context: &Context<'_>,
    ) -> Result<Option<Value>, QueryError> {
        let (Some(answer), Some(query)) = (&answer, query) else { return Ok(answer) };
        let query = query.query(&self.name, context)?;
        let found = context.search_on(&query, answer).map_err(|error| {
            let message = format!("failed to apply JMESPath {} for context entry {}: {error}", query.text(), self.name);
            QueryError { message, ..error }
        })?;
        Ok(Some(found))
    }
}

/// A call as entries of contexts and of the global context say it.
pub(crate) fn api_call(fields: &Value) -> ApiCall {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let data = list(fields.get("data"));
    let entries = data.iter().map(|pair| (text(pair.get("key")), pair.get("value").cloned().unwrap_or_default()));
    let headers = list(fields.at(&["service", "headers"]));
    let method = text(fields.get("method"));
    ApiCall {
        url_path: text(fields.get("urlPath")),
        url: text(fields.at(&["service", "url"])),
        method: if method.is_empty() { "GET".to_owned() } else { method },
        data: Value::object(entries),
        headers: headers.iter().map(|pair| (text(pair.get("key")).into(), text(pair.get("value")))).collect(),
        ca_bundle: text(fields.at(&["service", "caBundle"])),
    }
}
