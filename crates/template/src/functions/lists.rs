//! Lists.

use super::{Failure, Outcome, Table, at_least, exactly, int, list, size, string, texts};
use crate::datum::Datum;

pub(super) const TABLE: Table = &[
    ("append", append),
    ("chunk", chunk),
    ("compact", |args| kept(args, "compact", Datum::is_true)),
    ("concat", |args| {
        let mut all = Vec::new();
        for value in args {
            all.extend_from_slice(list(value, "concat")?);
        }
        Ok(Datum::list(all))
    }),
    ("first", |args| end(args, "find first", <[Datum]>::first)),
    ("has", has),
    ("initial", |args| part(args, "find initial", |list| list.split_last().map_or(&[], |(_, rest)| rest))),
    ("join", |args| {
        let [separator, value] = exactly(args)?;
        Ok(texts(value).join(string(separator)?).into())
    }),
    ("last", |args| end(args, "find last", <[Datum]>::last)),
    ("list", |args| Ok(Datum::list(args.to_vec()))),
    ("mustAppend", append),
    ("mustChunk", chunk),
    ("mustCompact", |args| kept(args, "compact", Datum::is_true)),
    ("mustFirst", |args| end(args, "find first", <[Datum]>::first)),
    ("mustHas", has),
    ("mustInitial", |args| part(args, "find initial", |list| list.split_last().map_or(&[], |(_, rest)| rest))),
    ("mustLast", |args| end(args, "find last", <[Datum]>::last)),
    ("mustPrepend", prepend),
    ("mustPush", append),
    ("mustRest", |args| part(args, "find rest", |list| list.get(1..).unwrap_or_default())),
    ("mustReverse", reverse),
    ("mustSlice", slice),
    ("mustUniq", uniq),
    ("mustWithout", without),
    ("prepend", prepend),
    ("push", append),
    ("rest", |args| part(args, "find rest", |list| list.get(1..).unwrap_or_default())),
    ("reverse", reverse),
    ("slice", slice),
    ("sortAlpha", |args| {
        let [value] = exactly(args)?;
        let mut sorted = texts(value);
        sorted.sort();
        Ok(Datum::List(sorted.into_iter().map(Datum::from).collect()))
    }),
    ("tuple", |args| Ok(Datum::list(args.to_vec()))),
    ("uniq", uniq),
    ("without", without),
];

fn append(args: &[Datum]) -> Outcome {
    let [value, element] = exactly(args)?;
    let mut all = list(value, "push")?.to_vec();
    all.push(element.clone());
    Ok(Datum::list(all))
}

fn prepend(args: &[Datum]) -> Outcome {
    let [value, element] = exactly(args)?;
    let mut all = vec![element.clone()];
    all.extend_from_slice(list(value, "prepend")?);
    Ok(Datum::list(all))
}

fn end(args: &[Datum], what: &str, of: fn(&[Datum]) -> Option<&Datum>) -> Outcome {
    let [value] = exactly(args)?;
    Ok(of(list(value, what)?).cloned().unwrap_or(Datum::Nil))
}

fn part(args: &[Datum], what: &str, of: fn(&[Datum]) -> &[Datum]) -> Outcome {
    let [value] = exactly(args)?;
    Ok(Datum::list(of(list(value, what)?).to_vec()))
}

fn kept(args: &[Datum], what: &str, keep: fn(&Datum) -> bool) -> Outcome {
    let [value] = exactly(args)?;
    Ok(Datum::List(list(value, what)?.iter().filter(|element| keep(element)).cloned().collect()))
}

fn reverse(args: &[Datum]) -> Outcome {
    let [value] = exactly(args)?;
    Ok(Datum::List(list(value, "find reverse")?.iter().rev().cloned().collect()))
}

fn uniq(args: &[Datum]) -> Outcome {
    let [value] = exactly(args)?;
    let mut all: Vec<Datum> = Vec::new();
    for element in list(value, "find uniq")? {
        if !all.iter().any(|known| known.deep_equal(element)) {
            all.push(element.clone());
        }
    }
    Ok(Datum::list(all))
}

fn without(args: &[Datum]) -> Outcome {
    let ([value], omitted) = at_least(args)?;
    let keep = |element: &&Datum| !omitted.iter().any(|omitted| omitted.deep_equal(element));
    Ok(Datum::List(list(value, "find without")?.iter().filter(keep).cloned().collect()))
}

fn has(args: &[Datum]) -> Outcome {
    let [needle, value] = exactly(args)?;
    if value.is_nil() {
        return Ok(false.into());
    }
    Ok(list(value, "find has")?.iter().any(|element| element.deep_equal(needle)).into())
}

fn slice(args: &[Datum]) -> Outcome {
    let ([value], indices) = at_least(args)?;
    let all = match value {
        Datum::List(list) => list,
        other => return Err(format!("list should be type of slice or array but {}", other.kind_name()).into()),
    };
    if all.is_empty() {
        return Ok(Datum::Nil);
    }
    let bound = |position: usize, otherwise: usize| -> Result<usize, Failure> {
        match indices.get(position) {
            Some(index) => size(&Datum::Int(super::math::to_int(index))),
            None => Ok(otherwise),
        }
    };
    let (start, end) = (bound(0, 0)?, bound(1, all.len())?);
    Ok(Datum::list(all.get(start..end).ok_or("slice index out of bounds")?.to_vec()))
}

fn chunk(args: &[Datum]) -> Outcome {
    let [length, value] = exactly(args)?;
    let length = usize::try_from(int(length)?).ok().filter(|length| *length > 0).ok_or("the size must be positive")?;
    Ok(Datum::List(list(value, "chunk")?.chunks(length).map(|chunk| Datum::list(chunk.to_vec())).collect()))
}
