//! Resources to make, written as YAML with expressions in `(( ... ))` (Kyverno, `pkg/cel/policies/gpol/template`).

use probity_model::node::Node;
use probity_model::value::{Array, Key, Object};
use probity_model::yaml::{self, Dialect};
use probity_model::{Problem, SourceId, Value};
use probity_policy_admission::{Compiler, Context, Expression};
use probity_policy_cel::Value as Cel;

/// A compiled template.
#[derive(Debug, Clone)]
pub(crate) struct Template(Vec<Part>);

/// A part of a document.
#[derive(Debug, Clone)]
enum Part {
    /// As it stands.
    Literal(Value),
    Object(Vec<(Key, Part)>),
    List(Vec<Part>),
    /// An expression that gives the value, of any type.
    Spliced(Expression),
    /// Texts and expressions that give scalars, put together.
    Text(Vec<Segment>),
}

#[derive(Debug, Clone)]
enum Segment {
    Literal(String),
    Expression(Expression),
}

/// A piece of a scalar before it is compiled.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Expression(String),
}

impl Template {
    /// Reads `template` of a generation.
    ///
    /// # Errors
    /// What is wrong first, with the template's place.
    pub(crate) fn read(node: Node<'_>, compiler: &Compiler) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        fields.only(&["value", "interpolate"])?;
        let value = fields.required("value")?;
        let interpolates = match fields.optional("interpolate").map(Node::string).transpose()? {
            None | Some("" | "none") => false,
            Some("cel") => true,
            Some(other) => {
                let problem = node.problem(format!("`{other}` is not a way to interpolate"));
                return Err(problem.with_help("one of none, cel"));
            }
        };
        let documents = yaml::read(value.string()?, SourceId(0), Dialect::Core);
        let documents = documents.map_err(|(problem, _)| value.problem(format!("not YAML: {}", problem.message)))?;
        let reader = Reader { at: value, compiler, interpolates };
        let documents = documents.iter().filter(|document| !document.value.is_null());
        let parts: Vec<Part> = documents.map(|document| reader.document(&document.value)).collect::<Result<_, _>>()?;
        if parts.is_empty() {
            return Err(value.problem("the template has no document"));
        }
        Ok(Self(parts))
    }

    /// The resources that the template gives.
    ///
    /// # Errors
    /// When an expression has no value, or one that does not fit.
    pub(crate) fn render(&self, context: &Context<'_>) -> Result<Vec<Value>, String> {
        let render = |(index, part): (usize, &Part)| {
            let rendered = part.render(context).map_err(|error| format!("document {}: {error}", index + 1))?;
            match rendered {
                Value::Object(_) => Ok(rendered),
                other => Err(format!("document {}: a resource is an object, not a {}", index + 1, other.kind())),
            }
        };
        self.0.iter().enumerate().map(render).collect()
    }
}

struct Reader<'r> {
    at: Node<'r>,
    compiler: &'r Compiler,
    interpolates: bool,
}

impl Reader<'_> {
    fn document(&self, value: &Value) -> Result<Part, Problem> {
        let part = self.part(value)?;
        match part {
            Part::Object(_) | Part::Spliced(_) | Part::Literal(Value::Object(_)) => Ok(part),
            _ => Err(self.at.problem("a document of a template is a mapping that describes a resource")),
        }
    }

    fn part(&self, value: &Value) -> Result<Part, Problem> {
        if !self.interpolates || !has_placeholder(value) {
            return Ok(Part::Literal(value.clone()));
        }
        match value {
            Value::Object(object) => self.object(object),
            Value::Array(array) => {
                array.iter().map(|element| self.part(element)).collect::<Result<_, _>>().map(Part::List)
            }
            Value::String(text) => self.scalar(text),
            other => Ok(Part::Literal(other.clone())),
        }
    }

    fn object(&self, object: &Object) -> Result<Part, Problem> {
        let mut entries = Vec::with_capacity(object.len());
        for (key, value) in object.iter() {
            if key.as_str().contains("((") {
                let problem = self.at.problem(format!("`{key}`: placeholders are not supported in keys"));
                return Err(problem.with_help("let a placeholder give the whole mapping"));
            }
            entries.push((key.clone(), self.part(value)?));
        }
        Ok(Part::Object(entries))
    }

    fn scalar(&self, text: &str) -> Result<Part, Problem> {
        let pieces = scan(text).map_err(|message| self.at.problem(message))?;
        if let [Piece::Expression(expression)] = &pieces[..] {
            return self.expression(expression).map(Part::Spliced);
        }
        let segment = |piece| match piece {
            Piece::Literal(text) => Ok(Segment::Literal(text)),
            Piece::Expression(text) => self.expression(&text).map(Segment::Expression),
        };
        pieces.into_iter().map(segment).collect::<Result<_, _>>().map(Part::Text)
    }

    fn expression(&self, text: &str) -> Result<Expression, Problem> {
        let text = Value::from(text);
        self.compiler.expression(Node::root(&text, self.at.span), &[])
    }
}

impl Part {
    fn render(&self, context: &Context<'_>) -> Result<Value, String> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Object(entries) => {
                let entries = entries.iter().map(|(key, part)| {
                    let value = part.render(context).map_err(|error| format!("field \"{key}\": {error}"))?;
                    Ok((key.clone(), value))
                });
                entries.collect::<Result<Object, String>>().map(Value::Object)
            }
            Self::List(parts) => {
                let elements = parts.iter().map(|part| part.render(context));
                elements.collect::<Result<Array, String>>().map(Value::Array)
            }
            Self::Spliced(expression) => {
                let value = evaluate(expression, context)?;
                value.to_model().map_err(|error| format!("placeholder `{}`: {error}", expression.text()))
            }
            Self::Text(segments) => {
                let texts = segments.iter().map(|segment| segment.render(context));
                texts.collect::<Result<String, String>>().map(Value::from)
            }
        }
    }
}

impl Segment {
    fn render(&self, context: &Context<'_>) -> Result<String, String> {
        let expression = match self {
            Self::Literal(text) => return Ok(text.clone()),
            Self::Expression(expression) => expression,
        };
        match evaluate(expression, context)? {
            Cel::String(text) => Ok(text.to_string()),
            Cel::Bool(truth) => Ok(truth.to_string()),
            Cel::Int(int) => Ok(int.to_string()),
            Cel::Uint(uint) => Ok(uint.to_string()),
            Cel::Double(double) => Ok(double.to_string()),
            other => Err(format!(
                "placeholder `{}` within a text must give a scalar, not a {}",
                expression.text(),
                other.type_name()
            )),
        }
    }
}

fn evaluate(expression: &Expression, context: &Context<'_>) -> Result<Cel, String> {
    let failed = |error| format!("failed to evaluate placeholder `{}`: {error}", expression.text());
    expression.evaluate(context).map_err(failed)
}

fn has_placeholder(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("(("),
        Value::Array(array) => array.iter().any(has_placeholder),
        Value::Object(object) => {
            object.iter().any(|(key, value)| key.as_str().contains("((") || has_placeholder(value))
        }
        _ => false,
    }
}

/// Parts a text into what stands as it is and what is evaluated; `\((` stands for `((`.
fn scan(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("\\((") {
            literal.push_str("((");
            rest = after;
        } else if let Some(after) = rest.strip_prefix("((") {
            let end = closing(after)?;
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            match after[..end].trim() {
                "" => return Err(format!("`{text}` has an empty placeholder")),
                expression => pieces.push(Piece::Expression(expression.to_owned())),
            }
            rest = &after[end + 2..];
        } else {
            let letter = rest.chars().next().unwrap_or_default();
            literal.push(letter);
            rest = &rest[letter.len_utf8()..];
        }
    }
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Ok(pieces)
}

/// Where the parentheses close that are open at the beginning; those in texts and within others do not count.
fn closing(text: &str) -> Result<usize, String> {
    let (mut open, mut quote) = (0_usize, None);
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match (quote, letter) {
            (Some(_), '\\') => drop(letters.next()),
            (Some(known), _) if known == letter => quote = None,
            (None, '"' | '\'') => quote = Some(letter),
            (None, '(') => open += 1,
            (None, ')') if open > 0 => open -= 1,
            (None, ')') if text[at + 1..].starts_with(')') => return Ok(at),
            (None, ')') => return Err("a placeholder has a parenthesis too many".to_owned()),
            _ => {}
        }
    }
    Err("a placeholder is not closed by `))`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_are_parted_at_placeholders() {
        let literal = |text: &str| Piece::Literal(text.to_owned());
        let expression = |text: &str| Piece::Expression(text.to_owned());
        for (text, expected) in [
            ("abc", Ok(vec![literal("abc")])),
            ("(( a ))", Ok(vec![expression("a")])),
            ("x-(( string(f(x)) ))-y", Ok(vec![literal("x-"), expression("string(f(x))"), literal("-y")])),
            ("(( \":))\".size() ))", Ok(vec![expression("\":))\".size()")])),
            ("\\((a))", Ok(vec![literal("((a))")])),
            ("(( a", Err(())),
            ("(( ))", Err(())),
            ("(( a) b ))", Err(())),
        ] {
            assert_eq!(scan(text).map_err(drop), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parted_or_refused(text in "[\\(\\)\\\\a'\"é ]{0,24}") {
            let _ = scan(&text);
        }
    }
}
