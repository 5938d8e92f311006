//! Brackets around what an observer is told of.

use probity_model::Span;

use super::lower::{Lower, Lowered};
use crate::ast::{Expr, Rule, Term, TermKind, Terms, is_generated, is_wildcard};
use crate::plan::{Block, Ex, Observed, ObservedNode, Op};

/// The keys in a rule's head that are no constants, as they are known soonest: what the compiler made a variable of its
/// own of is what that variable is made equal to.
pub(super) fn head_keys(rule: &Rule) -> Vec<Term> {
    let keys = rule.head.reference.iter().skip(1).filter(|part| !part.is_scalar());
    let soonest = |key: &Term| {
        let made = rule
            .body
            .iter()
            .find(|expr| expr.generated && expr.is_equality() && expr.with.is_empty() && expr.operands()[0] == *key);
        match made.filter(|_| key.as_var().is_some_and(|name| is_generated(name))) {
            Some(expr) => Term::new(key.span, expr.operands()[1].kind.clone()),
            None => key.clone(),
        }
    };
    keys.map(soonest).collect()
}

/// A block within a bracket.
pub(super) fn bracket(node: ObservedNode, span: Span, block: Block, values: Vec<(Span, Ex)>) -> Block {
    Block { ops: vec![Op::Observed(Box::new(Observed { node, span, block, values }))] }
}

impl Lower<'_> {
    /// The expression, in a bracket when it is to be observed.
    pub(super) fn maybe_observed(&mut self, expr: &Expr, block: &mut Block) -> Lowered<()> {
        // A declaration is nothing to evaluate.
        if !self.observe || matches!(expr.terms, Terms::Some(_)) {
            return self.without_with(expr, block);
        }
        // What the expression itself gives values to has none when it fails.
        let mut values = match &expr.terms {
            Terms::Term(term) => self.visible([term])?,
            Terms::Call(terms) => self.visible(&terms[1..])?,
            Terms::Every(every) => self.visible([&every.domain])?,
            Terms::Some(_) | Terms::Not(_) | Terms::And(..) | Terms::Or(..) => Vec::new(),
        };
        for key in self.head_keys.clone() {
            if self.closed(&key) {
                values.push((key.span, self.ex(&key)?));
            }
        }
        let mut inner = Block::default();
        self.without_with(expr, &mut inner)?;
        block.ops.extend(bracket(ObservedNode::Expr, expr.span, inner, values).ops);
        Ok(())
    }

    /// The body, in a bracket when it is to be observed.
    pub(super) fn observed_body(&self, body: &[Expr], block: Block) -> Block {
        match body.first().zip(body.last()) {
            Some((first, last)) if self.observe => {
                bracket(ObservedNode::Body, join(first.span, last.span), block, Vec::new())
            }
            _ => block,
        }
    }

    /// The variables and references that stand in terms, as far as they can have a value.
    pub(super) fn visible<'t>(&mut self, terms: impl IntoIterator<Item = &'t Term>) -> Lowered<Vec<(Span, Ex)>> {
        let mut found: Vec<&Term> = Vec::new();
        for term in terms {
            parts(term, &mut found);
        }
        let mut values: Vec<(Span, Ex)> = Vec::new();
        for term in found {
            if !self.closed(term) || values.iter().any(|(span, _)| *span == term.span) {
                continue;
            }
            values.push((term.span, self.ex(term)?));
            if let Some(rule) = self.rule_within(term) {
                let ex = self.ex(&rule)?;
                values.push((rule.span, ex));
            }
        }
        Ok(values)
    }

    /// The reference to a rule that a longer one begins with.
    fn rule_within(&self, term: &Term) -> Option<Term> {
        let parts = term.as_ref()?;
        let mut node = 0;
        for (at, part) in parts.iter().enumerate().skip(1) {
            node = *self.nodes[node as usize].children.get(&super::tree::constant_key(part)?)?;
            if self.nodes[node as usize].group.is_some() {
                let prefix = parts[..=at].to_vec();
                let span = join(parts[0].span, part.span);
                return (at + 1 < parts.len()).then(|| Term::new(span, TermKind::Ref(prefix)));
            }
        }
        None
    }
}

/// Variables and references, but not what is in comprehensions.
fn parts<'t>(term: &'t Term, found: &mut Vec<&'t Term>) {
    match &term.kind {
        TermKind::Var(name) if !is_wildcard(name) => found.push(term),
        TermKind::Ref(parts) => {
            found.push(term);
            let known = parts[0].as_var().is_some_and(|name| name == "data" || name == "input");
            let vars = parts.iter().skip(usize::from(known));
            found.extend(
                vars.filter(|part| part.as_var().is_some_and(|name| !is_wildcard(name) && !is_generated(name))),
            );
        }
        TermKind::Array(terms) | TermKind::Set(terms) => terms.iter().for_each(|term| self::parts(term, found)),
        TermKind::Object(pairs) => {
            for (key, value) in pairs {
                parts(key, found);
                parts(value, found);
            }
        }
        _ => {}
    }
}

/// Where an expression stands, without its `not`.
pub(super) fn without_not(expr: &Expr) -> Span {
    let start = match &expr.terms {
        Terms::Term(term) => Some(term.span.start),
        Terms::Call(terms) => terms.iter().map(|term| term.span.start).min(),
        _ => None,
    };
    Span { start: start.unwrap_or(expr.span.start).clamp(expr.span.start, expr.span.end), ..expr.span }
}

fn join(first: Span, last: Span) -> Span {
    if first.source != last.source {
        return first;
    }
    Span { source: first.source, start: first.start.min(last.start), end: first.end.max(last.end) }
}
