//! The intrinsic functions.

use ipnet::IpNet;
use probity_model::value::{Array, Object};
use probity_model::{Key, Problem, Span, Value, json};

use super::eval::{Evaluator, has_unknown, placeholder};

/// Most networks that `Fn::Cidr` makes.
const MAX_NETWORKS: usize = 256;

/// Functions that only rules of parameters and the service itself can answer.
const UNANSWERED: [&str; 8] = [
    "Fn::GetAZs",
    "Fn::Contains",
    "Fn::EachMemberEquals",
    "Fn::EachMemberIn",
    "Fn::RefAll",
    "Fn::ValueOf",
    "Fn::ValueOfAll",
    "Fn::GetStackOutput",
];

/// A value, or the unknown that stands for it.
type Made<T> = Result<T, Value>;

impl Evaluator<'_, '_> {
    /// Applies a function.
    pub(super) fn apply(&mut self, function: &str, argument: &Value, span: Span) -> Option<Value> {
        let made = match function {
            "Ref" => match argument.as_str() {
                Some(name) => return self.reference(name, span),
                None => Err(self.wrong(function, "the name of a parameter or a resource", span)),
            },
            "Fn::If" => return self.either(argument, span),
            "Fn::Sub" => return Some(self.sub(argument, span).unwrap_or_else(|unknown| unknown)),
            "Fn::Base64" => return self.value(argument, span),
            "Fn::GetAtt" => self.get_att(argument, span),
            "Fn::Join" => self.join(argument, span),
            "Fn::Select" => self.select(argument, span),
            "Fn::Split" => self.split(argument, span),
            "Fn::FindInMap" => self.find_in_map(argument, span),
            "Fn::Cidr" => self.cidr(argument, span),
            "Fn::Length" => self.length(argument, span),
            "Fn::ToJsonString" => self.json_string(argument, span),
            "Fn::ImportValue" => Err(self.import_value(argument, span)),
            "Fn::Transform" => Err(macro_result(argument)),
            "Fn::Equals" | "Fn::And" | "Fn::Or" | "Fn::Not" => {
                let unknown = || Value::Unknown(format!("what `{function}` says").into());
                self.combined(function, argument, span).map(Value::Bool).ok_or_else(unknown)
            }
            other if UNANSWERED.contains(&other) => Err(Value::Unknown(format!("what `{other}` gives").into())),
            other => {
                self.run().tell(Problem::new(format!("there is no function `{other}`"), span));
                Err(Value::Unknown(format!("what `{other}` gives").into()))
            }
        };
        Some(made.unwrap_or_else(|unknown| unknown))
    }

    /// Tells that a function was given something else than it takes.
    fn wrong(&self, function: &str, wanted: &str, span: Span) -> Value {
        self.run().tell(Problem::new(format!("`{function}` takes {wanted}"), span));
        Value::Unknown(format!("what `{function}` gives").into())
    }

    /// The elements of a list that a function is given; those that are not there are left out.
    fn elements(&mut self, function: &str, argument: &Value, span: Span) -> Made<Vec<Value>> {
        match self.value(argument, span) {
            Some(Value::Array(list)) => Ok(list.iter().cloned().collect()),
            Some(unknown @ Value::Unknown(_)) => Err(unknown),
            _ => Err(self.wrong(function, "a list", span)),
        }
    }

    /// As [`Self::elements`], with texts that are known to their last character.
    fn exact_elements(&mut self, function: &str, argument: &Value, span: Span) -> Made<Vec<Value>> {
        let before = std::mem::replace(&mut self.exact, true);
        let elements = self.elements(function, argument, span);
        self.exact = before;
        elements
    }

    /// A value as a part of a longer text.
    fn part(&self, value: Value, function: &str, span: Span) -> Made<String> {
        match value {
            Value::String(text) => Ok(text.to_string()),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(truth) => Ok(truth.to_string()),
            Value::Unknown(ref what) if !self.exact => placeholder(what).ok_or(value),
            Value::Unknown(_) => Err(value),
            _ => Err(self.wrong(function, "texts", span)),
        }
    }

    /// A text that was put together, when it is not too long.
    fn text(&self, text: String, span: Span) -> Made<Value> {
        if self.run().charge_text(&text, Some(span)) {
            Ok(text.into())
        } else {
            Err(Value::Unknown("what is too much to evaluate".into()))
        }
    }

    fn get_att(&mut self, argument: &Value, span: Span) -> Made<Value> {
        let wanted = "the name of a resource and of an attribute";
        let (resource, attribute) = match argument {
            Value::String(text) => match text.split_once('.') {
                Some((resource, attribute)) => (resource.to_owned(), attribute.to_owned()),
                None => return Err(self.wrong("Fn::GetAtt", wanted, span)),
            },
            _ => match self.elements("Fn::GetAtt", argument, span)?.as_slice() {
                [Value::String(resource), Value::String(attribute)] => (resource.to_string(), attribute.to_string()),
                [Value::String(resource), Value::Unknown(_)] => (resource.to_string(), "*".to_owned()),
                _ => return Err(self.wrong("Fn::GetAtt", wanted, span)),
            },
        };
        Ok(self.attribute(&resource, &attribute, span))
    }

    /// `Fn::If`: a branch, or what both have in common when it is not known which.
    fn either(&mut self, argument: &Value, span: Span) -> Option<Value> {
        let parts = argument.as_array().map(Array::as_slice).unwrap_or_default();
        let [Value::String(condition), then, otherwise] = parts else {
            return Some(self.wrong("Fn::If", "the name of a condition and two values", span));
        };
        match self.condition(condition, Some(span)) {
            Some(true) => self.value(then, span),
            Some(false) => self.value(otherwise, span),
            None => {
                let (then, otherwise) = (self.value(then, span), self.value(otherwise, span));
                let unknown = Value::Unknown(format!("what the condition `{condition}` decides").into());
                common(then, otherwise, &unknown, span)
            }
        }
    }

    fn sub(&mut self, argument: &Value, span: Span) -> Made<Value> {
        let (text, given) = match argument {
            Value::String(text) => (text.as_str(), None),
            Value::Array(list) => match list.as_slice() {
                [Value::String(text)] => (text.as_str(), None),
                [Value::String(text), Value::Object(given)] => (text.as_str(), Some(given)),
                _ => return Err(self.wrong("Fn::Sub", "a text and a mapping of names", span)),
            },
            _ => return Err(self.wrong("Fn::Sub", "a text", span)),
        };
        let mut made = String::with_capacity(text.len());
        let mut rest = text;
        let mut unknown = None;
        while let Some(start) = rest.find("${") {
            let Some(length) = rest[start..].find('}') else { break };
            made.push_str(&rest[..start]);
            let name = &rest[start + 2..start + length];
            rest = &rest[start + length + 1..];
            if let Some(literal) = name.strip_prefix('!') {
                made.push_str(&format!("${{{literal}}}"));
                continue;
            }
            let value = self.named(name.trim(), given, span);
            if made.is_empty() && rest.is_empty() {
                return Ok(value.unwrap_or_else(|| "".into()));
            }
            match value.map(|value| self.part(value, "Fn::Sub", span)) {
                Some(Ok(part)) => made.push_str(&part),
                // The parts behind it are references too.
                Some(Err(what)) => unknown = unknown.or(Some(what)),
                None => {}
            }
            if !self.run().charge_text(&made, Some(span)) {
                return Err(Value::Unknown("what is too much to evaluate".into()));
            }
        }
        made.push_str(rest);
        unknown.map_or_else(|| self.text(made, span), Err)
    }

    /// What a name in a text of `Fn::Sub` stands for.
    fn named(&mut self, name: &str, given: Option<&Object>, span: Span) -> Option<Value> {
        if let Some(value) = given.and_then(|given| given.get(name)) {
            return self.value(value, span);
        }
        match name.split_once('.') {
            Some((resource, attribute)) => Some(self.attribute(resource, attribute, span)),
            None => self.reference(name, span),
        }
    }

    fn join(&mut self, argument: &Value, span: Span) -> Made<Value> {
        let parts = argument.as_array().map(Array::as_slice).unwrap_or_default();
        let [Value::String(delimiter), list] = parts else {
            return Err(self.wrong("Fn::Join", "a delimiter and a list", span));
        };
        let elements = self.elements("Fn::Join", list, span)?;
        if let [single @ (Value::Unknown(_) | Value::String(_))] = elements.as_slice() {
            return Ok(single.clone());
        }
        let parts = elements.into_iter().map(|element| self.part(element, "Fn::Join", span));
        let parts: Vec<String> = parts.collect::<Made<_>>()?;
        self.text(parts.join(delimiter), span)
    }

    fn select(&mut self, argument: &Value, span: Span) -> Made<Value> {
        let parts = argument.as_array().map(Array::as_slice).unwrap_or_default();
        let [index, list] = parts else {
            return Err(self.wrong("Fn::Select", "an index and a list", span));
        };
        let index = self.value(index, span).unwrap_or_default();
        let elements = self.elements("Fn::Select", list, span)?;
        match number(&index) {
            Some(index) => elements.get(index).cloned().ok_or_else(|| {
                let message = format!("`Fn::Select` wants element {index} of {}", elements.len());
                self.run().tell(Problem::new(message, span).with_help("elements are counted from 0"));
                Value::Unknown("what `Fn::Select` gives".into())
            }),
            None if has_unknown(&index) => Err(index),
            None => Err(self.wrong("Fn::Select", "an index and a list", span)),
        }
    }

    fn split(&mut self, argument: &Value, span: Span) -> Made<Value> {
        match self.exact_elements("Fn::Split", argument, span)?.as_slice() {
            [Value::String(delimiter), Value::String(text)] if !delimiter.is_empty() => {
                self.run().charge(text.len(), Some(span));
                Ok(Value::array(text.split(delimiter.as_str()).map(Value::from)))
            }
            [Value::String(_), unknown @ Value::Unknown(_)] => Err(unknown.clone()),
            _ => Err(self.wrong("Fn::Split", "a delimiter and a text", span)),
        }
    }

    fn find_in_map(&mut self, argument: &Value, span: Span) -> Made<Value> {
        let parts = argument.as_array().map(Array::as_slice).unwrap_or_default();
        let [map, top, second, options @ ..] = parts else {
            return Err(self.wrong("Fn::FindInMap", "the name of a mapping and two keys", span));
        };
        let mut keys = Vec::new();
        for key in [map, top, second] {
            keys.push(self.exactly(key, span).unwrap_or_default());
        }
        let default = options.first().and_then(|options| options.get("DefaultValue"));
        let mut found = vec![self.template.section("Mappings").cloned().map_or(Value::Null, Value::Object)];
        for key in &keys {
            found = found.iter().flat_map(|value| entries(value, key)).collect();
        }
        let unknown = keys.into_iter().find(has_unknown);
        match (found.as_slice(), unknown) {
            ([value], None) => Ok(value.clone()),
            // Whatever the key turns out to be, the value is the same.
            ([value, others @ ..], Some(_)) if default.is_none() && others.iter().all(|other| other == value) => {
                Ok(value.clone())
            }
            (_, Some(unknown)) => Err(unknown),
            (_, None) => {
                let Some(default) = default else {
                    self.run().tell(Problem::new("`Fn::FindInMap` finds nothing under these keys", span));
                    return Err(Value::Unknown("what `Fn::FindInMap` gives".into()));
                };
                Ok(self.value(default, span).unwrap_or_default())
            }
        }
    }

    fn cidr(&mut self, argument: &Value, span: Span) -> Made<Value> {
        let elements = self.exact_elements("Fn::Cidr", argument, span)?;
        if let Some(unknown) = elements.iter().find(|element| has_unknown(element)) {
            return Err(unknown.clone());
        }
        let networks = match elements.as_slice() {
            [Value::String(block), count] => networks(block, number(count), Some(8)),
            [Value::String(block), count, bits] => networks(block, number(count), number(bits)),
            _ => None,
        };
        networks
            .ok_or_else(|| self.wrong("Fn::Cidr", "a network, a count up to 256 and the bits of each network", span))
    }

    fn length(&mut self, argument: &Value, span: Span) -> Made<Value> {
        let elements = self.elements("Fn::Length", argument, span)?;
        Ok(i64::try_from(elements.len()).unwrap_or(i64::MAX).into())
    }

    fn json_string(&mut self, argument: &Value, span: Span) -> Made<Value> {
        let value = self.value(argument, span).unwrap_or_default();
        let value = if self.exact { Some(value).filter(|value| !has_unknown(value)) } else { settled(&value) };
        let unknown = || Value::Unknown("what `Fn::ToJsonString` gives".into());
        self.text(json::write(&value.ok_or_else(unknown)?), span)
    }

    fn import_value(&mut self, argument: &Value, span: Span) -> Value {
        match self.value(argument, span) {
            Some(Value::String(name)) => Value::Unknown(format!("the export `{name}` of another stack").into()),
            _ => Value::Unknown("an export of another stack".into()),
        }
    }
}

fn macro_result(argument: &Value) -> Value {
    let name = argument.get("Name").and_then(Value::as_str).unwrap_or_default();
    Value::Unknown(format!("what the macro `{name}` makes").into())
}

/// A whole number, also one that is written as a text.
fn number(value: &Value) -> Option<usize> {
    match value {
        Value::Number(number) => number.to_string().parse().ok(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The entry of a mapping under a key; all of them when the key is not known.
fn entries(value: &Value, key: &Value) -> Vec<Value> {
    let Some(object) = value.as_object() else { return Vec::new() };
    match key {
        Value::Unknown(_) => object.iter().map(|(_, value)| value.clone()).collect(),
        Value::String(key) => object.get(key).cloned().into_iter().collect(),
        Value::Number(key) => object.get(&key.to_string()).cloned().into_iter().collect(),
        _ => Vec::new(),
    }
}

/// Networks within a network, as `Fn::Cidr` counts them: `bits` are those of the host part.
fn networks(block: &str, count: Option<usize>, bits: Option<usize>) -> Option<Value> {
    let network: IpNet = block.parse().ok()?;
    let length = network.max_prefix_len().checked_sub(u8::try_from(bits?).ok()?)?;
    let count = count.filter(|count| (1..=MAX_NETWORKS).contains(count))?;
    let networks: Vec<Value> =
        network.subnets(length).ok()?.take(count).map(|network| network.to_string().into()).collect();
    (networks.len() == count).then(|| Value::array(networks))
}

/// A value with the parts that the platform gives as texts; `None` when others are not known.
fn settled(value: &Value) -> Option<Value> {
    Some(match value {
        Value::Unknown(what) => placeholder(what)?.into(),
        Value::Array(list) => Value::Array(list.iter().map(settled).collect::<Option<_>>()?),
        Value::Object(object) => {
            let entries = object.iter().map(|(key, value)| Some((key.clone(), settled(value)?)));
            Value::Object(entries.collect::<Option<_>>()?)
        }
        other => other.clone(),
    })
}

/// What two values have in common; where they differ, it is not known.
fn common(then: Option<Value>, otherwise: Option<Value>, unknown: &Value, span: Span) -> Option<Value> {
    match (then, otherwise) {
        (None, None) => None,
        (Some(then), Some(otherwise)) if then == otherwise => Some(then),
        (Some(Value::Object(then)), Some(Value::Object(otherwise))) => {
            let mut entries: Vec<(Key, Value, Span)> = Vec::new();
            for (key, value, place) in then.iter_spanned() {
                let other = otherwise.get_key(key).cloned();
                let value = common(Some(value.clone()), other, unknown, span);
                entries.extend(value.map(|value| (key.clone(), value, place.unwrap_or(span))));
            }
            let only_there = otherwise.iter_spanned().filter(|(key, ..)| then.get_key(key).is_none());
            entries.extend(only_there.map(|(key, _, place)| (key.clone(), unknown.clone(), place.unwrap_or(span))));
            Some(Value::Object(Object::with_spans(entries)))
        }
        (Some(Value::Array(then)), Some(Value::Array(otherwise))) if then.len() == otherwise.len() => {
            let pairs = then.iter().zip(otherwise.iter());
            let elements =
                pairs.map(|(then, otherwise)| common(Some(then.clone()), Some(otherwise.clone()), unknown, span));
            let spans = (0..then.len()).map(|index| then.span(index).unwrap_or(span)).collect();
            Some(Value::Array(Array::with_spans(elements.map(Option::unwrap_or_default).collect(), spans)))
        }
        _ => Some(unknown.clone()),
    }
}
