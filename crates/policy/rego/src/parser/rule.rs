//! Rules.

use probity_model::Span;

use super::Parser;
use crate::ast::{Expr, Head, Rule, Term, TermKind, Terms, is_wildcard};
use crate::builtins;
use crate::error::{Code, Error};
use crate::lexer::Tok;

impl Parser<'_> {
    /// Reports a keyword where a rule's name should stand, such as `every := 1`.
    pub(super) fn keyword_as_rule_name(&mut self, default: bool) -> bool {
        let tok = self.tok();
        let follows: &[Tok] = match tok {
            Tok::Every | Tok::If | Tok::In | Tok::Some | Tok::As => {
                &[Tok::Assign, Tok::Unify, Tok::If, Tok::Contains, Tok::LParen]
            }
            Tok::Package | Tok::Import => &[Tok::Assign, Tok::Unify, Tok::LParen],
            Tok::Not | Tok::LogicalAnd | Tok::LogicalOr => &[Tok::Assign, Tok::Unify, Tok::If, Tok::Contains],
            Tok::Contains => &[Tok::If, Tok::Contains],
            _ => return false,
        };
        if !default && !follows.contains(&self.following()) {
            return false;
        }
        self.error(format!("{} keyword cannot be used for rule name", tok.name()));
        true
    }

    /// A rule and the bodies chained to it.
    pub(super) fn rules(&mut self) -> Option<Vec<Rule>> {
        let start = self.state.start;
        self.keyword_as_ref_head();
        let default = self.tok() == Tok::Default;
        if default {
            self.scan();
            self.keyword_as_ref_head();
        }
        if self.tok() != Tok::Ident {
            if default {
                self.keyword_as_rule_name(true);
            }
            return None;
        }
        let head = self.head(default)?;
        let span = self.span_from(start);
        let mut rule = Rule { span, default, head, body: Vec::new(), otherwise: None, generated_body: false };
        if default {
            return self.default_rule(rule, start).map(|rule| vec![rule]);
        }
        self.classify(&mut rule.head);
        if rule.head.has_if || self.tok() == Tok::LBrace {
            self.rule_body(&mut rule)?;
        } else if rule.head.has_contains {
            rule.span = rule.head.span;
            rule.body = true_body(rule.span);
            rule.generated_body = true;
            return Some(vec![rule]);
        } else {
            return None;
        }
        if self.tok() == Tok::Else && !self.keyword_as_ref_head() {
            if rule.head.reference.iter().skip(1).any(|part| !part.is_ground()) {
                self.error("else keyword cannot be used on rules with variables in head");
                return None;
            }
            if rule.head.key.is_some() {
                self.error("else keyword cannot be used on multi-value rules");
                return None;
            }
            rule.otherwise = Some(Box::new(self.otherwise(&rule.head)?));
        }
        rule.span = self.span_from(start);
        self.chained(rule)
    }

    fn default_rule(&mut self, mut rule: Rule, start: usize) -> Option<Rule> {
        rule.span = self.span_from(start);
        let Some(value) = &rule.head.value else {
            self.error_at(rule.span, "illegal default rule (must have a value)");
            return None;
        };
        if let Some(kind) = not_constant(value) {
            self.error_at(rule.span, format!("illegal default rule (value cannot contain {kind})"));
            return None;
        }
        let mut seen: Vec<&Term> = Vec::new();
        for arg in &rule.head.args {
            let message = match &arg.kind {
                TermKind::Var(name) if seen.contains(&arg) => {
                    format!("illegal default rule (arguments cannot be repeated {name})")
                }
                TermKind::Var(_) => {
                    seen.push(arg);
                    continue;
                }
                _ => format!("illegal default rule (arguments cannot contain {})", arg.kind_name()),
            };
            self.error_at(rule.span, message);
            return None;
        }
        rule.body = true_body(rule.span);
        Some(rule)
    }

    /// Decides between the forms that `p[x]` can have.
    fn classify(&mut self, head: &mut Head) {
        let has_if = self.tok() == Tok::If;
        head.has_if = has_if;
        if head.has_contains || head.reference.len() != 2 {
            return;
        }
        if has_if {
            let key = &head.reference[1];
            if (!key.is_ground() || key.as_ref().is_some()) && head.args.is_empty() {
                head.key = Some(key.clone());
            }
            if head.value.is_none() {
                head.generated_value = true;
                head.value = Some(Term::bool(head.span, true));
            }
        } else if !head.function {
            head.key = Some(head.reference[1].clone());
            if head.value.is_none() {
                head.reference.truncate(1);
            }
        }
    }

    fn rule_body(&mut self, rule: &mut Rule) -> Option<()> {
        if rule.head.has_if {
            self.scan();
            let saved = self.save();
            let brace = self.tok() == Tok::LBrace;
            if let Some(expr) = self.literal_expr() {
                let set = brace && matches!(&expr.terms, Terms::Term(Term { kind: TermKind::Set(_), .. }));
                if !set {
                    rule.body.push(expr);
                    return Some(());
                }
            }
            if !brace {
                return None;
            }
            self.restore(saved);
            self.hints.clear();
        }
        self.scan();
        rule.body = self.body(Tok::RBrace)?;
        self.scan();
        Some(())
    }

    /// Bodies behind the first: each a rule with the same head.
    fn chained(&mut self, first: Rule) -> Option<Vec<Rule>> {
        let mut rules = vec![first];
        while self.tok() == Tok::LBrace {
            if rules[0].otherwise.is_some() {
                self.error("expected else keyword");
                return None;
            }
            let start = self.state.start;
            self.scan();
            let body = self.body(Tok::RBrace)?;
            self.scan();
            let mut head = rules[0].head.clone();
            self.renew_wildcards(&mut head);
            let span = self.span_from(start);
            head.span = span;
            rules.push(Rule { span, default: false, head, body, otherwise: None, generated_body: false });
        }
        Some(rules)
    }

    fn renew_wildcards(&mut self, head: &mut Head) {
        for arg in &mut head.args {
            if arg.as_var().is_some_and(|name| is_wildcard(name)) {
                arg.kind = TermKind::Var(self.wildcard());
            }
        }
    }

    fn otherwise(&mut self, head: &Head) -> Option<Rule> {
        let start = self.state.start;
        let mut head = head.clone();
        head.generated_value = false;
        head.has_if = false;
        self.renew_wildcards(&mut head);
        self.scan();
        match self.tok() {
            Tok::LBrace | Tok::If => {
                head.generated_value = true;
                head.value = Some(Term::bool(head.span, true));
            }
            Tok::Assign | Tok::Unify => {
                head.assign = self.tok() == Tok::Assign;
                self.scan();
                head.value = Some(self.infix()?);
            }
            _ => {
                self.illegal("expected else value term or rule body");
                return None;
            }
        }
        head.span = self.span_from(start);
        let mut rule =
            Rule { span: head.span, default: false, head, body: Vec::new(), otherwise: None, generated_body: false };
        rule.head.has_if = self.tok() == Tok::If;
        if !rule.head.has_if && self.tok() != Tok::LBrace {
            rule.body = true_body(rule.span);
            rule.generated_body = true;
            return Some(rule);
        }
        if rule.head.has_if {
            self.scan();
        }
        if self.tok() == Tok::LBrace {
            self.scan();
            rule.body = self.body(Tok::RBrace)?;
            self.scan();
        } else if self.tok() == Tok::Eof {
            self.illegal("rule body expected");
            return None;
        } else {
            rule.body = vec![self.literal_expr()?];
        }
        if self.tok() == Tok::Else {
            rule.otherwise = Some(Box::new(self.otherwise(&rule.head)?));
        }
        rule.span = self.span_from(start);
        Some(rule)
    }

    fn head(&mut self, default: bool) -> Option<Head> {
        let start = self.state.start;
        let name = self.var();
        let term = self.head_finish(name)?;
        let (reference, args, function) = match term.kind {
            TermKind::Var(_) => (vec![term], Vec::new(), false),
            TermKind::Ref(parts) => (parts, Vec::new(), false),
            TermKind::Call(mut terms) => {
                let operator = terms.remove(0);
                let reference = match operator.kind {
                    TermKind::Ref(parts) if parts[0].as_var().is_some() => parts,
                    TermKind::Var(_) => vec![operator],
                    _ => {
                        self.illegal("rule head ref invalid");
                        return None;
                    }
                };
                (reference, terms, true)
            }
            _ => return None,
        };
        reference[0].as_var()?;
        let mut head = Head {
            span: self.span_from(start),
            reference,
            args,
            function,
            key: None,
            value: None,
            assign: false,
            generated_value: false,
            has_if: false,
            has_contains: false,
        };
        let name = crate::ast::ref_text(&head.reference);
        match self.tok() {
            Tok::Contains => {
                head.has_contains = true;
                if !head.args.is_empty() {
                    self.illegal(&format!(
                        "the contains keyword can only be used with multi-value rule definitions (e.g., {name} contains <VALUE> {{ ... }})"
                    ));
                }
                self.scan();
                head.key = self.infix();
                if head.key.is_none() {
                    self.illegal(&format!("expected rule key term (e.g., {name} contains <VALUE> {{ ... }})"));
                    return None;
                }
                head.span = self.span_from(start);
                return Some(head);
            }
            Tok::Unify | Tok::Assign => {
                head.assign = self.tok() == Tok::Assign;
                self.scan();
                head.value = self.infix();
                if head.value.is_none() {
                    let what = if !head.args.is_empty() {
                        format!("function value term (e.g., {name}(...) := <VALUE> {{ ... }})")
                    } else if default {
                        format!("default rule value term (e.g., default {name} := <VALUE>)")
                    } else {
                        format!("rule value term (e.g., {name} := <VALUE> {{ ... }})")
                    };
                    self.illegal(&format!("expected {what}"));
                    return None;
                }
            }
            _ => {}
        }
        head.span = self.span_from(start);
        if head.value.is_none() && (head.reference.len() != 2 || head.function) {
            head.generated_value = true;
            head.value = Some(Term::bool(head.span, true));
        }
        Some(head)
    }
}

/// What of a default value has to be evaluated.
fn not_constant(term: &Term) -> Option<&'static str> {
    match &term.kind {
        TermKind::Ref(_) | TermKind::Var(_) | TermKind::Call(_) => Some(term.kind_name()),
        TermKind::Array(terms) | TermKind::Set(terms) => terms.iter().find_map(not_constant),
        TermKind::Object(pairs) => {
            pairs.iter().find_map(|(key, value)| not_constant(key).or_else(|| not_constant(value)))
        }
        _ => None,
    }
}

pub(super) fn true_body(span: Span) -> Vec<Expr> {
    let mut expr = Expr::new(span, Terms::Term(Term::bool(span, true)));
    expr.generated = true;
    vec![expr]
}

/// The rule that a statement without body is, such as `pi := 3.14` or `p.q`.
pub(super) fn from_body(body: Vec<Expr>) -> Result<Rule, (Span, String)> {
    let span = body.first().map_or(Span::new(probity_model::SourceId(0), 0..0), |expr| expr.span);
    let fail = |message: &str| Err((span, message.to_owned()));
    let [expr] = <[Expr; 1]>::try_from(body)
        .map_err(|_| (span, "multiple expressions cannot be used for rule head".to_owned()))?;
    if !expr.with.is_empty() {
        return fail("expressions using with keyword cannot be used for rule head");
    }
    if expr.negated {
        return fail("negated expressions cannot be used for rule head");
    }
    let assignment = expr.is_assignment();
    let equality = expr.is_equality() || assignment;
    match expr.terms {
        Terms::Some(_) => fail("'some' declarations cannot be used for rule head"),
        Terms::Term(term) => from_term(span, term),
        Terms::Call(terms) if equality => {
            let [_, left, right] =
                <[Term; 3]>::try_from(terms).map_err(|_| (span, "assignment requires two operands".to_owned()))?;
            let mut rule = from_equality(span, left, right)?;
            rule.head.assign = assignment;
            Ok(rule)
        }
        Terms::Call(terms) => from_call(span, terms),
        _ => fail("expression cannot be used for rule head"),
    }
}

fn rule_of(span: Span, reference: Vec<Term>, args: Vec<Term>, key: Option<Term>, value: Option<Term>) -> Rule {
    let function = !args.is_empty();
    let head = Head {
        span,
        reference,
        args,
        function,
        key,
        value,
        assign: false,
        generated_value: false,
        has_if: false,
        has_contains: false,
    };
    Rule { span, default: false, head, body: true_body(span), otherwise: None, generated_body: true }
}

fn from_term(span: Span, term: Term) -> Result<Rule, (Span, String)> {
    let kind = term.kind_name();
    let TermKind::Ref(mut parts) = term.kind else {
        return Err((span, format!("{kind} cannot be used for rule name")));
    };
    if parts[0].as_var().is_none() {
        return Err((span, format!("invalid rule head: {}", crate::ast::ref_text(&parts))));
    }
    if parts.len() > 2 {
        let value = Term::bool(span, true);
        let mut rule = rule_of(span, parts, Vec::new(), None, Some(value));
        rule.head.generated_value = true;
        return Ok(rule);
    }
    if parts.len() == 1 {
        return Err((span, "refs cannot be used for rule head".to_owned()));
    }
    let key = parts.pop();
    Ok(rule_of(span, parts, Vec::new(), key, None))
}

fn from_equality(span: Span, left: Term, right: Term) -> Result<Rule, (Span, String)> {
    let kind = left.kind_name();
    match left.kind {
        TermKind::Call(mut terms) => {
            let operator = terms.remove(0);
            let TermKind::Ref(reference) = operator.kind else {
                return Err((span, format!("{}s cannot be used in function signature", operator.kind_name())));
            };
            if reference[0].as_var().is_none() {
                return Err((span, format!("invalid rule head: {}", crate::ast::ref_text(&reference))));
            }
            let mut rule = rule_of(span, reference, terms, None, Some(right));
            rule.head.function = true;
            Ok(rule)
        }
        TermKind::Ref(parts) if parts[0].as_var().is_some() => {
            let key = (parts.len() == 2).then(|| parts[1].clone());
            Ok(rule_of(span, parts, Vec::new(), key, Some(right)))
        }
        TermKind::Ref(parts) => Err((span, format!("invalid rule head: {}", crate::ast::ref_text(&parts)))),
        TermKind::Var(name) => Ok(rule_of(span, vec![Term::var(left.span, name)], Vec::new(), None, Some(right))),
        _ => Err((span, format!("{kind} cannot be used for rule name"))),
    }
}

fn from_call(span: Span, mut terms: Vec<Term>) -> Result<Rule, (Span, String)> {
    let operator = terms.remove(0);
    if builtins::is_builtin(&operator.to_string()) {
        return Err((span, "rule name conflicts with built-in function".to_owned()));
    }
    if terms.is_empty() {
        return Err((span, "rule argument list must take at least one argument".to_owned()));
    }
    let TermKind::Ref(reference) = operator.kind else {
        return Err((span, "expression cannot be used for rule head".to_owned()));
    };
    if reference[0].as_var().is_none() {
        return Err((span, format!("invalid rule head: {}", crate::ast::ref_text(&reference))));
    }
    let mut rule = rule_of(span, reference, terms, None, Some(Term::bool(span, true)));
    rule.generated_body = false;
    rule.head.generated_value = true;
    rule.generated_body = true;
    Ok(rule)
}

/// What Rego v1 asks of every rule.
pub(super) fn check_v1(rule: &Rule, errors: &mut Vec<Error>) {
    const KEYWORDS: [&str; 15] = [
        "not", "package", "import", "as", "default", "else", "with", "null", "true", "false", "some", "if", "contains",
        "in", "every",
    ];
    let kind = if rule.head.function { "function" } else { "rule" };
    let mut fail = |message: String| errors.push(Error::new(Code::Parse, rule.span, message));
    let name = rule.head.name();
    if rule.head.reference.len() < 2 && KEYWORDS.contains(&name) {
        fail(format!("{name} keyword cannot be used for rule name"));
    }
    // OPA takes a function that says nothing for one that is true.
    if rule.generated_body && rule.head.generated_value && !rule.head.function {
        fail(format!("{kind} must have value assignment and/or body declaration"));
    }
    if !rule.generated_body && !rule.head.has_if && !rule.default {
        fail(format!("`if` keyword is required before {kind} body"));
    }
    if rule.head.is_multi_value() && !rule.head.has_contains {
        fail("`contains` keyword is required for partial set rules".to_owned());
    }
    if let Some(otherwise) = &rule.otherwise {
        check_v1(otherwise, errors);
    }
}
