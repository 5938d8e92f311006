//! `and`, `or` and `not` over groups of expressions.

use probity_model::Span;

use super::Parser;
use crate::ast::{Expr, Group, Term, TermKind, Terms};
use crate::builtins;
use crate::lexer::Tok;

impl Parser<'_> {
    fn at_logical(&self) -> bool {
        matches!(self.tok(), Tok::LogicalAnd | Tok::LogicalOr)
    }

    /// `{ body } and ...`; `None` when the braces turn out not to be an operand.
    pub(super) fn braced_operand(&mut self) -> Option<Option<Expr>> {
        let saved = self.save();
        let start = self.state.start;
        self.scan();
        if let Some(body) = self.body(Tok::RBrace) {
            self.scan();
            if self.at_logical() {
                let group = Group { body, explicit: true };
                if self.ambiguous_union(&group, start, "") {
                    return Some(None);
                }
                let outer = self.or_chain(group);
                return Some(outer.and_then(|outer| self.attach_with(outer)));
            }
        }
        self.restore(saved);
        self.hints.clear();
        None
    }

    /// Goes on behind a complete operand with what `and` and `or` follow.
    pub(super) fn logical_tail(&mut self, mut group: Group) -> Option<Expr> {
        if self.at_logical() {
            let outer = self.or_chain(group)?;
            return self.attach_with(outer);
        }
        let expr = group.body.pop()?;
        self.attach_with(expr)
    }

    /// Folds `or`s, and the `and`s that bind tighter, onto a left operand.
    pub(super) fn or_chain(&mut self, left: Group) -> Option<Expr> {
        if !self.enter() {
            return None;
        }
        let expr = self.or_chain_inner(left);
        self.leave();
        expr
    }

    fn or_chain_inner(&mut self, mut left: Group) -> Option<Expr> {
        if self.tok() == Tok::LogicalAnd {
            left = self.and_chain(left)?;
        }
        while self.tok() == Tok::LogicalOr {
            self.scan();
            let mut right = self.operand("or")?;
            if self.tok() == Tok::LogicalAnd {
                right = self.and_chain(right)?;
            }
            left = self.combine(left, right, "or", Terms::Or);
        }
        left.body.pop()
    }

    fn and_chain(&mut self, mut left: Group) -> Option<Group> {
        while self.tok() == Tok::LogicalAnd {
            self.scan();
            let right = self.operand("and")?;
            left = self.combine(left, right, "and", Terms::And);
        }
        Some(left)
    }

    fn combine(&mut self, left: Group, right: Group, op: &str, make: fn(Group, Group) -> Terms) -> Group {
        for operand in [&left, &right] {
            if let Some((name, span)) = void_operand(operand) {
                self.hints.push(format!(
                    "`{name}` produces no value and always succeeds, so the operand can never fail; move it out of the operand, or add an expression that can fail"
                ));
                self.error_at(span, format!("operand of `{op}` cannot consist only of calls to `{name}`"));
            }
        }
        let start = left.body.first().map_or(self.state.start, |expr| expr.span.start as usize);
        let expr = Expr::new(self.span_from(start), make(left, right));
        Group { body: vec![expr], explicit: false }
    }

    /// One operand of `and` or `or`; `op` is empty when this is only tried.
    fn operand(&mut self, op: &str) -> Option<Group> {
        let start = self.state.start;
        if self.tok() == Tok::LBrace {
            return self.brace_operand(op);
        }
        let negated = self.tok() == Tok::Not && !matches!(self.following_with_space(), Tok::Dot | Tok::LBrack);
        if negated {
            self.scan();
        }
        let not_bodies = self.state.keywords.not_bodies();
        if negated && not_bodies && self.tok() == Tok::LBrace {
            let expr = self.not_body(start)?;
            return Some(Group { body: vec![expr], explicit: false });
        }
        if self.tok() == Tok::LParen
            && self.state.keywords.logical()
            && (!negated || not_bodies)
            && let Some(group) = self.logical_group(true)
        {
            let group = group?;
            if !negated {
                return Some(group);
            }
            let expr = Expr::new(self.span_from(start), Terms::Not(group));
            return Some(Group { body: vec![expr], explicit: false });
        }
        let mut expr = self.expr()?;
        expr.span = self.span_from(start);
        if negated && not_bodies {
            expr = Expr::new(expr.span, Terms::Not(Group { body: vec![expr], explicit: false }));
        } else {
            expr.negated = negated;
        }
        Some(Group { body: vec![expr], explicit: false })
    }

    fn brace_operand(&mut self, op: &str) -> Option<Group> {
        let start = self.state.start;
        let saved = self.save();
        self.scan();
        let empty = self.tok() == Tok::RBrace;
        let Some(body) = self.body(Tok::RBrace) else {
            if !empty && !op.is_empty() {
                self.value_in_braces(saved, start, op);
            }
            return None;
        };
        self.scan();
        let group = Group { body, explicit: true };
        self.ambiguous_union(&group, start, "");
        Some(group)
    }

    /// Replaces the error of a body that is none by a better one when the braces hold a value.
    fn value_in_braces(&mut self, saved: super::State, start: usize, op: &str) {
        let errors = self.errors.split_off(saved.errors);
        let failed = self.save();
        self.restore(saved);
        self.hints.clear();
        if let Some(term) = self.infix() {
            let span = self.span_from(start);
            if op == "not " {
                let operand = &self.text[span.start as usize..span.end as usize];
                self.hints.push(format!(
                    "write `not ({operand})` to negate the value, or `not {{{operand}}}` for a body holding it"
                ));
                self.error_at(
                    span,
                    format!("`{{...}}` in an operand position must contain expression(s), got: {}", led_by(&term)),
                );
            } else {
                self.brace_led_operand(span, op);
            }
            return;
        }
        self.restore(failed);
        self.hints.clear();
        self.errors.truncate(saved.errors);
        self.errors.extend(errors);
    }

    pub(super) fn brace_led_operand(&mut self, span: Span, op: &str) {
        let operand = &self.text[span.start as usize..span.end as usize];
        self.hints.push(format!("wrap the operand to keep the value: `({operand}) {op} ...`"));
        self.error_at(span, format!("operand of `{op}` cannot begin with `{{` unless the braces hold a body"));
    }

    /// `{ a | b }` as an operand could be a body or a comprehension.
    fn ambiguous_union(&mut self, group: &Group, start: usize, prefix: &str) -> bool {
        let Some(first) = group.body.first() else { return false };
        let infix = first.operator().is_some_and(|operator| {
            operator.is_operator("or") && self.text[operator.span.start as usize..].starts_with('|')
        });
        if !infix || self.text[first.span.start as usize..].starts_with('(') {
            return false;
        }
        let span = self.span_from(start);
        let braces = &self.text[span.start as usize..span.end as usize];
        self.hints
            .push(format!("write `{prefix}({braces})` for the comprehension, or put the set union in parentheses"));
        self.error_at(
            span,
            "ambiguous `{ ... | ... }` operand: read as a body holding a set-union expression, not as a comprehension",
        );
        true
    }

    /// `not { body }`, at the brace.
    pub(super) fn not_body(&mut self, start: usize) -> Option<Expr> {
        let brace = self.state.start;
        let saved = self.save();
        self.scan();
        let empty = self.tok() == Tok::RBrace;
        let Some(body) = self.body(Tok::RBrace) else {
            if !empty {
                self.value_in_braces(saved, brace, "not ");
            }
            return None;
        };
        self.scan();
        let group = Group { body, explicit: true };
        if self.ambiguous_union(&group, brace, "not ") {
            return None;
        }
        Some(Expr::new(self.span_from(start), Terms::Not(group)))
    }

    /// A group in parentheses, at the first of them. `None` when they hold a term and nothing was read; `Some(None)`
    /// when they hold a group that is not right. `operand` says whether the group stands behind `and`, `or` or `not`.
    pub(super) fn logical_group(&mut self, operand: bool) -> Option<Option<Group>> {
        if !self.enter() {
            return Some(None);
        }
        let group = self.logical_group_inner(operand);
        self.leave();
        group
    }

    fn logical_group_inner(&mut self, operand: bool) -> Option<Option<Group>> {
        let saved = self.save();
        let open = self.here();
        self.scan();
        if self.tok() == Tok::RParen {
            if operand {
                self.error_at(open, "empty parenthesized group");
                return Some(None);
            }
            self.restore(saved);
            return None;
        }
        let Some(mut left) = self.operand("") else {
            self.restore(saved);
            self.hints.clear();
            return None;
        };
        if self.at_logical() {
            let expr = self.or_chain(left).and_then(|expr| self.attach_with(expr));
            let Some(expr) = expr else { return Some(None) };
            return Some(self.close().map(|()| Group { body: vec![expr], explicit: false }));
        }
        if self.tok() == Tok::With && !left.explicit && left.body.len() == 1 {
            let Some(withs) = self.with_modifiers() else { return Some(None) };
            left.body[0].with = withs;
            if self.at_logical() {
                let op = self.tok().name();
                self.error(format!("`with` modifier is not allowed on operand of `{op}`"));
                return Some(None);
            }
            if self.close().is_none() {
                return Some(None);
            }
            if operand || self.at_logical() {
                return Some(Some(left));
            }
            self.restore(saved);
            return None;
        }
        if left.explicit {
            return self.braces_in_parens(saved, open);
        }
        let logical = left.body.len() == 1 && matches!(left.body[0].terms, Terms::And(..) | Terms::Or(..));
        let negated = left.body.len() == 1 && (left.body[0].negated || matches!(left.body[0].terms, Terms::Not(_)));
        if logical || negated {
            return Some(self.close().map(|()| left));
        }
        self.restore(saved);
        None
    }

    /// `({ ... })`: the braces are a value, or else an error.
    fn braces_in_parens(&mut self, saved: super::State, open: Span) -> Option<Option<Group>> {
        self.restore(saved);
        let errors = self.errors.len();
        self.scan();
        let term = self.term();
        self.errors.truncate(errors);
        self.restore(saved);
        self.hints.clear();
        if term.is_none() {
            self.hints.push("drop the parens to keep the body".to_owned());
            self.error_at(open, "`(...)` in an operand position cannot contain a body");
            return Some(None);
        }
        None
    }

    fn close(&mut self) -> Option<()> {
        if self.tok() != Tok::RParen {
            self.error("expected ) to close parenthesized group");
            return None;
        }
        self.scan();
        Some(())
    }
}

/// The kind of value that the first brace of a term opens.
fn led_by(term: &Term) -> &'static str {
    match &term.kind {
        TermKind::Call(terms) if terms.len() == 3 => led_by(&terms[1]),
        _ => term.kind_name(),
    }
}

/// The first function without result that an operand consists of nothing but calls of.
fn void_operand(group: &Group) -> Option<(&'static str, Span)> {
    let mut found = None;
    for expr in &group.body {
        let operator = expr.operator().filter(|_| !expr.negated)?;
        let builtin = builtins::find(&operator.to_string()).filter(|builtin| builtin.void)?;
        found.get_or_insert((builtin.name, expr.span));
    }
    found
}
