//! Defaults, choices, types, and refusals.

use super::{Failure, Table, at_least, exactly, string};
use crate::datum::Datum;

pub(super) const TABLE: Table = &[
    ("all", |args| Ok(args.iter().all(Datum::is_true).into())),
    ("any", |args| Ok(args.iter().any(Datum::is_true).into())),
    ("coalesce", |args| Ok(args.iter().find(|value| value.is_true()).cloned().unwrap_or(Datum::Nil))),
    ("deepEqual", |args| {
        let [a, b] = exactly(args)?;
        Ok(a.deep_equal(b).into())
    }),
    ("default", |args| {
        let ([otherwise], given) = at_least(args)?;
        Ok(given.first().filter(|given| given.is_true()).unwrap_or(otherwise).clone())
    }),
    ("empty", |args| {
        let [value] = exactly(args)?;
        Ok((!value.is_true()).into())
    }),
    ("fail", |args| {
        let [message] = exactly(args)?;
        Err(Failure::Refused(string(message)?.to_owned()))
    }),
    ("getHostByName", |args| {
        let [name] = exactly(args)?;
        string(name)?;
        Ok("".into())
    }),
    ("kindIs", |args| {
        let [name, value] = exactly(args)?;
        Ok((string(name)? == value.kind_name()).into())
    }),
    ("kindOf", |args| {
        let [value] = exactly(args)?;
        Ok(value.kind_name().into())
    }),
    // Without a cluster nothing is found.
    ("lookup", |args| {
        let [_, _, _, _] = exactly(args)?;
        Ok(Datum::map::<&str>([]))
    }),
    ("required", |args| {
        let [message, value] = exactly(args)?;
        let message = string(message)?;
        if value.is_nil() || value.as_text() == Some("") {
            return Err(Failure::Refused(message.to_owned()));
        }
        Ok(value.clone())
    }),
    ("ternary", |args| {
        let [yes, no, choice] = exactly(args)?;
        match choice {
            Datum::Bool(choice) => Ok(if *choice { yes } else { no }.clone()),
            other => Err(format!("wrong type for value; expected bool; got {}", other.type_name()).into()),
        }
    }),
    ("typeIs", |args| {
        let [name, value] = exactly(args)?;
        Ok((string(name)? == value.type_name()).into())
    }),
    ("typeIsLike", |args| {
        let [name, value] = exactly(args)?;
        let (name, own) = (string(name)?, value.type_name());
        Ok((name == own || own.strip_prefix('*') == Some(name)).into())
    }),
    ("typeOf", |args| {
        let [value] = exactly(args)?;
        Ok(value.type_name().into())
    }),
];
