//! Expressions.

use std::sync::Arc;

use smol_str::SmolStr;

use super::{Parsed, Parser};
use crate::syntax::ast::{
    Access, AccessKind, Expr, ExprKind, Func, Names, Negated, Quantifier, QuantifierOp, Rule, Test, UnaryOp,
};
use crate::syntax::token::{At, TokenKind, Word};

/// Precedence of the tests `is empty` and `is defined`.
const TEST: u8 = 3;

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Parsed<Expr> {
        self.binary(1)
    }

    /// An expression of operators that bind at least as strongly as `least`.
    fn binary(&mut self, least: u8) -> Parsed<Expr> {
        self.nested(|parser| parser.chain(least))
    }

    fn chain(&mut self, least: u8) -> Parsed<Expr> {
        let mut left = self.unary()?;
        // The precedence of the chain that `left` is, when it is one of this level.
        let mut open = None;
        let mut tests = 0;
        loop {
            if least <= TEST
                && let Some((test, negated, count)) = self.test()
            {
                self.at += count;
                tests += 1;
                if tests > 8 {
                    return Err(self.problem("too many tests one after the other", left.at));
                }
                let at = self.behind(left.at);
                left = Expr { kind: ExprKind::Test(Box::new(left), test, negated), at };
                open = None;
                continue;
            }
            let Some((operator, count)) = self.binary_operator() else { return Ok(left) };
            let precedence = operator.precedence();
            if precedence < least {
                return Ok(left);
            }
            self.at += count;
            let right = self.binary(precedence + 1)?;
            let at = left.at.to(right.at);
            left = match left.kind {
                ExprKind::Chain(first, mut rest) if open == Some(precedence) => {
                    rest.push((operator, right));
                    Expr { kind: ExprKind::Chain(first, rest), at }
                }
                kind => {
                    let first = Box::new(Expr { kind, at: left.at });
                    Expr { kind: ExprKind::Chain(first, vec![(operator, right)]), at }
                }
            };
            open = Some(precedence);
        }
    }

    /// `is [not] empty` or `is [not] defined`, with its number of tokens.
    fn test(&self) -> Option<(Test, Negated, usize)> {
        if !self.is_word(Word::Is) {
            return None;
        }
        let negated = self.ahead(1).kind == TokenKind::Word(Word::Not);
        let count = 1 + usize::from(negated);
        let test = match &self.ahead(count).kind {
            TokenKind::Word(Word::Empty) => Test::Empty,
            TokenKind::Name(name) if name == "defined" => Test::Defined,
            _ => return None,
        };
        Some((test, negated, count + 1))
    }

    fn unary(&mut self) -> Parsed<Expr> {
        let start = self.token().at;
        let operator = match self.kind() {
            TokenKind::Word(Word::Not) | TokenKind::Sign("!") => UnaryOp::Not,
            TokenKind::Sign("-") => UnaryOp::Minus,
            TokenKind::Sign("+") => UnaryOp::Plus,
            _ => return self.access(),
        };
        self.at += 1;
        if let (UnaryOp::Minus, TokenKind::Int(int)) = (operator, self.kind().clone())
            && int == 1 << 63
        {
            self.at += 1;
            return Ok(Expr { kind: ExprKind::Int(i64::MIN), at: self.behind(start) });
        }
        let operand = self.nested(Self::unary)?;
        let at = start.to(operand.at);
        Ok(Expr { kind: ExprKind::Unary(operator, Box::new(operand)), at })
    }

    /// An operand and what is taken of it.
    fn access(&mut self) -> Parsed<Expr> {
        let base = self.operand()?;
        let mut parts = Vec::new();
        loop {
            let ends = (0..).take_while(|n| matches!(self.ahead(*n).kind, TokenKind::Semicolon { automatic: true }));
            let ends = ends.count();
            if ends > 0 {
                // A line may begin with the point of what is called on the line before.
                if self.ahead(ends).kind != TokenKind::Sign(".") {
                    break;
                }
                self.at += ends;
            }
            let start = self.token().at;
            let kind = match self.kind() {
                TokenKind::Sign(".") => {
                    self.at += 1;
                    AccessKind::Selector(self.ident("the name of a member")?.name)
                }
                TokenKind::Sign("[") => {
                    self.at += 1;
                    self.index()?
                }
                TokenKind::Sign("(") => {
                    self.at += 1;
                    AccessKind::Call(self.elements(")")?)
                }
                _ => break,
            };
            parts.push(Access { kind, at: self.behind(start) });
        }
        if parts.is_empty() {
            return Ok(base);
        }
        let at = self.behind(base.at);
        Ok(Expr { kind: ExprKind::Access(Box::new(base), parts), at })
    }

    fn index(&mut self) -> Parsed<AccessKind> {
        let low = if self.is_sign(":") { None } else { Some(self.expression()?) };
        self.skip_line_ends();
        if !self.take_sign(":") {
            self.expect_sign("]")?;
            return low.map(AccessKind::Index).ok_or_else(|| self.unexpected("an index"));
        }
        let high = if self.is_sign("]") { None } else { Some(self.expression()?) };
        self.skip_line_ends();
        self.expect_sign("]")?;
        Ok(AccessKind::Slice(low, high))
    }

    /// Expressions between commas up to the closing sign.
    fn elements(&mut self, close: &str) -> Parsed<Vec<Expr>> {
        let mut elements = Vec::new();
        loop {
            self.skip_line_ends();
            if self.take_sign(close) {
                return Ok(elements);
            }
            elements.push(self.expression()?);
            self.skip_line_ends();
            if !self.take_sign(",") {
                self.expect_sign(close).map_err(|_| self.unexpected(&format!("`,` or `{close}`")))?;
                return Ok(elements);
            }
        }
    }

    fn operand(&mut self) -> Parsed<Expr> {
        let assigned = self.assigned.take();
        let at = self.token().at;
        let kind = match self.kind().clone() {
            TokenKind::Int(int) => {
                let Ok(int) = i64::try_from(int) else {
                    return Err(self.problem(format!("the integer `{int}` does not fit in 64 bits"), at));
                };
                self.literal(ExprKind::Int(int))
            }
            TokenKind::Float(float) => self.literal(ExprKind::Float(float)),
            TokenKind::String(text) => self.literal(ExprKind::String(text)),
            TokenKind::Name(name) => {
                self.file.reads_blank |= name == "_";
                self.literal(ExprKind::Name(name))
            }
            TokenKind::Sign("(") => {
                self.at += 1;
                let inner = self.expression()?;
                self.skip_line_ends();
                self.expect_sign(")")?;
                ExprKind::Paren(Box::new(inner))
            }
            TokenKind::Sign("[") => {
                self.at += 1;
                ExprKind::List(self.elements("]")?)
            }
            TokenKind::Sign("{") => {
                self.at += 1;
                ExprKind::Map(self.entries()?)
            }
            TokenKind::Word(Word::Func) => {
                self.at += 1;
                ExprKind::Func(Arc::new(self.function(assigned.map(|(name, _)| name), at)?))
            }
            TokenKind::Word(Word::Rule) => {
                self.at += 1;
                ExprKind::Rule(Arc::new(self.rule(assigned, at)?))
            }
            TokenKind::Word(word @ (Word::All | Word::Any | Word::Filter | Word::Map)) => {
                self.at += 1;
                ExprKind::Quantifier(Box::new(self.quantifier(word)?))
            }
            _ => return Err(self.unexpected("an expression")),
        };
        Ok(Expr { kind, at: self.behind(at) })
    }

    fn literal(&mut self, kind: ExprKind) -> ExprKind {
        self.at += 1;
        kind
    }

    fn entries(&mut self) -> Parsed<Vec<(Expr, Expr)>> {
        let mut entries = Vec::new();
        loop {
            self.skip_line_ends();
            if self.take_sign("}") {
                return Ok(entries);
            }
            let key = self.expression()?;
            self.expect_sign(":")?;
            entries.push((key, self.expression()?));
            self.skip_line_ends();
            if !self.take_sign(",") {
                self.expect_sign("}").map_err(|_| self.unexpected("`,` or `}`"))?;
                return Ok(entries);
            }
        }
    }

    /// What follows `func`.
    pub(super) fn function(&mut self, name: Option<SmolStr>, start: At) -> Parsed<Func> {
        self.expect_sign("(")?;
        let mut params: Vec<SmolStr> = Vec::new();
        loop {
            self.skip_line_ends();
            if self.take_sign(")") {
                break;
            }
            let param = self.ident("a parameter")?;
            if params.contains(&param.name) && param.name != "_" {
                return Err(self.problem(format!("the parameter `{}` is there twice", param.name), param.at));
            }
            params.push(param.name);
            self.skip_line_ends();
            if !self.take_sign(",") {
                self.expect_sign(")").map_err(|_| self.unexpected("`,` or `)`"))?;
                break;
            }
        }
        let body = self.block()?;
        Ok(Func { name, params, body, at: self.behind(start) })
    }

    /// What follows `rule`.
    fn rule(&mut self, assigned: Option<(SmolStr, Option<String>)>, start: At) -> Parsed<Rule> {
        let when = if self.take_word(Word::When) { Some(self.expression()?) } else { None };
        let body = self.body()?;
        let (name, description) = assigned.map_or((None, None), |(name, description)| (Some(name), description));
        Ok(Rule { name, description, when, body, at: self.behind(start) })
    }

    fn quantifier(&mut self, word: Word) -> Parsed<Quantifier> {
        let op = match word {
            Word::All => QuantifierOp::All,
            Word::Any => QuantifierOp::Any,
            Word::Filter => QuantifierOp::Filter,
            _ => QuantifierOp::Map,
        };
        let collection = self.expression()?;
        let names = self.names()?;
        let body = self.body()?;
        Ok(Quantifier { op, collection, names, body })
    }

    /// `as first[, second]`
    pub(super) fn names(&mut self) -> Parsed<Names> {
        self.expect_word(Word::As)?;
        let first = self.ident("the name of what is iterated")?.name;
        let second = if self.take_sign(",") { Some(self.ident("the name of the value")?.name) } else { None };
        Ok(Names { first, second })
    }

    /// One expression between braces.
    fn body(&mut self) -> Parsed<Expr> {
        self.expect_sign("{")?;
        let body = self.expression()?;
        self.skip_semicolons();
        self.expect_sign("}").map_err(|problem| match self.binary_operator() {
            Some(_) => problem.with_help("an operator stands at the end of the line before, not at the beginning"),
            None => problem,
        })?;
        Ok(body)
    }
}
