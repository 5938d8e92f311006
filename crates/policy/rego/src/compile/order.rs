//! The order of terms, as far as it tells in which order they are evaluated.

use std::cmp::Ordering;

use crate::ast::{Term, TermKind};

/// Which of two terms comes first in a set; terms that are not told apart stay as they are written.
pub(super) fn compare(one: &Term, other: &Term) -> Ordering {
    rank(one).cmp(&rank(other)).then_with(|| match (&one.kind, &other.kind) {
        (TermKind::Scalar(one), TermKind::Scalar(other)) => one.cmp(other),
        (TermKind::Var(one), TermKind::Var(other)) => one.cmp(other),
        (TermKind::Ref(one), TermKind::Ref(other))
        | (TermKind::Call(one), TermKind::Call(other))
        | (TermKind::Array(one), TermKind::Array(other)) => {
            let parts = one.iter().zip(other).map(|(one, other)| compare(one, other));
            parts.fold(Ordering::Equal, Ordering::then).then_with(|| one.len().cmp(&other.len()))
        }
        _ => Ordering::Equal,
    })
}

fn rank(term: &Term) -> u8 {
    match &term.kind {
        TermKind::Scalar(_) => 0,
        TermKind::Var(_) => 1,
        TermKind::Ref(_) => 2,
        TermKind::Array(_) => 3,
        TermKind::Object(_) => 4,
        TermKind::Set(_) => 5,
        TermKind::ArrayCompr(_) => 6,
        TermKind::ObjectCompr(_) => 7,
        TermKind::SetCompr(_) => 8,
        TermKind::Call(_) => 9,
        TermKind::Template(_) => 10,
    }
}
