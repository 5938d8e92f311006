//! GraphQL documents read as values, with the fields that OPA gives them.
//!
//! Each thing is an object; the line and column where it stands are under `Position`, which is
//! not part of what policies see.

use probity_model::value::Value;

use super::Wrong;
use super::lexer::{Kind, Lexer, Token};

/// How deep things may be nested.
const MAX_DEPTH: usize = 200;

pub(super) type Read<T> = Result<T, Wrong>;
type Comments = Vec<Value>;

pub(super) struct Parser<'t> {
    lexer: Lexer<'t>,
    token: Token,
    /// The lexer's complaint about this token, which counts when the token is taken.
    wrong: Option<Wrong>,
    /// The comments before this token.
    comments: Comments,
    depth: usize,
}

/// The fields of a thing that is being read.
pub(super) struct Node(Vec<(&'static str, Value)>);

impl Node {
    pub(super) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    pub(super) fn with_list(self, name: &'static str, list: Vec<Value>) -> Self {
        self.with(name, Value::array(list))
    }

    pub(super) fn with_comments(self, name: &'static str, comments: Comments) -> Self {
        if comments.is_empty() {
            return self;
        }
        self.with(name, Value::object([("List", Value::array(comments))]))
    }

    pub(super) fn done(self) -> Value {
        Value::object(self.0)
    }
}

pub(super) fn unexpected(token: &Token) -> Wrong {
    Wrong { message: format!("Unexpected {}", token.describe()), place: Some(token.place) }
}

impl<'t> Parser<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let token = Token { kind: Kind::Eof, text: String::new(), place: (1, 1) };
        let mut parser = Self { lexer: Lexer::new(text), token, wrong: None, comments: Vec::new(), depth: 0 };
        parser.advance();
        parser
    }

    fn advance(&mut self) {
        self.comments = Vec::new();
        loop {
            (self.token, self.wrong) = self.lexer.next();
            if self.token.kind != Kind::Comment {
                return;
            }
            self.comments.push(Value::object([("Value", std::mem::take(&mut self.token.text).into())]));
        }
    }

    /// Takes this token.
    pub(super) fn take(&mut self) -> Read<Token> {
        if let Some(wrong) = self.wrong.take() {
            return Err(wrong);
        }
        let token = self.token.clone();
        self.advance();
        Ok(token)
    }

    pub(super) fn current(&self) -> &Token {
        &self.token
    }

    /// The comments before this token.
    pub(super) fn comments(&self) -> Comments {
        self.comments.clone()
    }

    pub(super) fn node(&self) -> Node {
        let (line, column) = self.token.place;
        let count = |n: usize| Value::from(i64::try_from(n).unwrap_or(i64::MAX));
        Node(vec![("Position", Value::array([count(line), count(column)]))])
    }

    pub(super) fn at(&self, kind: Kind) -> bool {
        self.token.kind == kind
    }

    pub(super) fn at_sign(&self, sign: &'static str) -> bool {
        self.at(Kind::Punctuator(sign))
    }

    /// The name that stands here, or nothing.
    pub(super) fn word(&self) -> &str {
        if self.at(Kind::Name) { &self.token.text } else { "" }
    }

    pub(super) fn skip(&mut self, sign: &'static str) -> Read<bool> {
        let found = self.at_sign(sign);
        if found {
            self.take()?;
        }
        Ok(found)
    }

    fn error(&self, message: String) -> Wrong {
        Wrong { message, place: Some(self.token.place) }
    }

    pub(super) fn unexpected(&self) -> Wrong {
        unexpected(&self.token)
    }

    fn expected(&self, what: &str) -> Wrong {
        self.error(format!("Expected {what}, found {}", self.token.kind.describe()))
    }

    pub(super) fn expect(&mut self, kind: Kind) -> Read<Token> {
        if self.at(kind) { self.take() } else { Err(self.expected(kind.describe())) }
    }

    pub(super) fn keyword(&mut self, word: &str) -> Read<Comments> {
        if self.word() != word {
            return Err(self.error(format!("Expected {word:?}, found {}", self.token.describe())));
        }
        let comments = self.comments();
        self.take()?;
        Ok(comments)
    }

    pub(super) fn name(&mut self) -> Read<String> {
        Ok(self.expect(Kind::Name)?.text)
    }

    /// One or more things between two signs, or nothing when the first is not there. Gives the
    /// comments before the second, too.
    pub(super) fn some(
        &mut self,
        signs: [&'static str; 2],
        mut read: impl FnMut(&mut Self) -> Read<Value>,
    ) -> Read<(Vec<Value>, Comments)> {
        let mut found = Vec::new();
        if !self.skip(signs[0])? {
            return Ok((found, Vec::new()));
        }
        while !self.at_sign(signs[1]) {
            found.push(read(self)?);
        }
        if found.is_empty() {
            let token = self.token.kind.describe();
            return Err(self.error(format!("expected at least one definition, found {token}")));
        }
        let comments = self.comments();
        self.take()?;
        Ok((found, comments))
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        if self.depth >= MAX_DEPTH {
            return Err(self.error("nested too deep".to_owned()));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    /// A document of operations and fragments.
    pub(super) fn query(mut self) -> Read<Value> {
        let (mut operations, mut fragments) = (Vec::new(), Vec::new());
        while !self.at(Kind::Eof) {
            match self.word() {
                "query" | "mutation" | "subscription" => operations.push(self.operation()?),
                "fragment" => fragments.push(self.fragment_definition()?),
                _ if self.at_sign("{") => operations.push(self.operation()?),
                _ => return Err(self.unexpected()),
            }
        }
        Ok(Node(Vec::new()).with_list("Operations", operations).with_list("Fragments", fragments).done())
    }

    fn operation(&mut self) -> Read<Value> {
        let node = self.node();
        if self.at_sign("{") {
            let set = self.required_selections()?;
            return Ok(node.with("Operation", "query").with("Name", "").with_list("SelectionSet", set).done());
        }
        let node = node.with_comments("Comment", self.comments()).with("Operation", self.operation_type()?);
        let name = if self.at(Kind::Name) { self.name()? } else { String::new() };
        Ok(node
            .with("Name", name)
            .with_list("VariableDefinitions", self.variable_definitions()?)
            .with_list("Directives", self.directives(false)?)
            .with_list("SelectionSet", self.required_selections()?)
            .done())
    }

    pub(super) fn operation_type(&mut self) -> Read<String> {
        let token = self.take()?;
        match token.text.as_str() {
            "query" | "mutation" | "subscription" => Ok(token.text),
            _ => Err(unexpected(&token)),
        }
    }

    fn variable_definitions(&mut self) -> Read<Vec<Value>> {
        let read = self.some(["(", ")"], |parser| {
            let node = parser.node().with_comments("Comment", parser.comments());
            let node = node.with("Used", false).with("Variable", parser.variable()?);
            parser.expect(Kind::Punctuator(":"))?;
            let node = node.with("Type", parser.type_reference()?);
            let node = parser.default_value(node)?;
            Ok(node.with_list("Directives", parser.directives(false)?).done())
        })?;
        Ok(read.0)
    }

    pub(super) fn default_value(&mut self, node: Node) -> Read<Node> {
        Ok(if self.skip("=")? { node.with("DefaultValue", self.value(true)?) } else { node })
    }

    fn variable(&mut self) -> Read<String> {
        self.expect(Kind::Punctuator("$"))?;
        self.name()
    }

    fn required_selections(&mut self) -> Read<Vec<Value>> {
        if !self.at_sign("{") {
            return Err(self.expected("{"));
        }
        self.selections()
    }

    fn selections(&mut self) -> Read<Vec<Value>> {
        let read = self.deeper(|parser| {
            parser.some(["{", "}"], |parser| if parser.at_sign("...") { parser.fragment() } else { parser.field() })
        })?;
        Ok(read.0)
    }

    fn field(&mut self) -> Read<Value> {
        let node = self.node().with_comments("Comment", self.comments());
        let alias = self.name()?;
        let name = if self.skip(":")? { self.name()? } else { alias.clone() };
        let node = node
            .with("Alias", alias)
            .with("Name", name)
            .with_list("Arguments", self.arguments(false)?)
            .with_list("Directives", self.directives(false)?);
        Ok(node.with_list("SelectionSet", self.selections()?).done())
    }

    fn arguments(&mut self, constant: bool) -> Read<Vec<Value>> {
        let read = self.some(["(", ")"], |parser| parser.named_value(constant))?;
        Ok(read.0)
    }

    fn named_value(&mut self, constant: bool) -> Read<Value> {
        let node = self.node().with_comments("Comment", self.comments());
        let node = node.with("Name", self.name()?);
        self.expect(Kind::Punctuator(":"))?;
        Ok(node.with("Value", self.value(constant)?).done())
    }

    fn fragment(&mut self) -> Read<Value> {
        let comments = self.comments();
        self.expect(Kind::Punctuator("..."))?;
        let node = self.node().with_comments("Comment", comments);
        if !matches!(self.word(), "" | "on") {
            let node = node.with("Name", self.name()?);
            return Ok(node.with_list("Directives", self.directives(false)?).done());
        }
        let condition = if self.word() == "on" {
            self.take()?;
            self.name()?
        } else {
            String::new()
        };
        Ok(node
            .with("TypeCondition", condition)
            .with_list("Directives", self.directives(false)?)
            .with_list("SelectionSet", self.required_selections()?)
            .done())
    }

    fn fragment_definition(&mut self) -> Read<Value> {
        let node = self.node().with_comments("Comment", self.comments());
        self.keyword("fragment")?;
        if self.word() == "on" {
            return Err(self.unexpected());
        }
        let node = node.with("Name", self.name()?).with_list("VariableDefinition", self.variable_definitions()?);
        self.keyword("on")?;
        Ok(node
            .with("TypeCondition", self.name()?)
            .with_list("Directives", self.directives(false)?)
            .with_list("SelectionSet", self.required_selections()?)
            .done())
    }

    pub(super) fn value(&mut self, constant: bool) -> Read<Value> {
        self.deeper(|parser| parser.value_inside(constant))
    }

    fn value_inside(&mut self, constant: bool) -> Read<Value> {
        let node = self.node().with("ExpectedTypeHasDefault", false);
        let leaf = match self.token.kind {
            Kind::Punctuator("[") => {
                let node = node.with_comments("Comment", self.comments());
                let children = self.many(["[", "]"], |parser| {
                    Ok(Value::object([("Name", Value::from("")), ("Value", parser.value(constant)?)]))
                })?;
                return Ok(node.with("Raw", "").with_list("Children", children).with("Kind", super::LIST).done());
            }
            Kind::Punctuator("{") => {
                let node = node.with_comments("Comment", self.comments());
                let children = self.many(["{", "}"], |parser| parser.named_value(constant))?;
                return Ok(node.with("Raw", "").with_list("Children", children).with("Kind", super::OBJECT).done());
            }
            Kind::Punctuator("$") if !constant => {
                return Ok(node.with("Raw", self.variable()?).with("Kind", super::VARIABLE).done());
            }
            Kind::Int => super::INT,
            Kind::Float => super::FLOAT,
            Kind::String => super::STRING,
            Kind::BlockString => super::BLOCK,
            Kind::Name => match self.token.text.as_str() {
                "true" | "false" => super::BOOLEAN,
                "null" => super::NULL,
                _ => super::ENUM,
            },
            _ => return Err(self.unexpected()),
        };
        Ok(node.with("Raw", self.take()?.text).with("Kind", leaf).done())
    }

    /// Any number of things between two signs.
    fn many(&mut self, signs: [&'static str; 2], mut read: impl FnMut(&mut Self) -> Read<Value>) -> Read<Vec<Value>> {
        let mut found = Vec::new();
        if self.skip(signs[0])? {
            while !self.at_sign(signs[1]) {
                found.push(read(self)?);
            }
            self.take()?;
        }
        Ok(found)
    }

    pub(super) fn directives(&mut self, constant: bool) -> Read<Vec<Value>> {
        let mut directives = Vec::new();
        while self.skip("@")? {
            let node = self.node().with("Location", "").with("Name", self.name()?);
            directives.push(node.with_list("Arguments", self.arguments(constant)?).done());
        }
        Ok(directives)
    }

    pub(super) fn type_reference(&mut self) -> Read<Value> {
        self.deeper(|parser| {
            let node = if parser.skip("[")? {
                let node = parser.node().with("NamedType", "").with("Elem", parser.type_reference()?);
                parser.expect(Kind::Punctuator("]"))?;
                node
            } else {
                parser.node().with("NamedType", parser.name()?)
            };
            Ok(node.with("NonNull", parser.skip("!")?).done())
        })
    }
}
