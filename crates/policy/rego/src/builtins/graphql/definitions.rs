//! GraphQL schemas read as values.

use probity_model::value::Value;

use super::lexer::Kind;
use super::parser::{Node, Parser, Read, unexpected};

const LOCATIONS: [&str; 19] = [
    "QUERY",
    "MUTATION",
    "SUBSCRIPTION",
    "FIELD",
    "FRAGMENT_DEFINITION",
    "FRAGMENT_SPREAD",
    "INLINE_FRAGMENT",
    "VARIABLE_DEFINITION",
    "SCHEMA",
    "SCALAR",
    "OBJECT",
    "FIELD_DEFINITION",
    "ARGUMENT_DEFINITION",
    "INTERFACE",
    "UNION",
    "ENUM",
    "ENUM_VALUE",
    "INPUT_OBJECT",
    "INPUT_FIELD_DEFINITION",
];

/// A description, with the comments before it.
#[derive(Default)]
struct Description {
    text: String,
    comments: Vec<Value>,
}

#[derive(Default)]
struct Document {
    schema: Vec<Value>,
    schema_extension: Vec<Value>,
    directives: Vec<Value>,
    definitions: Vec<Value>,
    extensions: Vec<Value>,
}

impl Parser<'_> {
    /// A document of definitions. Those that are part of the language are marked.
    pub(super) fn schema(mut self, built_in: bool) -> Read<Value> {
        let node = self.node();
        let mut document = Document::default();
        while !self.at(Kind::Eof) {
            let place = self.described_token();
            let description = self.description()?;
            match self.word() {
                "scalar" | "type" | "interface" | "union" | "enum" | "input" => {
                    let definition = self.definition(description, built_in)?;
                    document.definitions.push(definition);
                }
                "schema" => document.schema.push(self.schema_definition(description)?),
                "directive" => document.directives.push(self.directive_definition(description)?),
                "extend" => {
                    if let (false, Some(token)) = (description.text.is_empty(), place) {
                        return Err(unexpected(&token));
                    }
                    self.extension(&mut document, built_in)?;
                }
                _ => return Err(self.unexpected()),
            }
        }
        Ok(node
            .with_list("Schema", document.schema)
            .with_list("SchemaExtension", document.schema_extension)
            .with_list("Directives", document.directives)
            .with_list("Definitions", document.definitions)
            .with_list("Extensions", document.extensions)
            .with_comments("Comment", self.comments())
            .done())
    }

    fn at_description(&self) -> bool {
        self.at(Kind::String) || self.at(Kind::BlockString)
    }

    fn described_token(&self) -> Option<super::lexer::Token> {
        self.at_description().then(|| self.current().clone())
    }

    fn description(&mut self) -> Read<Description> {
        if !self.at_description() {
            return Ok(Description::default());
        }
        let comments = self.comments();
        Ok(Description { text: self.take()?.text, comments })
    }

    /// What is common to all that can be described, with the comments behind the description.
    fn described(&self, description: Description, behind: Vec<Value>) -> Node {
        self.node()
            .with_comments("BeforeDescriptionComment", description.comments)
            .with("Description", description.text)
            .with_comments("AfterDescriptionComment", behind)
    }

    fn definition(&mut self, description: Description, built_in: bool) -> Read<Value> {
        let word = self.word().to_owned();
        let comments = self.keyword(&word)?;
        let node = self.described(description, comments).with("BuiltIn", built_in);
        Ok(self.body(node, &word)?.0.done())
    }

    /// A definition behind its first word. Tells whether it defines anything.
    fn body(&mut self, node: Node, word: &str) -> Read<(Node, bool)> {
        let kind = match word {
            "scalar" => "SCALAR",
            "type" => "OBJECT",
            "interface" => "INTERFACE",
            "union" => "UNION",
            "enum" => "ENUM",
            _ => "INPUT_OBJECT",
        };
        let node = node.with("Kind", kind).with("Name", self.name()?);
        let interfaces = if matches!(word, "type" | "interface") { self.interfaces()? } else { Vec::new() };
        let directives = self.directives(true)?;
        let mut defines = !interfaces.is_empty() || !directives.is_empty();
        let node = node.with_list("Interfaces", interfaces).with_list("Directives", directives);
        let (name, (members, end)) = match word {
            "scalar" => return Ok((node, defines)),
            "union" => ("Types", (self.members()?, Vec::new())),
            "enum" => ("EnumValues", self.some(["{", "}"], Self::enum_value)?),
            "input" => ("Fields", self.some(["{", "}"], Self::input_value)?),
            _ => ("Fields", self.some(["{", "}"], Self::field_definition)?),
        };
        defines |= !members.is_empty();
        Ok((node.with_list(name, members).with_comments("EndOfDefinitionComment", end), defines))
    }

    fn interfaces(&mut self) -> Read<Vec<Value>> {
        if self.word() != "implements" {
            return Ok(Vec::new());
        }
        self.take()?;
        self.separated("&")
    }

    fn members(&mut self) -> Read<Vec<Value>> {
        if self.skip("=")? { self.separated("|") } else { Ok(Vec::new()) }
    }

    /// Names with a sign between them, and maybe one before the first.
    fn separated(&mut self, sign: &'static str) -> Read<Vec<Value>> {
        self.skip(sign)?;
        let mut names = vec![self.name()?.into()];
        while self.skip(sign)? {
            names.push(self.name()?.into());
        }
        Ok(names)
    }

    /// A thing within a definition, up to its name.
    fn member(&mut self) -> Read<Node> {
        let mut description = self.description()?;
        if description.text.is_empty() {
            description.comments.clear();
        }
        let comments = self.comments();
        let node = self.described(description, comments);
        Ok(node.with("Name", self.name()?))
    }

    fn field_definition(&mut self) -> Read<Value> {
        let node = self.member()?.with_list("Arguments", self.argument_definitions()?);
        self.expect(Kind::Punctuator(":"))?;
        let node = node.with("Type", self.type_reference()?);
        Ok(node.with_list("Directives", self.directives(true)?).done())
    }

    fn input_value(&mut self) -> Read<Value> {
        let node = self.member()?;
        self.expect(Kind::Punctuator(":"))?;
        let node = node.with("Type", self.type_reference()?);
        let node = self.default_value(node)?;
        Ok(node.with_list("Directives", self.directives(true)?).done())
    }

    fn enum_value(&mut self) -> Read<Value> {
        let node = self.member()?;
        Ok(node.with_list("Directives", self.directives(true)?).done())
    }

    fn argument_definitions(&mut self) -> Read<Vec<Value>> {
        Ok(self.some(["(", ")"], Self::input_value)?.0)
    }

    fn operation_types(&mut self, node: Node) -> Read<(Node, bool)> {
        let directives = self.directives(true)?;
        let (operations, end) = self.some(["{", "}"], |parser| {
            let node = parser.node().with_comments("Comment", parser.comments());
            let node = node.with("Operation", parser.operation_type()?);
            parser.expect(Kind::Punctuator(":"))?;
            Ok(node.with("Type", parser.name()?).done())
        })?;
        let defines = !directives.is_empty() || !operations.is_empty();
        let node = node.with_list("Directives", directives).with_list("OperationTypes", operations);
        Ok((node.with_comments("EndOfDefinitionComment", end), defines))
    }

    fn schema_definition(&mut self, description: Description) -> Read<Value> {
        let comments = self.keyword("schema")?;
        let node = self.described(description, comments);
        Ok(self.operation_types(node)?.0.done())
    }

    fn extension(&mut self, document: &mut Document, built_in: bool) -> Read<()> {
        let comments = self.keyword("extend")?;
        let word = self.word().to_owned();
        match word.as_str() {
            "schema" | "scalar" | "type" | "interface" | "union" | "enum" | "input" => {}
            _ => return Err(self.unexpected()),
        }
        self.keyword(&word)?;
        let node = self.described(Description::default(), comments);
        let (list, (node, defines)) = if word == "schema" {
            (&mut document.schema_extension, self.operation_types(node)?)
        } else {
            (&mut document.extensions, self.body(node.with("BuiltIn", built_in), &word)?)
        };
        if !defines {
            return Err(self.unexpected());
        }
        list.push(node.done());
        Ok(())
    }

    fn directive_definition(&mut self, description: Description) -> Read<Value> {
        let comments = self.keyword("directive")?;
        self.expect(Kind::Punctuator("@"))?;
        let node = self.described(description, comments).with("Name", self.name()?);
        let node = node.with_list("Arguments", self.argument_definitions()?);
        let repeatable = self.word() == "repeatable";
        if repeatable {
            self.take()?;
        }
        self.keyword("on")?;
        self.skip("|")?;
        let mut locations = vec![self.location()?];
        while self.skip("|")? {
            locations.push(self.location()?);
        }
        Ok(node.with("IsRepeatable", repeatable).with_list("Locations", locations).done())
    }

    fn location(&mut self) -> Read<Value> {
        let token = self.expect(Kind::Name)?;
        if LOCATIONS.contains(&token.text.as_str()) { Ok(token.text.into()) } else { Err(unexpected(&token)) }
    }
}
