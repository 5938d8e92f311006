//! Terms.

use super::{Parser, text};
use crate::ast::{Body, Compr, Name, Part, Term, TermKind, Terms, WILDCARD};
use crate::lexer::Tok;

/// The operators from loosest to tightest, `in` aside.
const LEVELS: [&[Tok]; 5] = [
    &[Tok::Equal, Tok::Neq, Tok::Lt, Tok::Gt, Tok::Lte, Tok::Gte],
    &[Tok::Or],
    &[Tok::And],
    &[Tok::Add, Tok::Sub],
    &[Tok::Mul, Tok::Quo, Tok::Rem],
];

impl Parser<'_> {
    /// A term with operators.
    pub(super) fn infix(&mut self) -> Option<Term> {
        self.membership(None, true)
    }

    /// A term with operators, up to a comma.
    fn infix_in_list(&mut self, first: Option<Term>) -> Option<Term> {
        self.membership(first, false)
    }

    /// `a in b` and `a, b in c`. `first` is a term that has been read already.
    fn membership(&mut self, first: Option<Term>, pairs: bool) -> Option<Term> {
        let start = first.as_ref().map_or(self.state.start, |term| term.span.start as usize);
        let mut left = self.binary(0, first)?;
        let mut pairs = pairs;
        loop {
            if pairs && self.tok() == Tok::Comma {
                let saved = self.save();
                self.scan();
                if let Some(middle) = self.binary(0, None)
                    && self.tok() == Tok::In
                {
                    let operator = Term::operator(self.here(), "internal.member_3");
                    self.scan();
                    let right = self.binary(0, None)?;
                    let kind = TermKind::Call(vec![operator, left, middle, right]);
                    left = Term::new(self.span_from(start), kind);
                    if self.tok() == Tok::In {
                        continue;
                    }
                    return Some(left);
                }
                self.restore(saved);
                self.hints.clear();
            }
            pairs = false;
            self.keyword_as_ref_head();
            if self.tok() != Tok::In {
                return Some(left);
            }
            let operator = Term::operator(self.here(), "internal.member_2");
            self.scan();
            let right = self.binary(0, None)?;
            left = Term::new(self.span_from(start), TermKind::Call(vec![operator, left, right]));
        }
    }

    /// Operators of this level and tighter ones. `first` is a term that has been read already.
    fn binary(&mut self, level: usize, first: Option<Term>) -> Option<Term> {
        let start = first.as_ref().map_or(self.state.start, |term| term.span.start as usize);
        let mut left = match first {
            Some(first) => first,
            None => self.term()?,
        };
        // Climbs from the tightest level down to the asked one.
        for tighter in (level..LEVELS.len()).rev() {
            while LEVELS[tighter].contains(&self.tok()) {
                let operator = Term::operator(self.here(), self.tok().name());
                self.scan();
                let right = if tighter + 1 < LEVELS.len() { self.binary(tighter + 1, None)? } else { self.term()? };
                left = Term::new(self.span_from(start), TermKind::Call(vec![operator, left, right]));
            }
        }
        Some(left)
    }

    /// A term without operators.
    pub(super) fn term(&mut self) -> Option<Term> {
        if !self.enter() {
            return None;
        }
        let term = self.term_inner();
        self.leave();
        term
    }

    fn term_inner(&mut self) -> Option<Term> {
        if matches!(self.tok(), Tok::LogicalAnd | Tok::LogicalOr) && self.following_with_space() == Tok::LParen {
            self.state.tok = Tok::Ident;
        }
        let (start, here) = (self.state.start, self.here());
        let mut minus = false;
        let scalar = |value| Term::new(here, TermKind::Scalar(value));
        let term = match self.tok() {
            Tok::Null => scalar(probity_model::Value::Null),
            Tok::True => Term::bool(here, true),
            Tok::False => Term::bool(here, false),
            Tok::Sub => {
                let saved = self.save();
                self.scan();
                if matches!(self.tok(), Tok::Ident | Tok::Contains) {
                    minus = true;
                    self.var()
                } else {
                    self.restore(saved);
                    self.number()?
                }
            }
            Tok::Dot | Tok::Number => self.number()?,
            Tok::String => {
                let literal = self.literal();
                if let Some(text) = text::unescape(&literal[1..literal.len() - 1]) {
                    Term::string(here, text)
                } else {
                    self.error(format!("illegal string literal: {literal}"));
                    return None;
                }
            }
            Tok::RawString => {
                let literal = self.literal();
                Term::string(here, &literal[1..literal.len() - 1])
            }
            Tok::TemplatePart | Tok::TemplateEnd => self.template(false)?,
            Tok::RawTemplatePart | Tok::RawTemplateEnd => self.template(true)?,
            Tok::Ident | Tok::Contains => self.var(),
            Tok::LBrack => self.array()?,
            Tok::LBrace => self.set_or_object()?,
            Tok::LParen => {
                self.scan();
                let inner = self.infix()?;
                if self.tok() != Tok::RParen {
                    self.error("non-terminated expression");
                    return None;
                }
                inner
            }
            _ => {
                self.illegal_token();
                return None;
            }
        };
        let term = self.finish(term)?;
        if minus {
            let zero = scalar(0.into());
            let kind = TermKind::Call(vec![Term::operator(here, "minus"), zero, term]);
            return Some(Term::new(self.span_from(start), kind));
        }
        Some(term)
    }

    /// Goes on behind the head of what may be a reference or a call.
    fn finish(&mut self, head: Term) -> Option<Term> {
        let start = head.span.start as usize;
        self.scan_with_space();
        match self.tok() {
            Tok::LParen | Tok::Dot | Tok::LBrack => self.reference(head, start),
            _ => {
                if self.tok() == Tok::Whitespace {
                    self.scan();
                }
                Some(root(head))
            }
        }
    }

    /// Like [`Self::finish`], for a rule's head, where brackets may stand apart.
    pub(super) fn head_finish(&mut self, head: Term) -> Option<Term> {
        let start = head.span.start as usize;
        self.scan_with_space();
        if self.tok() == Tok::Whitespace {
            self.scan();
        }
        match self.tok() {
            Tok::Add
            | Tok::Sub
            | Tok::Mul
            | Tok::Quo
            | Tok::Rem
            | Tok::And
            | Tok::Or
            | Tok::Equal
            | Tok::Neq
            | Tok::Gt
            | Tok::Gte
            | Tok::Lt
            | Tok::Lte => None,
            Tok::LParen | Tok::Dot | Tok::LBrack => self.reference(head, start),
            _ => Some(root(head)),
        }
    }

    fn number(&mut self) -> Option<Term> {
        let start = self.state.start;
        let mut digits = String::new();
        if self.tok() == Tok::Sub {
            digits.push('-');
            self.scan();
            if !matches!(self.tok(), Tok::Number | Tok::Dot) {
                self.illegal("expected number");
                return None;
            }
        }
        if self.tok() == Tok::Dot {
            digits.push('.');
            self.scan();
            if self.tok() != Tok::Number {
                self.illegal("expected number");
                return None;
            }
        }
        digits.push_str(self.literal());
        match text::number(&digits) {
            Ok(value) => {
                let span = probity_model::Span::new(self.source, start..self.state.end);
                Some(Term::new(span, TermKind::Scalar(value)))
            }
            Err(message) => {
                self.illegal(message);
                None
            }
        }
    }

    /// The variable that the token names; each `_` is one of its own.
    pub(super) fn var(&mut self) -> Term {
        let name = if self.literal() == "_" { self.wildcard() } else { self.literal().into() };
        Term::var(self.here(), name)
    }

    pub(super) fn wildcard(&mut self) -> Name {
        let name = format!("{WILDCARD}{}", self.state.wildcards);
        self.state.wildcards += 1;
        name.into()
    }

    fn template(&mut self, raw: bool) -> Option<Term> {
        let start = self.state.start;
        let mut parts = Vec::new();
        loop {
            let marks = if self.state.continued { 1 } else { 2 };
            let literal = self.literal();
            let inner = literal.get(marks..literal.len().saturating_sub(1)).unwrap_or_default();
            let text = if raw { Some(inner.replace("\\{", "{")) } else { text::unescape(inner) };
            let Some(text) = text else {
                self.error(format!("illegal template-string part: {literal}"));
                return None;
            };
            if !text.is_empty() {
                parts.push(Part::Term(Term::string(self.here(), text)));
            }
            if matches!(self.tok(), Tok::TemplateEnd | Tok::RawTemplateEnd) {
                break;
            }
            parts.push(self.template_expr()?);
            self.advance(false, Some(raw));
        }
        let span = probity_model::Span::new(self.source, start..self.state.end);
        Some(Term::new(span, TermKind::Template(parts)))
    }

    fn template_expr(&mut self) -> Option<Part> {
        let comments = self.comments.len();
        self.scan();
        let commented = self.comments.len() > comments;
        let Some(expr) = self.literal_expr() else {
            self.error("invalid template-string expression");
            return None;
        };
        let wrong = if expr.negated {
            Some("unexpected negation ('not')")
        } else if expr.is_equality() {
            Some("unexpected unification ('=')")
        } else if expr.is_assignment() {
            Some("unexpected assignment (':=')")
        } else if matches!(expr.terms, Terms::Every(_)) {
            Some("unexpected 'every'")
        } else if matches!(expr.terms, Terms::Some(_)) {
            Some("unexpected 'some'")
        } else {
            None
        };
        if let Some(wrong) = wrong {
            self.error_at(expr.span, format!("{wrong} in template-string expression"));
            return None;
        }
        if self.tok() != Tok::RBrace {
            self.error("expected } to end template string expression");
            return None;
        }
        match expr.terms {
            Terms::Term(term) if term.is_scalar() && !commented && expr.with.is_empty() => Some(Part::Term(term)),
            _ => Some(Part::Expr(expr)),
        }
    }

    fn call(&mut self, operator: Term, start: usize) -> Option<Term> {
        self.scan();
        let mut terms = vec![operator];
        if self.tok() != Tok::RParen {
            terms.extend(self.list(Tok::RParen, Vec::new())?);
        }
        let span = probity_model::Span::new(self.source, start..self.state.end);
        self.scan_with_space();
        if terms.len() == 1 && terms[0].as_ref().is_some_and(|parts| parts.len() == 1 && terms[0].is_operator("set")) {
            return Some(Term::new(span, TermKind::Set(Vec::new())));
        }
        Some(Term::new(span, TermKind::Call(terms)))
    }

    pub(super) fn reference(&mut self, head: Term, start: usize) -> Option<Term> {
        if !self.enter() {
            return None;
        }
        let term = self.reference_inner(head, start);
        self.leave();
        term
    }

    fn reference_inner(&mut self, head: Term, start: usize) -> Option<Term> {
        if matches!(head.kind, TermKind::Scalar(_) | TermKind::Template(_) | TermKind::Ref(_)) {
            self.error_at(head.span, format!("illegal ref (head cannot be {})", head.kind_name()));
        }
        let mut parts = vec![head];
        loop {
            match self.tok() {
                Tok::Dot => {
                    self.scan_with_space();
                    if self.tok() != Tok::Ident && !self.is_ref_keyword(self.tok()) {
                        self.illegal("expected identifier");
                        return None;
                    }
                    parts.push(Term::string(self.here(), self.literal()));
                    self.scan_with_space();
                }
                Tok::LParen => {
                    let span = probity_model::Span::new(self.source, start..self.state.start);
                    parts.shrink_to_fit();
                    let operator = Term::new(span, TermKind::Ref(parts));
                    let call = self.call(operator, start)?;
                    return match self.tok() {
                        Tok::Whitespace => {
                            self.scan();
                            Some(call)
                        }
                        Tok::Dot | Tok::LBrack => self.reference(call, start),
                        _ => Some(call),
                    };
                }
                Tok::LBrack => {
                    self.scan();
                    let part = self.infix()?;
                    if self.tok() != Tok::RBrack {
                        self.illegal("expected [");
                        return None;
                    }
                    parts.push(part);
                    self.scan_with_space();
                }
                _ => {
                    let span = self.span_from(start);
                    if self.tok() == Tok::Whitespace {
                        self.scan();
                    }
                    // Trees of large bundles are mostly references.
                    parts.shrink_to_fit();
                    return Some(Term::new(span, TermKind::Ref(parts)));
                }
            }
        }
    }

    /// Elements up to the end, at the first of them.
    fn list(&mut self, end: Tok, mut terms: Vec<Term>) -> Option<Vec<Term>> {
        while self.tok() != end {
            terms.push(self.infix_in_list(None)?);
            self.separator(end)?;
        }
        terms.shrink_to_fit();
        Some(terms)
    }

    /// Steps over a comma, when the end does not follow.
    fn separator(&mut self, end: Tok) -> Option<()> {
        match self.tok() {
            tok if tok == end => Some(()),
            Tok::Comma => {
                self.scan();
                Some(())
            }
            _ => {
                self.illegal(&format!("expected \",\" or \"{}\"", end.name()));
                None
            }
        }
    }

    /// The body of a comprehension, at the bar. `None` when the bar is a union after all; an error may have been
    /// recorded then.
    fn comprehension_body(&mut self, end: Tok) -> Option<Body> {
        self.scan();
        self.body(end)
    }

    fn array(&mut self) -> Option<Term> {
        let start = self.state.start;
        self.scan();
        let kind = self.array_inner()?;
        Some(Term::new(probity_model::Span::new(self.source, start..self.state.end), kind))
    }

    fn array_inner(&mut self) -> Option<TermKind> {
        if self.tok() == Tok::RBrack {
            return Some(TermKind::Array(Vec::new()));
        }
        let leading_comma = self.tok() == Tok::Comma;
        if leading_comma {
            self.scan();
        }
        let head = self.term()?;
        if self.tok() == Tok::Or && !leading_comma {
            let saved = self.save();
            if let Some(body) = self.comprehension_body(Tok::RBrack) {
                return Some(TermKind::ArrayCompr(Box::new(Compr { key: None, term: head, body })));
            }
            if self.tok() != Tok::Comma {
                return None;
            }
            self.restore(saved);
            self.hints.clear();
        }
        let first = self.infix_in_list(Some(head))?;
        self.separator(Tok::RBrack)?;
        self.list(Tok::RBrack, vec![first]).map(TermKind::Array)
    }

    fn set_or_object(&mut self) -> Option<Term> {
        let start = self.state.start;
        self.scan();
        let kind = self.set_or_object_inner()?;
        Some(Term::new(probity_model::Span::new(self.source, start..self.state.end), kind))
    }

    fn set_or_object_inner(&mut self) -> Option<TermKind> {
        if self.tok() == Tok::RBrace {
            return Some(TermKind::Object(Vec::new()));
        }
        let leading_comma = self.tok() == Tok::Comma;
        if leading_comma {
            self.scan();
        }
        let head = self.term()?;
        if self.tok() == Tok::Or && !leading_comma {
            let saved = self.save();
            if let Some(body) = self.comprehension_body(Tok::RBrace) {
                return Some(TermKind::SetCompr(Box::new(Compr { key: None, term: head, body })));
            }
            if self.tok() != Tok::Comma {
                return None;
            }
            self.restore(saved);
            self.hints.clear();
        }
        let first = if self.tok() == Tok::Colon { head } else { self.infix_in_list(Some(head))? };
        match self.tok() {
            Tok::Colon => {
                self.scan();
                self.object(first, !leading_comma)
            }
            Tok::RBrace | Tok::Comma => {
                self.separator(Tok::RBrace)?;
                self.list(Tok::RBrace, vec![first]).map(TermKind::Set)
            }
            _ => {
                self.illegal("non-terminated set");
                None
            }
        }
    }

    /// An object or its comprehension, behind the first colon.
    fn object(&mut self, key: Term, comprehension: bool) -> Option<TermKind> {
        let value = self.term()?;
        if self.tok() == Tok::Or && comprehension {
            let saved = self.save();
            if let Some(body) = self.comprehension_body(Tok::RBrace) {
                return Some(TermKind::ObjectCompr(Box::new(Compr { key: Some(key), term: value, body })));
            }
            self.restore(saved);
            self.hints.clear();
        }
        let value = self.infix_in_list(Some(value))?;
        if !matches!(self.tok(), Tok::RBrace | Tok::Comma) {
            self.illegal("non-terminated object");
            return None;
        }
        let mut pairs = vec![(key, value)];
        self.separator(Tok::RBrace)?;
        while self.tok() != Tok::RBrace {
            let key = self.infix_in_list(None)?;
            if self.tok() != Tok::Colon {
                self.illegal("expected \":\"");
                return None;
            }
            self.scan();
            let value = self.infix_in_list(None)?;
            // The last of equal keys counts, where the first stood.
            match pairs.iter_mut().find(|(known, _)| *known == key) {
                Some(pair) => pair.1 = value,
                None => pairs.push((key, value)),
            }
            self.separator(Tok::RBrace)?;
        }
        Some(TermKind::Object(pairs))
    }
}

/// `input` and `data` are references even alone.
fn root(head: Term) -> Term {
    match head.as_var().map(Name::as_str) {
        Some("input" | "data") => Term::new(head.span, TermKind::Ref(vec![head])),
        _ => head,
    }
}
