//! Signatures of the language's own functions, read from the texts that error messages show.

use probity_model::value::Value;

use super::{Arg, Function, Rest, Type, or};

/// Reads a signature such as `(collection: any<string, array[any]>) => n: number`. It is one of the engine's own: what it
/// does not say is taken as any.
pub(crate) fn read(text: &str) -> Function {
    let mut reader = Reader { rest: text };
    let mut args = Vec::new();
    let mut variadic = None;
    reader.eat("(");
    while !reader.eat(")") && !reader.rest.is_empty() {
        let arg = reader.arg();
        if reader.eat("...") {
            variadic = arg.of;
        } else {
            args.push(arg);
        }
        reader.eat(", ");
    }
    let result = reader.eat(" => ").then(|| reader.arg());
    debug_assert!(reader.rest.is_empty(), "{text}: {}", reader.rest);
    Function::declare(args, variadic, result)
}

struct Reader<'t> {
    rest: &'t str,
}

impl<'t> Reader<'t> {
    fn eat(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn word(&mut self) -> &'t str {
        let end = self.rest.find(|other: char| !other.is_ascii_alphanumeric() && other != '_');
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }

    fn arg(&mut self) -> Arg {
        let end = self.rest.find([':', ',', ')', '<', '[', '.']).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        match rest.strip_prefix(": ") {
            Some(rest) => {
                self.rest = rest;
                Arg { name: Some(name.into()), of: Some(self.of()) }
            }
            None => Arg { name: None, of: Some(self.of()) },
        }
    }

    fn of(&mut self) -> Type {
        match self.word() {
            "null" => Type::Null,
            "boolean" => Type::Boolean,
            "number" => Type::Number,
            "string" => Type::String,
            "set" => Type::set(self.within("[", "]", Self::of).pop()),
            "array" => {
                let fixed = self.within("<", ">", Self::of).into_iter().map(Some).collect();
                Type::array(fixed, self.within("[", "]", Self::of).pop())
            }
            "object" => {
                let property = |reader: &mut Self| {
                    let key = Value::from(reader.word());
                    reader.eat(": ");
                    (key, Some(reader.of()))
                };
                let fixed = self.within("<", ">", property);
                let rest = |reader: &mut Self| {
                    let key = Some(reader.of());
                    reader.eat(": ");
                    Rest { key, value: Some(reader.of()) }
                };
                Type::object(fixed, self.within("[", "]", rest).pop())
            }
            _ => {
                let alternatives = self.within("<", ">", Self::of);
                if alternatives.len() == 1 {
                    return Type::one_of(alternatives);
                }
                alternatives.into_iter().fold(None, |all, of| or(all, Some(of))).unwrap_or(Type::Any)
            }
        }
    }

    /// What stands between brackets, when they come next.
    fn within<T>(&mut self, open: &str, close: &str, mut read: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let mut found = Vec::new();
        if self.eat(open) {
            while !self.eat(close) && !self.rest.is_empty() {
                found.push(read(self));
                self.eat(", ");
            }
        }
        found
    }
}
