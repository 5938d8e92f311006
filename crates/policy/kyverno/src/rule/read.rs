//! Reading rules.

use probity_model::node::{Mapping, Node};
use probity_model::{SmolStr, Value};

use super::{Body, ImageVerification, Rule, Section, Validate};
use crate::condition::{Conditions, template_error};
use crate::entry::{Entry, QueryTemplate, Source};
use crate::generate::Generate;
use crate::image::Extractor;
use crate::matching::Matching;
use crate::mutate::Mutate;
use crate::query::Query;
use crate::read::{Path, ReadError, Within};
use crate::template::Template;

const FIELDS: &[&str] = &[
    "name",
    "context",
    "reportProperties",
    "match",
    "exclude",
    "imageExtractors",
    "preconditions",
    "celPreconditions",
    "mutate",
    "validate",
    "generate",
    "verifyImages",
    "skipBackgroundRequests",
];

impl Rule {
    /// Reads a rule. `span` is where it stands, when it was generated from one.
    pub(crate) fn read(node: Node<'_>) -> Result<Self, ReadError> {
        let fields = node.mapping()?;
        fields.only(FIELDS)?;
        let name = fields.required("name")?.string().within("name")?;
        let matching = Matching::read(fields.required("match")?).within("match")?;
        let exclude = fields.optional("exclude").map(Matching::read).transpose().within("exclude")?;
        let preconditions = fields.optional("preconditions").map(Conditions::read).transpose();
        let skip = fields.optional("skipBackgroundRequests").map(Node::boolean).transpose();
        Ok(Self {
            name: name.into(),
            matching,
            exclude: exclude.unwrap_or_default(),
            context: entries(&fields)?,
            preconditions: preconditions.within("preconditions")?,
            image_extractors: extractors(&fields).within("imageExtractors")?,
            properties: properties(&fields).within("reportProperties")?,
            skip_background_requests: skip.within("skipBackgroundRequests")?.unwrap_or(true),
            body: body(node, &fields)?,
            source: section(node),
        })
    }
}

fn section(node: Node<'_>) -> Section {
    Section { value: node.value.clone(), span: node.span }
}

fn body(node: Node<'_>, fields: &Mapping<'_>) -> Result<Body, ReadError> {
    let is_something = |node: &Node<'_>| match node.value {
        Value::Object(object) => !object.is_empty(),
        Value::Array(array) => !array.is_empty(),
        _ => true,
    };
    let mut found = Vec::new();
    for name in ["validate", "mutate", "generate", "verifyImages"] {
        found.extend(fields.optional(name).filter(is_something).map(|node| (name, node)));
    }
    match found.as_slice() {
        [("validate", node)] => Ok(Body::Validate(Box::new(Validate::read(*node, fields).within("validate")?))),
        [("mutate", node)] => Ok(Body::Mutate(Box::new(Mutate::read(*node).within("mutate")?))),
        [("generate", node)] => Ok(Body::Generate(Box::new(Generate::read(*node).within("generate")?))),
        [(_, node)] => Ok(Body::VerifyImages(ImageVerification::read_all(*node).within("verifyImages")?)),
        [] => {
            let help = "one of validate, mutate, generate, verifyImages";
            Err(node.problem("the rule does nothing").with_help(help).into())
        }
        [(first, _), (second, node), ..] => {
            let message = format!("the rule has `{first}` and `{second}`; it may have only one of them");
            Err(node.problem(message).into())
        }
    }
}

fn properties(fields: &Mapping<'_>) -> Result<Vec<(SmolStr, Template)>, ReadError> {
    let Some(node) = fields.optional("reportProperties") else { return Ok(Vec::new()) };
    let read = |(key, node): (&probity_model::Key, Node<'_>)| {
        let template = Template::of_text(&node.text()?).map_err(|error| template_error(node, &error))?;
        Ok((key.as_str().into(), template))
    };
    node.mapping()?.entries().map(read).collect()
}

fn extractors(fields: &Mapping<'_>) -> Result<Vec<(SmolStr, Vec<Extractor>)>, ReadError> {
    let Some(node) = fields.optional("imageExtractors") else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for (kind, node) in node.mapping()?.entries() {
        let read = |(index, node)| extractor(node).within(Path::Index(index)).within(kind.as_str());
        let extractors: Result<Vec<_>, ReadError> = node.list()?.into_iter().enumerate().map(read).collect();
        all.push((kind.as_str().into(), extractors?));
    }
    Ok(all)
}

fn extractor(node: Node<'_>) -> Result<Extractor, ReadError> {
    let fields = node.mapping()?;
    fields.only(&["path", "value", "name", "key", "jmesPath"])?;
    let text = |name: &str| -> Result<&str, ReadError> {
        Ok(fields.optional(name).map(Node::string).transpose().within(name)?.unwrap_or_default())
    };
    let path = fields.required("path")?;
    let mut way: Vec<SmolStr> = path.string().within("path")?.split('/').map(str::trim).map(SmolStr::from).collect();
    way.retain(|step| !step.is_empty());
    let value = match text("value")? {
        "" => way.pop().ok_or_else(|| path.problem("the path leads nowhere"))?,
        value => value.into(),
    };
    let name = match text("name")? {
        "" => "custom",
        name => name,
    };
    let query = fields.optional("jmesPath").map(|node| -> Result<Query, ReadError> {
        Query::parse(node.string()?).map_err(|error| node.problem(error.message).into())
    });
    Ok(Extractor {
        fields: way,
        key: text("key")?.into(),
        value,
        name: name.into(),
        query: query.transpose().within("jmesPath")?,
    })
}

/// Reads `context`.
pub(crate) fn entries(fields: &Mapping<'_>) -> Result<Vec<Entry>, ReadError> {
    let nodes = fields.optional("context").map(Node::list).transpose().within("context")?.unwrap_or_default();
    let read = |(index, node)| entry(node).within(Path::Index(index)).within("context");
    nodes.into_iter().enumerate().map(read).collect()
}

type ReadSource = fn(Node<'_>) -> Result<Source, ReadError>;

fn entry(node: Node<'_>) -> Result<Entry, ReadError> {
    let fields = node.mapping()?;
    fields.only(&["name", "configMap", "apiCall", "imageRegistry", "variable", "globalReference"])?;
    let name = fields.required("name")?.string().within("name")?;
    let read: [(&str, ReadSource); 5] = [
        ("configMap", config_map),
        ("apiCall", api_call),
        ("globalReference", global_reference),
        ("imageRegistry", image_registry),
        ("variable", variable),
    ];
    for (source, read) in read {
        if let Some(node) = fields.optional(source) {
            return Ok(Entry { name: name.into(), source: read(node).within(source)? });
        }
    }
    let help = "one of configMap, apiCall, globalReference, imageRegistry, variable";
    Err(node.problem(format!("nothing is said of where `{name}` comes from")).with_help(help).into())
}

fn template(node: Node<'_>) -> Result<Template, ReadError> {
    Template::compile(node.value).map_err(|error| template_error(node, &error))
}

fn optional_template(fields: &Mapping<'_>, name: &str) -> Result<Option<Template>, ReadError> {
    fields.optional(name).map(template).transpose().within(name)
}

fn required_template(fields: &Mapping<'_>, name: &str) -> Result<Template, ReadError> {
    template(fields.required(name)?).within(name)
}

fn query(fields: &Mapping<'_>) -> Result<Option<QueryTemplate>, ReadError> {
    let Some(node) = fields.optional("jmesPath") else { return Ok(None) };
    let text = node.string().within("jmesPath")?;
    if text.is_empty() {
        return Ok(None);
    }
    QueryTemplate::compile(text).map(Some).map_err(|error| node.problem(error.message)).within("jmesPath")
}

fn variable(node: Node<'_>) -> Result<Source, ReadError> {
    let fields = node.mapping()?;
    fields.only(&["value", "jmesPath", "default"])?;
    Ok(Source::Variable {
        value: optional_template(&fields, "value")?,
        query: query(&fields)?,
        default: optional_template(&fields, "default")?,
    })
}

fn config_map(node: Node<'_>) -> Result<Source, ReadError> {
    let fields = node.mapping()?;
    fields.only(&["name", "namespace"])?;
    Ok(Source::ConfigMap {
        name: required_template(&fields, "name")?,
        namespace: optional_template(&fields, "namespace")?,
    })
}

fn api_call(node: Node<'_>) -> Result<Source, ReadError> {
    let fields = node.mapping()?;
    fields.only(&["urlPath", "method", "data", "service", "default", "jmesPath"])?;
    let asked = fields.entries().filter(|(key, _)| !matches!(key.as_str(), "default" | "jmesPath"));
    let asked = Value::Object(asked.map(|(key, node)| (key.clone(), node.value.clone())).collect());
    Ok(Source::ApiCall {
        call: template(Node { value: &asked, span: node.span })?,
        query: query(&fields)?,
        default: fields.optional("default").map(|node| node.value.clone()),
    })
}

fn image_registry(node: Node<'_>) -> Result<Source, ReadError> {
    let fields = node.mapping()?;
    fields.only(&["reference", "jmesPath", "imageRegistryCredentials"])?;
    Ok(Source::ImageRegistry { reference: required_template(&fields, "reference")?, query: query(&fields)? })
}

fn global_reference(node: Node<'_>) -> Result<Source, ReadError> {
    let fields = node.mapping()?;
    fields.only(&["name", "jmesPath"])?;
    Ok(Source::GlobalReference { name: required_template(&fields, "name")?, query: query(&fields)? })
}
