//! Where a space stands between two tokens of one line.

use super::{Formatter, Item, Kind};
use crate::syntax::token::{TokenKind, Word};

impl Formatter {
    /// Whether a space stands between what is before and this.
    pub(super) fn space_before(&self, item: &Item<'_>) -> bool {
        let (Some(token), Some(before)) = (&item.token, self.before.last()) else { return true };
        if self.lines.ends_with_comment() {
            return true;
        }
        if let (TokenKind::Sign("."), TokenKind::Int(_) | TokenKind::Float(_)) = (token, before) {
            return true;
        }
        let inside = self.open.last().map(|open| open.kind);
        match (before, token) {
            (_, TokenKind::Sign("," | "." | ":" | ")" | "]") | TokenKind::Semicolon { .. })
            | (TokenKind::Sign("(" | "[" | "." | "!"), _)
            | (TokenKind::Sign("{"), TokenKind::Sign("}"))
            | (TokenKind::Word(Word::Func), TokenKind::Sign("("))
            // What is called or looked into stands right before.
            | (
                TokenKind::Name(_)
                | TokenKind::String(_)
                | TokenKind::Int(_)
                | TokenKind::Float(_)
                | TokenKind::Sign(")" | "]" | "}"),
                TokenKind::Sign("(" | "["),
            ) => false,
            (TokenKind::Sign("{"), _) | (_, TokenKind::Sign("}")) => inside != Some(Kind::Map),
            (TokenKind::Sign(":"), _) => inside != Some(Kind::List),
            (TokenKind::Sign("-" | "+"), _) => !self.was_sign(),
            _ => true,
        }
    }

    /// Whether the plus or minus right before is a sign, not an operator.
    fn was_sign(&self) -> bool {
        match self.before.len().checked_sub(2).map(|at| &self.before[at]) {
            None | Some(TokenKind::Semicolon { .. }) => true,
            Some(TokenKind::Sign(sign)) => !matches!(*sign, ")" | "]" | "}"),
            Some(TokenKind::Word(word)) => *word != Word::Empty,
            Some(_) => false,
        }
    }
}
