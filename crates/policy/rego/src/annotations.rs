//! `# METADATA` blocks: what policies say of themselves.

use probity_model::value::{Array, Key, Object, SmolStr, Value};
use probity_model::{Sources, Span, yaml};

use crate::ast::{Expr, Module, Term, TermKind, Terms, ref_text};
use crate::error::{Code, Error, Errors};
use crate::parser::Comment;

/// What a block speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The rule below it.
    Rule,
    /// All rules of the name of the one below it.
    Document,
    /// The package.
    Package,
    /// The package and those below it.
    Subpackages,
}

impl Scope {
    /// The scope as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Document => "document",
            Self::Package => "package",
            Self::Subpackages => "subpackages",
        }
    }
}

/// What a block stands above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The package statement.
    Package,
    /// A rule, by its position in the module.
    Rule(usize),
    /// Nothing that can have annotations.
    Nothing,
}

/// A person who wrote a policy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Author {
    /// Name, may be empty when there is an address.
    pub name: String,
    /// Mail address, may be empty.
    pub email: String,
}

/// A page about a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelatedResource {
    /// Its address.
    pub reference: String,
    /// What it is, may be empty.
    pub description: String,
}

/// A document that is of a schema.
#[derive(Debug, Clone)]
pub struct SchemaAnnotation {
    /// The document, such as `input.request`.
    pub path: Vec<Term>,
    /// Its schema.
    pub schema: Schema,
}

/// A JSON schema.
#[derive(Debug, Clone)]
pub enum Schema {
    /// One that is given to the compiler, by its name, such as `schema.kubernetes.pod`.
    Named(String),
    /// One that stands in the block.
    Inline(Value),
}

/// One `# METADATA` block.
#[derive(Debug, Clone)]
pub struct Annotations {
    /// Where it stands.
    pub span: Span,
    /// The line it begins in, from 1.
    pub row: u32,
    /// What it speaks of.
    pub scope: Scope,
    /// What it stands above.
    pub target: Target,
    /// One line.
    pub title: String,
    /// Some lines.
    pub description: String,
    /// Whether the rule is to be asked from outside.
    pub entrypoint: bool,
    /// Organizations that stand behind it.
    pub organizations: Vec<String>,
    /// Pages about it.
    pub related_resources: Vec<RelatedResource>,
    /// Who wrote it.
    pub authors: Vec<Author>,
    /// Schemas of documents, as they are written.
    pub schemas: Option<Value>,
    /// The same, read.
    pub schema_types: Vec<SchemaAnnotation>,
    /// Whatever else, an object.
    pub custom: Option<Object>,
    /// Labels, an object.
    pub labels: Option<Object>,
}

impl Annotations {
    /// The block as `rego.metadata.rule` gives it.
    pub fn to_value(&self) -> Value {
        let mut entries: Vec<(Key, Value)> = vec![(Key::new("scope"), self.scope.as_str().into())];
        let mut add = |key: &str, value: Value| entries.push((Key::new(key), value));
        if !self.title.is_empty() {
            add("title", self.title.as_str().into());
        }
        if !self.description.is_empty() {
            add("description", self.description.as_str().into());
        }
        if self.entrypoint {
            add("entrypoint", true.into());
        }
        if !self.organizations.is_empty() {
            add("organizations", Value::array(self.organizations.iter().map(|name| name.as_str().into())));
        }
        if !self.related_resources.is_empty() {
            add("related_resources", Value::array(self.related_resources.iter().map(resource_value)));
        }
        if !self.authors.is_empty() {
            add("authors", Value::array(self.authors.iter().map(author_value)));
        }
        if let Some(schemas) = &self.schemas {
            add("schemas", schemas.clone());
        }
        for (key, object) in [("custom", &self.custom), ("labels", &self.labels)] {
            if let Some(object) = object.as_ref().filter(|object| !object.is_empty()) {
                add(key, Value::Object(object.clone()));
            }
        }
        Value::Object(entries.into_iter().collect())
    }
}

fn pairs(list: &[(&str, &str)]) -> Value {
    Value::object(list.iter().filter(|(_, text)| !text.is_empty()).map(|(key, text)| (*key, Value::from(*text))))
}

fn resource_value(resource: &RelatedResource) -> Value {
    pairs(&[("ref", &resource.reference), ("description", &resource.description)])
}

fn author_value(author: &Author) -> Value {
    pairs(&[("name", &author.name), ("email", &author.email)])
}

/// Reads the blocks among a module's comments.
pub(crate) fn parse(comments: &[Comment]) -> Result<Vec<Annotations>, Errors> {
    let mut blocks = Vec::new();
    let mut index = 0;
    while index < comments.len() {
        let head = &comments[index];
        index += 1;
        if !is_head(head) {
            continue;
        }
        let mut text = String::new();
        let mut last = head;
        while let Some(comment) = comments.get(index)
            && comment.column == 1
            && comment.row == last.row + 1
            && !is_head(comment)
        {
            text.push_str(comment.text.strip_prefix(' ').unwrap_or(&comment.text));
            text.push('\n');
            last = comment;
            index += 1;
        }
        blocks.push(block(head, last, &text)?);
    }
    Ok(blocks)
}

fn is_head(comment: &Comment) -> bool {
    comment.column == 1 && comment.text.trim().starts_with("METADATA")
}

fn block(head: &Comment, last: &Comment, text: &str) -> Result<Annotations, Error> {
    let span = Span { end: last.span.end, ..head.span };
    let fail = |message: String| Error::new(Code::Parse, span, message);
    if text.trim().is_empty() {
        return Err(fail("expected METADATA block, found whitespace".to_owned()));
    }
    let documents = yaml::read(text, head.span.source, yaml::Dialect::Core)
        .map_err(|(problem, _)| fail(format!("METADATA is not valid YAML: {}", problem.message)))?;
    let document = documents.into_iter().next().map(|document| document.value).unwrap_or_default();
    let Value::Object(object) = document else { return Err(fail("METADATA must be a mapping".to_owned())) };
    let text_of = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let list_of = |key: &str| object.get(key).and_then(Value::as_array).map_or(&[][..], Array::as_slice);
    let scope = match text_of("scope").as_str() {
        "" | "rule" => Scope::Rule,
        "document" => Scope::Document,
        "package" => Scope::Package,
        "subpackages" => Scope::Subpackages,
        other => return Err(fail(format!("invalid scope: '{other}'"))),
    };
    Ok(Annotations {
        span,
        row: head.row,
        scope,
        // Whether a scope was given is kept here until the target is known.
        target: if object.get("scope").is_some() { Target::Package } else { Target::Nothing },
        title: text_of("title"),
        description: text_of("description"),
        entrypoint: object.get("entrypoint").and_then(Value::as_bool).unwrap_or_default(),
        organizations: list_of("organizations").iter().filter_map(|name| name.as_str().map(str::to_owned)).collect(),
        related_resources: list_of("related_resources").iter().map(resource).collect::<Result<_, _>>().map_err(fail)?,
        authors: list_of("authors").iter().map(author).collect::<Result<_, _>>().map_err(fail)?,
        schemas: object.get("schemas").cloned(),
        schema_types: object.get("schemas").map_or_else(|| Ok(Vec::new()), schemas).map_err(fail)?,
        custom: object.get("custom").and_then(Value::as_object).cloned(),
        labels: object.get("labels").and_then(Value::as_object).cloned(),
    })
}

fn resource(value: &Value) -> Result<RelatedResource, String> {
    let (reference, description) = match value {
        Value::String(text) => (text.trim(), ""),
        Value::Object(object) => {
            let text = |key| object.get(key).and_then(Value::as_str).unwrap_or_default().trim();
            (text("ref"), text("description"))
        }
        _ => return Err("invalid related-resource definition: must be string or map".to_owned()),
    };
    if reference.is_empty() {
        return Err("invalid related-resource definition: 'ref' may not be empty".to_owned());
    }
    Ok(RelatedResource { reference: reference.to_owned(), description: description.to_owned() })
}

fn schemas(value: &Value) -> Result<Vec<SchemaAnnotation>, String> {
    let wrong = || "invalid schema declaration: must be a list of mappings from a document to its schema".to_owned();
    let mut found = Vec::new();
    for pair in value.as_array().ok_or_else(wrong)? {
        let (key, schema) = pair.as_object().and_then(|pair| pair.iter().next()).ok_or_else(wrong)?;
        let path = reference(key.as_str()).ok_or("invalid document reference")?;
        let schema = match schema {
            Value::String(name) => {
                let name = reference(name).filter(|parts| parts[0].as_var().is_some_and(|name| name == "schema"));
                Schema::Named(ref_text(&name.ok_or("invalid schema reference")?))
            }
            Value::Object(_) => Schema::Inline(schema.clone()),
            _ => return Err(format!("invalid schema declaration for path {:?}", key.as_str())),
        };
        found.push(SchemaAnnotation { path, schema });
    }
    Ok(found)
}

/// The parts of a text that is nothing but a reference or a variable.
fn reference(text: &str) -> Option<Vec<Term>> {
    let body = crate::parser::parse_query(text, &Sources::default()).ok()?;
    let [Expr { terms: Terms::Term(term), negated: false, .. }] = &body[..] else { return None };
    match &term.kind {
        TermKind::Ref(parts) => Some(parts.clone()),
        TermKind::Var(_) => Some(vec![term.clone()]),
        _ => None,
    }
}

fn author(value: &Value) -> Result<Author, String> {
    match value {
        Value::String(text) => {
            let mut words: Vec<&str> = text.split_whitespace().collect();
            let email = words
                .last()
                .and_then(|last| last.strip_prefix('<')?.strip_suffix('>'))
                .map(str::to_owned)
                .unwrap_or_default();
            if !email.is_empty() {
                words.pop();
            }
            if words.is_empty() && email.is_empty() {
                return Err("invalid author definition: author is an empty string".to_owned());
            }
            Ok(Author { name: words.join(" "), email })
        }
        Value::Object(object) => {
            let text = |key| object.get(key).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
            let author = Author { name: text("name"), email: text("email") };
            if author == Author::default() {
                return Err("invalid author definition: 'name' and/or 'email' values required in object".to_owned());
            }
            Ok(author)
        }
        _ => Err("invalid author definition: must be string or map".to_owned()),
    }
}

/// Finds what each block stands above.
pub(crate) fn attach(module: &mut Module) -> Result<(), Errors> {
    if module.annotations.is_empty() {
        return Ok(());
    }
    let mut below: Vec<(u32, Option<Target>)> = vec![(module.package_span.start, Some(Target::Package))];
    below.extend(module.imports.iter().map(|import| (import.span.start, None)));
    below.extend(module.rules.iter().enumerate().map(|(index, rule)| (rule.span.start, Some(Target::Rule(index)))));
    below.sort_by_key(|(start, _)| *start);
    let mut errors = Vec::new();
    for block in &mut module.annotations {
        let given = block.target == Target::Package;
        let next = below.iter().find(|(start, _)| *start > block.span.start);
        let target = match next {
            Some((_, Some(target))) => *target,
            Some((_, None)) => {
                errors.push(Error::new(Code::Parse, block.span, "invalid scope: 'import'"));
                continue;
            }
            None => Target::Nothing,
        };
        block.target = target;
        if !given {
            block.scope = match target {
                Target::Rule(_) if block.entrypoint => Scope::Document,
                Target::Package => Scope::Package,
                _ => Scope::Rule,
            };
        }
        let (fits, wanted) = match block.scope {
            Scope::Rule | Scope::Document => (matches!(target, Target::Rule(_)), "rule"),
            Scope::Package | Scope::Subpackages => (target == Target::Package, "package"),
        };
        // A block at the end of a text speaks of nothing.
        if !fits && target != Target::Nothing {
            let message = format!("annotation scope '{}' must be applied to {wanted}", block.scope.as_str());
            errors.push(Error::new(Code::Parse, block.span, message));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Errors(errors)) }
}

/// The blocks of all modules, looked up by what they speak of.
#[derive(Debug)]
pub(crate) struct Set<'m> {
    modules: &'m [Module],
}

impl<'m> Set<'m> {
    pub(crate) fn new(modules: &'m [Module]) -> Self {
        Self { modules }
    }

    fn rule_blocks(&self, module: usize, rule: usize) -> Vec<&'m Annotations> {
        let mut blocks: Vec<_> = self.modules[module]
            .annotations
            .iter()
            .filter(|block| block.scope == Scope::Rule && block.target == Target::Rule(rule))
            .collect();
        blocks.sort_by_key(|block| std::cmp::Reverse(block.row));
        blocks
    }

    /// What `rego.metadata.rule` gives within a rule.
    pub(crate) fn rule(&self, module: usize, rule: usize) -> Value {
        self.rule_blocks(module, rule).last().map_or_else(|| Value::object::<&str>([]), |block| block.to_value())
    }

    /// What `rego.metadata.chain` gives within a rule: its own blocks, those of its document, package and the packages
    /// above.
    pub(crate) fn chain(&self, module: usize, rule: usize) -> Value {
        let path = rule_path(&self.modules[module], rule);
        let package = package_path(&self.modules[module]);
        let own = self.rule_blocks(module, rule);
        let mut links = Vec::new();
        if own.is_empty() {
            links.push(link(&path, None));
        }
        links.extend(own.into_iter().map(|block| link(&path, Some(block))));
        let blocks =
            || self.modules.iter().flat_map(|module| module.annotations.iter().map(move |block| (module, block)));
        links.extend(
            blocks()
                .filter(|(module, block)| match block.target {
                    Target::Rule(index) => block.scope == Scope::Document && rule_path(module, index) == path,
                    _ => false,
                })
                .map(|(_, block)| link(&path, Some(block)))
                .take(1),
        );
        let of_package = |(module, block): &(&Module, &Annotations)| {
            block.scope == Scope::Package && package_path(module) == package
        };
        links.extend(blocks().filter(of_package).map(|(_, block)| link(&package, Some(block))).take(1));
        let mut above: Vec<_> = blocks()
            .filter(|(module, block)| {
                block.scope == Scope::Subpackages && package.starts_with(&package_path(module)[..])
            })
            .map(|(module, block)| (package_path(module), block))
            .collect();
        above.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        links.extend(above.into_iter().map(|(path, block)| link(&path, Some(block))));
        Value::array(links)
    }
}

fn link(path: &[SmolStr], block: Option<&Annotations>) -> Value {
    let path = Value::array(path.iter().map(|part| Value::String(part.clone())));
    match block {
        Some(block) => Value::object([("path", path), ("annotations", block.to_value())]),
        None => Value::object([("path", path)]),
    }
}

fn package_path(module: &Module) -> Vec<SmolStr> {
    module.package[1..].iter().filter_map(|part| part.as_str().map(SmolStr::new)).collect()
}

/// The path of a rule as far as it is constant.
pub(crate) fn rule_path(module: &Module, rule: usize) -> Vec<SmolStr> {
    let mut path = package_path(module);
    for (index, part) in module.rules[rule].head.reference.iter().enumerate() {
        if index == 0 {
            path.push(ref_text(std::slice::from_ref(part)).into());
        } else if let Some(text) = part.as_str() {
            path.push(text.into());
        } else {
            break;
        }
    }
    path
}
