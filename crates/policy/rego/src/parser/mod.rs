//! From text to syntax tree.
//!
//! A recursive descent with one token of lookahead. A function that gives `None` either recorded an error or found that
//! what it was asked for does not stand here; statements are tried in turn and the state is put back in between.

mod expr;
mod logical;
mod rule;
mod term;
mod text;

use std::path::Path;

use probity_model::{SourceId, Sources, Span};

use crate::annotations;
use crate::ast::{Body, Import, Module, Rule, Term, TermKind};
use crate::error::{Code, Error, Errors};
use crate::lexer::{self, Keywords, Tok};

/// The version of the language that a text is written in when it does not say so itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// Before OPA 1.0: `if`, `contains`, `in` and `every` only when they are imported.
    V0,
    /// Since OPA 1.0.
    #[default]
    V1,
}

impl Version {
    fn keywords(self) -> Keywords {
        match self {
            Self::V0 => Keywords::V0,
            Self::V1 => Keywords::V1,
        }
    }
}

/// Deepest nesting of terms and bodies that is read.
const MAX_DEPTH: usize = 160;

/// How many tokens may be read for each byte of the text, counting those that are read again after a wrong turn.
const MAX_SCANS: usize = 32;

/// Reads a module.
///
/// # Errors
/// All errors found, with their places.
pub fn parse_module(path: &Path, text: &str, version: Version, sources: &Sources) -> Result<Module, Errors> {
    let source = sources.add(path, text);
    let mut parser = Parser::new(text, source, version);
    parser.module().map_err(|errors| errors.located(sources))
}

/// Reads a query: expressions that must hold together, one a line or parted by semicolons.
///
/// # Errors
/// All errors found, with their places.
pub fn parse_query(text: &str, sources: &Sources) -> Result<Body, Errors> {
    let source = sources.add("", text);
    let mut parser = Parser::new(text, source, Version::V1);
    parser.query_text().map_err(|errors| errors.located(sources))
}

enum Statement {
    Package(Vec<Term>, Span),
    Import(Import),
    Rules(Vec<Rule>),
    Body(Body),
}

/// A comment of its own line or behind something.
#[derive(Debug, Clone)]
pub(crate) struct Comment {
    pub(crate) span: Span,
    pub(crate) text: String,
    pub(crate) row: u32,
    pub(crate) column: u32,
}

/// What is put back when a wrong turn was taken.
#[derive(Clone, Copy)]
struct State {
    tok: Tok,
    start: usize,
    end: usize,
    last_end: usize,
    skipped_newline: bool,
    /// Whether the token goes on with a template string behind an expression.
    continued: bool,
    keywords: Keywords,
    wildcards: usize,
    errors: usize,
    comments: usize,
}

struct Parser<'t> {
    text: &'t str,
    source: SourceId,
    version: Version,
    state: State,
    errors: Vec<Error>,
    hints: Vec<String>,
    comments: Vec<Span>,
    depth: usize,
    scans: usize,
    /// Whether rules are not to be looked for.
    only_bodies: bool,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, source: SourceId, version: Version) -> Self {
        let state = State {
            tok: Tok::Whitespace,
            start: 0,
            end: 0,
            last_end: 0,
            skipped_newline: false,
            continued: false,
            keywords: version.keywords(),
            wildcards: 0,
            errors: 0,
            comments: 0,
        };
        Self {
            text,
            source,
            version,
            state,
            errors: Vec::new(),
            hints: Vec::new(),
            comments: Vec::new(),
            depth: 0,
            scans: 0,
            only_bodies: false,
        }
    }

    fn module(&mut self) -> Result<Module, Errors> {
        let statements = self.statements()?;
        let mut module = self.assemble(statements)?;
        let comments = self.comments_with_rows();
        module.annotations = annotations::parse(&comments)?;
        annotations::attach(&mut module)?;
        Ok(module)
    }

    fn query_text(&mut self) -> Result<Body, Errors> {
        self.only_bodies = true;
        let statements = self.statements()?;
        let mut body = Body::new();
        for statement in statements {
            match statement {
                Statement::Body(exprs) => body.extend(exprs),
                Statement::Package(_, span) | Statement::Import(Import { span, .. }) => {
                    return Err(Error::new(Code::Parse, span, "expected body but got a statement").into());
                }
                Statement::Rules(_) => {}
            }
        }
        Ok(body)
    }

    fn statements(&mut self) -> Result<Vec<Statement>, Errors> {
        let mut statements = Vec::new();
        self.scan();
        while self.tok() != Tok::Eof {
            match self.statement() {
                Some(statement) => statements.push(statement),
                None => break,
            }
        }
        if self.errors.is_empty() && self.tok() != Tok::Eof {
            self.illegal_token();
        }
        if self.errors.is_empty() { Ok(statements) } else { Err(Errors(std::mem::take(&mut self.errors))) }
    }

    fn statement(&mut self) -> Option<Statement> {
        if !self.only_bodies && self.keyword_as_rule_name(false) {
            return None;
        }
        let saved = self.state;
        if self.tok() == Tok::Package {
            if let Some((path, span)) = self.package() {
                return self.no_minus().then_some(Statement::Package(path, span));
            }
            self.recover(saved)?;
        }
        if self.tok() == Tok::Import {
            if let Some(import) = self.import() {
                self.apply_import(&import);
                return self.no_minus().then_some(Statement::Import(import));
            }
            self.recover(saved)?;
        }
        if !self.only_bodies {
            if let Some(rules) = self.rules() {
                return Some(Statement::Rules(rules));
            }
            self.recover(saved)?;
        }
        self.query(true, Tok::Eof).map(Statement::Body)
    }

    /// Puts the state back, unless the wrong turn ended in an error.
    fn recover(&mut self, saved: State) -> Option<()> {
        if !self.errors.is_empty() {
            return None;
        }
        self.restore(saved);
        Some(())
    }

    /// A minus behind a path is no part of it.
    fn no_minus(&mut self) -> bool {
        if self.tok() == Tok::Sub {
            self.illegal_token();
        }
        self.errors.is_empty()
    }

    fn package(&mut self) -> Option<(Vec<Term>, Span)> {
        let start = self.state.start;
        self.scan_with_space();
        if matches!(self.tok(), Tok::Dot | Tok::LBrack) {
            return None;
        }
        if self.tok() == Tok::Whitespace {
            self.scan();
        }
        if !self.ident_or_keyword() {
            self.illegal_token();
            return None;
        }
        let term = self.term()?;
        let span = self.span_from(start);
        let mut path = vec![Term::var(term.span, "data")];
        let parts = match term.kind {
            TermKind::Var(_) => vec![term],
            TermKind::Ref(parts) => parts,
            _ => {
                self.illegal_token();
                return None;
            }
        };
        for (index, part) in parts.into_iter().enumerate() {
            match (&part.kind, index) {
                (TermKind::Var(name), 0) => path.push(Term::string(part.span, name)),
                _ if index > 0 && part.as_str().is_some() => path.push(part),
                _ => {
                    let expected = if index == 0 { "var" } else { "string" };
                    let message = format!("unexpected {} token: expecting {expected}", part.kind_name());
                    self.error_at(part.span, message);
                    return None;
                }
            }
        }
        Some((path, span))
    }

    fn import(&mut self) -> Option<Import> {
        let start = self.state.start;
        self.scan_with_space();
        if matches!(self.tok(), Tok::Dot | Tok::LBrack) {
            return None;
        }
        if self.tok() == Tok::Whitespace {
            self.scan();
        }
        if !self.ident_or_keyword() {
            self.illegal_token();
            return None;
        }
        // A path may name what is a keyword elsewhere.
        let keywords = self.state.keywords;
        self.state.keywords = Keywords::V0;
        let term = self.term();
        self.state.keywords = keywords;
        self.reclassify();
        let term = term?;
        let path_span = term.span;
        let path = match term.kind {
            TermKind::Var(_) => vec![term],
            TermKind::Ref(parts) => parts,
            _ => {
                self.error("expected path");
                return None;
            }
        };
        if let Some(part) = path[1..].iter().find(|part| part.as_str().is_none()) {
            let message = format!("unexpected {} token: expecting string", part.kind_name());
            self.error_at(part.span, message);
            return None;
        }
        let mut import = Import { span: path_span, path, alias: None };
        if !["data", "input", "future", "rego"].contains(&import.root()) {
            let message = format!(
                "unexpected import path, must begin with one of: {{data, future, input, rego}}, got: {}",
                import.path[0]
            );
            self.error_at(path_span, message);
            return None;
        }
        if self.tok() == Tok::As {
            self.scan();
            if self.tok() != Tok::Ident {
                self.illegal("expected var");
                return None;
            }
            let alias = self.term()?;
            match &alias.kind {
                TermKind::Var(name) => import.alias = Some(name.clone()),
                TermKind::Ref(parts) if parts.len() == 1 => {
                    let message = format!("unexpected import alias, must not be a reserved name, got: {}", parts[0]);
                    self.error_at(alias.span, message);
                    return None;
                }
                _ => {
                    self.illegal("expected var");
                    return None;
                }
            }
        } else if import.root() != "future" {
            let name = import.name();
            if self.is_version_keyword(&name) {
                self.hints.push("import a different path or use an alias".to_owned());
                let message = format!("unexpected import path, must not end with a keyword, got: {name}");
                self.error_at(path_span, message);
            }
        }
        import.span = self.span_from(start);
        Some(import)
    }

    /// Makes the names keywords that an import of `future.keywords` or `rego` brings.
    fn apply_import(&mut self, import: &Import) {
        let second = import.path.get(1).and_then(Term::as_str);
        match import.root() {
            "rego" => match second {
                Some("v1") if import.path.len() == 2 && import.alias.is_none() => {
                    self.state.keywords = self.state.keywords.union(Keywords::V1);
                }
                Some("v2") if import.path.len() == 2 && import.alias.is_none() => {
                    self.state.keywords = self.state.keywords.union(Keywords::ALL);
                }
                Some("v1" | "v2") if import.alias.is_some() => {
                    self.error_at(import.span, "`rego` imports cannot be aliased");
                }
                _ => {
                    let path = crate::ast::ref_text(&import.path);
                    let message = format!("invalid import `{path}`, must be one of: `rego.v1`, `rego.v2`");
                    self.error_at(import.span, message);
                }
            },
            "future" => {
                if second != Some("keywords") {
                    self.error_at(import.span, "invalid import, must be `future.keywords`");
                } else if import.alias.is_some() {
                    self.error_at(import.span, "`future` imports cannot be aliased");
                } else if import.path.len() == 2 {
                    self.state.keywords = self.state.keywords.union(Keywords::ALL);
                } else {
                    let name = import.path[2].as_str().unwrap_or_default();
                    match self.state.keywords.with(name) {
                        Some(keywords) if import.path.len() == 3 => self.state.keywords = keywords,
                        _ => self.error_at(
                            import.span,
                            "unexpected keyword, must be one of [and contains every if in not or]",
                        ),
                    }
                }
            }
            _ => {}
        }
        self.reclassify();
    }

    /// The token behind an import was read before the import made it a keyword.
    fn reclassify(&mut self) {
        if self.tok() == Tok::Ident
            && let Some(tok) = self.state.keywords.token(self.literal())
        {
            self.state.tok = tok;
        }
    }

    fn assemble(&mut self, statements: Vec<Statement>) -> Result<Module, Errors> {
        let end = Span::new(self.source, 0..0);
        let mut statements = statements.into_iter();
        let (package, package_span) = match statements.next() {
            Some(Statement::Package(path, span)) => (path, span),
            None => return Err(Error::new(Code::Parse, end, "empty module").into()),
            Some(other) => {
                let span = match &other {
                    Statement::Import(import) => import.span,
                    Statement::Rules(rules) => rules.first().map_or(end, |rule| rule.span),
                    Statement::Body(body) => body.first().map_or(end, |expr| expr.span),
                    Statement::Package(..) => end,
                };
                return Err(Error::new(Code::Parse, span, "package expected").into());
            }
        };
        let v1 = self.version == Version::V1;
        let mut module =
            Module { package, package_span, imports: Vec::new(), rules: Vec::new(), annotations: Vec::new(), v1 };
        for statement in statements {
            match statement {
                Statement::Package(_, span) => self.error_at(span, "unexpected package"),
                Statement::Import(import) => {
                    module.v1 |= import.root() == "rego";
                    module.imports.push(import);
                }
                Statement::Rules(rules) => module.rules.extend(rules),
                Statement::Body(body) => match rule::from_body(body) {
                    Ok(rule) => module.rules.push(rule),
                    Err((span, message)) => self.error_at(span, message),
                },
            }
        }
        if module.v1 {
            for rule in &module.rules {
                rule::check_v1(rule, &mut self.errors);
            }
        }
        if self.errors.is_empty() { Ok(module) } else { Err(Errors(std::mem::take(&mut self.errors))) }
    }

    fn comments_with_rows(&self) -> Vec<Comment> {
        let (mut row, mut line_start, mut at) = (1, 0, 0);
        let mut comments = Vec::with_capacity(self.comments.len());
        for span in &self.comments {
            let (start, end) = (span.start as usize, span.end as usize);
            for newline in memchr::memchr_iter(b'\n', &self.text.as_bytes()[at..start]) {
                row += 1;
                line_start = at + newline + 1;
            }
            at = start;
            let column = u32::try_from(self.text[line_start..start].chars().count() + 1).unwrap_or(u32::MAX);
            let text = self.text[start + 1..end].trim_end_matches('\r').to_owned();
            comments.push(Comment { span: *span, text, row, column });
        }
        comments
    }

    fn tok(&self) -> Tok {
        self.state.tok
    }

    /// The text of the token.
    fn literal(&self) -> &'t str {
        &self.text[self.state.start..self.state.end]
    }

    fn here(&self) -> Span {
        Span::new(self.source, self.state.start..self.state.end)
    }

    /// From there to the end of the token before this one.
    fn span_from(&self, start: usize) -> Span {
        Span::new(self.source, start..self.state.last_end.max(start))
    }

    fn restore(&mut self, saved: State) {
        self.state = saved;
        self.errors.truncate(saved.errors);
        self.comments.truncate(saved.comments);
    }

    /// Remembers the state as it is now.
    fn save(&mut self) -> State {
        self.state.errors = self.errors.len();
        self.state.comments = self.comments.len();
        self.state
    }

    fn scan(&mut self) {
        self.advance(true, None);
    }

    /// The next token, be it white space.
    fn scan_with_space(&mut self) {
        self.advance(false, None);
    }

    fn advance(&mut self, skip_space: bool, mut template: Option<bool>) {
        if self.tok() != Tok::Whitespace {
            self.state.last_end = self.state.end;
            self.state.skipped_newline = false;
        }
        loop {
            self.scans += 1;
            let next = if let Some(raw) = template.take() {
                self.state.continued = true;
                lexer::template(self.text, self.state.end, raw)
            } else {
                self.state.continued = false;
                lexer::token(self.text, self.state.end, self.state.keywords)
            };
            self.state.tok = next.tok;
            self.state.start = next.start;
            self.state.end = next.end;
            if let Some(message) = next.error {
                self.error(message);
                self.state.tok = Tok::Illegal;
            }
            if self.scans > MAX_SCANS * (self.text.len() + 64) {
                self.error("too many ways to read this text");
                self.state.tok = Tok::Eof;
                self.state.end = self.text.len();
                self.state.start = self.text.len();
            }
            match self.state.tok {
                Tok::Whitespace => {
                    self.state.skipped_newline |= self.literal() == "\n";
                    if !skip_space {
                        break;
                    }
                }
                Tok::Comment => self.comments.push(self.here()),
                _ => break,
            }
        }
        self.state.errors = self.errors.len();
        self.state.comments = self.comments.len();
    }

    fn error(&mut self, message: impl Into<String>) {
        self.error_at(self.here(), message);
    }

    fn error_at(&mut self, span: Span, message: impl Into<String>) {
        let mut message = message.into();
        match &self.hints[..] {
            [] => {}
            [hint] => message.push_str(&format!(" (hint: {hint})")),
            hints => message.push_str(&format!(" (hints: {})", hints.join(", "))),
        }
        self.hints.clear();
        self.errors.push(Error::new(Code::Parse, span, message));
    }

    /// Reports that the token does not belong here.
    fn illegal(&mut self, note: &str) {
        if self.tok() == Tok::Illegal && !self.errors.is_empty() {
            return;
        }
        let kind = if self.tok().is_keyword() { "keyword" } else { "token" };
        let name = self.tok().name();
        let message = if note.is_empty() {
            format!("unexpected {name} {kind}")
        } else {
            format!("unexpected {name} {kind}: {note}")
        };
        self.error(message);
    }

    fn illegal_token(&mut self) {
        self.illegal("");
    }

    /// Goes one level deeper, when there is room.
    fn enter(&mut self) -> bool {
        if self.depth >= MAX_DEPTH {
            self.error(format!("nested deeper than {MAX_DEPTH} levels"));
            return false;
        }
        self.depth += 1;
        true
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }

    fn is_version_keyword(&self, name: &str) -> bool {
        const V0: [&str; 11] =
            ["not", "package", "import", "as", "default", "else", "with", "null", "true", "false", "some"];
        V0.contains(&name) || self.version == Version::V1 && Keywords::V1.has(name)
    }

    /// Whether a keyword may be a part of a reference.
    fn is_ref_keyword(&self, tok: Tok) -> bool {
        tok.is_keyword() && (self.is_version_keyword(tok.name()) || self.state.keywords.has(tok.name()))
    }

    fn ident_or_keyword(&mut self) -> bool {
        if self.is_ref_keyword(self.tok()) {
            self.state.tok = Tok::Ident;
        }
        self.tok() == Tok::Ident
    }

    /// Takes a keyword for a name when a reference goes on behind it.
    fn keyword_as_ref_head(&mut self) -> bool {
        if !self.is_ref_keyword(self.tok()) {
            return false;
        }
        let follows = self.following_with_space();
        if matches!(follows, Tok::Dot | Tok::LBrack) {
            self.state.tok = Tok::Ident;
            return true;
        }
        false
    }

    /// The next token, which may be white space, without going there.
    fn following_with_space(&mut self) -> Tok {
        lexer::token(self.text, self.state.end, self.state.keywords).tok
    }

    /// The next token that is no white space, without going there.
    fn following(&mut self) -> Tok {
        let saved = self.save();
        self.scan();
        let tok = self.tok();
        self.restore(saved);
        tok
    }
}
