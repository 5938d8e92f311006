//! Bodies and their expressions.

use super::Parser;
use crate::ast::{Body, Every, Expr, Group, Term, TermKind, Terms, With};
use crate::lexer::{Keywords, Tok};

impl Parser<'_> {
    pub(super) fn body(&mut self, end: Tok) -> Option<Body> {
        if !self.enter() {
            return None;
        }
        let body = self.query(false, end);
        self.leave();
        body
    }

    pub(super) fn query(&mut self, one_statement: bool, end: Tok) -> Option<Body> {
        if self.tok() == end {
            self.error("found empty body");
            return None;
        }
        let mut body = Body::new();
        loop {
            body.push(self.literal_expr()?);
            if self.tok() == Tok::Semicolon {
                self.scan();
                continue;
            }
            if self.tok() == end || one_statement {
                body.shrink_to_fit();
                return Some(body);
            }
            if !self.state.skipped_newline {
                if self.errors.is_empty() {
                    self.hint_missing_keyword();
                    self.illegal(&format!("expected \\n or ; or {}", end.name()));
                }
                return None;
            }
        }
    }

    /// Says which import is missing when a name stands where a keyword would make sense.
    fn hint_missing_keyword(&mut self) {
        if self.tok() != Tok::Ident || !self.hints.is_empty() {
            return;
        }
        let example = match self.literal() {
            "in" => "x in xs",
            "and" => "x and y",
            "or" => "x or y",
            _ => return,
        };
        let hint = format!("`import future.keywords.{}` for `{example}` expressions", self.literal());
        self.hints.push(hint);
    }

    /// One expression of a body, with its place.
    pub(super) fn literal_expr(&mut self) -> Option<Expr> {
        let start = self.state.start;
        let mut expr = self.literal_inner()?;
        expr.span = self.span_from(start);
        if let Terms::Not(group) = &mut expr.terms
            && !group.explicit
        {
            for inner in &mut group.body {
                inner.span = expr.span;
            }
        }
        Some(expr)
    }

    fn literal_inner(&mut self) -> Option<Expr> {
        if self.state.keywords.logical() {
            if self.tok() == Tok::LBrace
                && let Some(found) = self.braced_operand()
            {
                return found;
            }
            if self.tok() == Tok::LParen
                && let Some(group) = self.logical_group(false)
            {
                let group = group?;
                return self.logical_tail(group);
            }
        }
        if self.keyword_as_ref_head() {
            return self.plain_literal(false);
        }
        let negated = self.tok() == Tok::Not;
        if negated {
            self.scan();
        }
        if negated && self.state.keywords.not_bodies() && self.tok() == Tok::LBrace {
            let start = self.state.start;
            let expr = self.not_body(start)?;
            return self.logical_tail(Group { body: vec![expr], explicit: false });
        }
        match self.tok() {
            Tok::Some if negated => {
                self.illegal("illegal negation of 'some'");
                None
            }
            Tok::Every if negated => {
                self.illegal("illegal negation of 'every'");
                None
            }
            Tok::Some => self.some(),
            Tok::Every => self.every(),
            _ => self.plain_literal(negated),
        }
    }

    /// An expression that is neither declaration nor group, perhaps negated, perhaps with replacements.
    fn plain_literal(&mut self, negated: bool) -> Option<Expr> {
        let start = self.state.start;
        let not_bodies = self.state.keywords.not_bodies();
        if negated
            && not_bodies
            && self.tok() == Tok::LParen
            && let Some(group) = self.logical_group(true)
        {
            let group = group?;
            let expr = Expr::new(self.span_from(start), Terms::Not(group));
            return self.logical_tail(Group { body: vec![expr], explicit: false });
        }
        let mut expr = self.expr()?;
        expr.span = self.span_from(start);
        let has_with = self.tok() == Tok::With;
        if has_with {
            expr.with = self.with_modifiers()?;
        }
        if negated && not_bodies {
            let with = std::mem::take(&mut expr.with);
            expr = Expr::new(expr.span, Terms::Not(Group { body: vec![expr], explicit: false }));
            expr.with = with;
        } else {
            expr.negated = negated;
        }
        if matches!(self.tok(), Tok::LogicalAnd | Tok::LogicalOr) {
            let op = self.tok().name();
            if has_with {
                self.hints.push(format!(
                    "Wrap the operand in `(...)` or `{{...}}` to scope, or move `with` after the `{op}` expression to apply it to the whole expression"
                ));
                self.error_at(expr.span, format!("`with` modifier is not allowed on operand of `{op}`"));
                return None;
            }
            if !negated && self.text[expr.span.start as usize..].starts_with('{') {
                if matches!(&expr.terms, Terms::Term(Term { kind: TermKind::Object(pairs), .. }) if pairs.is_empty()) {
                    self.error_at(expr.span, "found empty body");
                    return None;
                }
                self.brace_led_operand(expr.span, op);
                return None;
            }
            let outer = self.or_chain(Group { body: vec![expr], explicit: false })?;
            return self.attach_with(outer);
        }
        Some(expr)
    }

    pub(super) fn with_modifiers(&mut self) -> Option<Vec<With>> {
        let mut withs = Vec::new();
        while self.tok() == Tok::With {
            let span = self.here();
            self.scan();
            if self.tok() != Tok::Ident {
                self.illegal("expected ident");
                return None;
            }
            let target = self.term()?;
            if !matches!(target.kind, TermKind::Ref(_) | TermKind::Var(_)) {
                self.illegal("expected with target path");
                return None;
            }
            if self.tok() != Tok::As {
                self.illegal("expected as keyword");
                return None;
            }
            self.scan();
            let value = self.infix()?;
            withs.push(With { span, target, value });
        }
        Some(withs)
    }

    pub(super) fn attach_with(&mut self, mut expr: Expr) -> Option<Expr> {
        if self.tok() == Tok::With {
            expr.with = self.with_modifiers()?;
        }
        Some(expr)
    }

    /// `a = b`, `a := b`, or a term.
    pub(super) fn expr(&mut self) -> Option<Expr> {
        let start = self.state.start;
        let left = self.infix()?;
        if matches!(self.tok(), Tok::Assign | Tok::Unify) {
            let operator = Term::operator(self.here(), self.tok().name());
            self.scan();
            let right = self.infix()?;
            return Some(Expr::new(self.span_from(start), Terms::Call(vec![operator, left, right])));
        }
        let terms = match left.kind {
            TermKind::Call(terms) => Terms::Call(terms),
            _ => Terms::Term(left),
        };
        Some(Expr::new(self.span_from(start), terms))
    }

    fn some(&mut self) -> Option<Expr> {
        let start = self.state.start;
        let saved = self.save();
        self.scan();
        if let Some(term) = self.infix()
            && let TermKind::Call(terms) = &term.kind
        {
            let operands = terms.len() - 1;
            let fits = terms[0].is_operator("internal.member_2") && operands == 2
                || terms[0].is_operator("internal.member_3") && operands == 3;
            if !fits {
                self.illegal("expected `x in xs` or `x, y in xs` expression");
                return None;
            }
            let expr = Expr::new(self.span_from(start), Terms::Some(vec![term]));
            return self.attach_with(expr);
        }
        self.restore(saved);
        if !self.state.keywords.has("in") {
            self.hint_some_in();
        }
        let mut symbols = Vec::new();
        loop {
            self.scan();
            if self.tok() != Tok::Ident {
                self.illegal("expected var");
                return None;
            }
            symbols.push(self.var());
            self.scan();
            if self.tok() != Tok::Comma {
                break;
            }
        }
        Some(Expr::new(self.span_from(start), Terms::Some(symbols)))
    }

    /// Says which import is missing for `some x in xs`.
    fn hint_some_in(&mut self) {
        let saved = self.save();
        self.state.keywords = self.state.keywords.union(Keywords::V1);
        self.scan();
        let member = self.infix().is_some_and(|term| match &term.kind {
            TermKind::Call(terms) => {
                terms[0].is_operator("internal.member_2") || terms[0].is_operator("internal.member_3")
            }
            _ => false,
        });
        self.restore(saved);
        self.hints.clear();
        if member {
            self.hints.push("`import future.keywords.in` for `some x in xs` expressions".to_owned());
        }
    }

    fn every(&mut self) -> Option<Expr> {
        let start = self.state.start;
        self.scan();
        let term = self.infix()?;
        let TermKind::Call(mut terms) = term.kind else {
            self.illegal("expected `x[, y] in xs { ... }` expression");
            return None;
        };
        let operator = terms.remove(0);
        let (key, value, domain) = match <[Term; 2]>::try_from(terms) {
            Ok([value, domain]) if operator.is_operator("internal.member_2") => (None, value, domain),
            Err(terms) if operator.is_operator("internal.member_3") => {
                let [key, value, domain] = <[Term; 3]>::try_from(terms).ok()?;
                (Some(key), value, domain)
            }
            _ => {
                self.illegal("expected `x[, y] in xs { ... }` expression");
                return None;
            }
        };
        if key.as_ref().is_some_and(|key| key.as_var().is_none()) {
            self.illegal("expected key to be a variable");
            return None;
        }
        if value.as_var().is_none() {
            self.illegal("expected value to be a variable");
            return None;
        }
        if self.tok() != Tok::LBrace {
            self.illegal("missing body");
            return None;
        }
        self.scan();
        let body = self.body(Tok::RBrace)?;
        self.scan();
        let every = Every { key, value, domain, body };
        let expr = Expr::new(self.span_from(start), Terms::Every(Box::new(every)));
        self.attach_with(expr)
    }
}
