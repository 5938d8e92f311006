//! Which operator stands at a place, and how many tokens it takes.

use super::Parser;
use crate::syntax::ast::BinaryOp;
use crate::syntax::token::{TokenKind, Word};

impl Parser<'_> {
    /// The binary operator that stands here, with its number of tokens.
    pub(super) fn binary_operator(&self) -> Option<(BinaryOp, usize)> {
        let single = match self.kind() {
            TokenKind::Sign(sign) => match *sign {
                "*" => BinaryOp::Multiply,
                "/" => BinaryOp::Divide,
                "%" => BinaryOp::Remainder,
                "+" => BinaryOp::Add,
                "-" => BinaryOp::Subtract,
                "==" => BinaryOp::Equal(false),
                "!=" => BinaryOp::Equal(true),
                "<" => BinaryOp::Less,
                "<=" => BinaryOp::LessOrEqual,
                ">" => BinaryOp::Greater,
                ">=" => BinaryOp::GreaterOrEqual,
                _ => return None,
            },
            TokenKind::Word(word) => match word {
                Word::Not => return self.negated_operator(),
                Word::Is if self.ahead(1).kind == TokenKind::Word(Word::Not) => {
                    return Some((BinaryOp::Equal(true), 2));
                }
                Word::Is => BinaryOp::Equal(false),
                Word::Matches => BinaryOp::Matches(false),
                Word::Contains => BinaryOp::Contains(false),
                Word::In => BinaryOp::In(false),
                Word::Else => BinaryOp::Else,
                Word::And => BinaryOp::And,
                Word::Or => BinaryOp::Or,
                Word::Xor => BinaryOp::Xor,
                _ => return None,
            },
            _ => return None,
        };
        Some((single, 1))
    }

    fn negated_operator(&self) -> Option<(BinaryOp, usize)> {
        match self.ahead(1).kind {
            TokenKind::Word(Word::Matches) => Some((BinaryOp::Matches(true), 2)),
            TokenKind::Word(Word::Contains) => Some((BinaryOp::Contains(true), 2)),
            TokenKind::Word(Word::In) => Some((BinaryOp::In(true), 2)),
            _ => None,
        }
    }
}
