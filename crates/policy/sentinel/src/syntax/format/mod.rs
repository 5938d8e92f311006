//! Well-formed text: the same tokens and comments on the same lines, with the spaces and the indentation of `sentinel fmt`.

mod lines;
mod spacing;

use super::token::{At, Token, TokenKind, Word};
use lines::Lines;

/// What a bracket holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Statements.
    Block,
    /// The clauses of a case.
    Case,
    /// The expression of a rule.
    Body,
    Map,
    List,
    Parenthesis,
}

impl Kind {
    fn is_statement(self) -> bool {
        matches!(self, Self::Block | Self::Case | Self::Body)
    }
}

/// A bracket that is open.
#[derive(Debug, Clone, Copy)]
struct Open {
    kind: Kind,
    /// Indentation of the line that it was opened on.
    indent: usize,
    /// Its number, to tell the entries of one map from those of another.
    number: usize,
}

/// A token or a comment, as it stands in the text.
#[derive(Debug, Clone)]
struct Item<'t> {
    /// None for a comment.
    token: Option<TokenKind>,
    text: &'t str,
    at: At,
}

/// Writes a text anew; its tokens are those of a file that was parsed.
pub(crate) fn format(text: &str, tokens: &[Token], comments: &[At]) -> String {
    let mut items: Vec<Item<'_>> = tokens
        .iter()
        .filter(|token| !matches!(token.kind, TokenKind::End | TokenKind::Semicolon { automatic: true }))
        .map(|token| Item { token: Some(token.kind.clone()), text: &text[token.at.range()], at: token.at })
        .chain(comments.iter().map(|at| Item { token: None, text: &text[at.range()], at: *at }))
        .collect();
    items.sort_by_key(|item| item.at.start);
    let mut formatter = Formatter::default();
    for (index, item) in items.iter().enumerate() {
        let from = index.checked_sub(1).map_or(0, |before| items[before].at.range().end);
        let breaks = text[from..item.at.range().start].matches('\n').count();
        formatter.item(item, breaks);
    }
    formatter.lines.finish()
}

/// What a word before a brace says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Announced {
    Case,
    Body,
}

#[derive(Default)]
struct Formatter {
    lines: Lines,
    open: Vec<Open>,
    /// Words that wait for their brace, each with the number of brackets open then.
    announced: Vec<(Announced, usize)>,
    /// The tokens before, the nearest last.
    before: Vec<TokenKind>,
    brackets: usize,
    /// Whether nothing but a key stands on the line so far, directly in a map.
    at_key: bool,
}

impl Formatter {
    fn item(&mut self, item: &Item<'_>, breaks: usize) {
        let closes = matches!(item.token, Some(TokenKind::Sign(")" | "]" | "}")));
        let first = self.lines.is_empty();
        if breaks > 0 || first {
            let blank = breaks > 1 && !first;
            let map = self.open.last().map_or(0, |open| open.number);
            let ended = closes || self.before.last() == Some(&TokenKind::Sign(","));
            self.lines.end(ended.then_some(map));
            let (indent, goes_on) = self.indent(item);
            self.lines.begin(indent + usize::from(goes_on), blank);
            self.at_key = self.open.last().is_some_and(|open| open.kind == Kind::Map);
        } else if self.space_before(item) {
            self.lines.push(" ");
        }
        let opened = self.track(item);
        self.lines.push_item(item.text, item.token.is_none());
        if let Some(open) = opened {
            self.open.push(open);
        }
        if let Some(token) = &item.token {
            if *token == TokenKind::Sign(":") && self.at_key {
                self.lines.mark_key(self.open.last().map_or(0, |open| open.number));
                self.at_key = false;
            }
            self.before.push(token.clone());
            if self.before.len() > 2 {
                self.before.remove(0);
            }
        }
    }

    /// The indentation of a line that begins with this, and whether it goes on with the line before: one level deeper.
    fn indent(&self, item: &Item<'_>) -> (usize, bool) {
        match &item.token {
            Some(TokenKind::Sign(")" | "]" | "}")) => (self.open.last().map_or(0, |open| open.indent), false),
            token => {
                let clause = matches!(token, Some(TokenKind::Word(Word::When | Word::Else)));
                match self.open.last() {
                    Some(open) if open.kind == Kind::Case && clause => (open.indent, false),
                    Some(open) => (open.indent + 1, self.goes_on(open.kind)),
                    None => (0, self.goes_on(Kind::Block)),
                }
            }
        }
    }

    /// Whether a new line goes on with the statement of the one before.
    fn goes_on(&self, kind: Kind) -> bool {
        if !matches!(kind, Kind::Block | Kind::Case) {
            return false;
        }
        match self.before.last() {
            None | Some(TokenKind::Semicolon { .. } | TokenKind::Sign("{" | "(" | "[")) => false,
            // The end of a clause of a case.
            Some(TokenKind::Sign(":")) => kind != Kind::Case,
            Some(token) => !token.ends_statement(),
        }
    }

    /// Follows brackets and the words that announce them; a bracket that opens is given back.
    fn track(&mut self, item: &Item<'_>) -> Option<Open> {
        let token = item.token.as_ref()?;
        let kind = match token {
            TokenKind::Word(Word::Case) => {
                self.announced.push((Announced::Case, self.open.len()));
                return None;
            }
            TokenKind::Word(Word::Rule) => {
                self.announced.push((Announced::Body, self.open.len()));
                return None;
            }
            TokenKind::Sign("(") => Kind::Parenthesis,
            TokenKind::Sign("[") => Kind::List,
            TokenKind::Sign("{") => self.brace(),
            TokenKind::Sign(")" | "]" | "}") => {
                self.open.pop();
                let depth = self.open.len();
                self.announced.retain(|(_, open)| *open <= depth);
                return None;
            }
            _ => return None,
        };
        self.brackets += 1;
        let indent = if kind.is_statement() { self.of_statement() } else { self.lines.indent() };
        Some(Open { kind, indent, number: self.brackets })
    }

    /// The indentation of a block that opens here: that of its statement, on whatever line its brace stands.
    fn of_statement(&self) -> usize {
        match self.open.last() {
            None => 0,
            Some(open) if open.kind.is_statement() => open.indent + 1,
            Some(_) => self.lines.indent(),
        }
    }

    /// What a brace opens here.
    fn brace(&mut self) -> Kind {
        if self.is_operand_place() {
            return Kind::Map;
        }
        match self.announced.last() {
            Some((announced, depth)) if *depth == self.open.len() => {
                let kind = if *announced == Announced::Case { Kind::Case } else { Kind::Body };
                self.announced.pop();
                kind
            }
            _ => Kind::Block,
        }
    }

    /// Whether an operand is expected here: a brace opens a map, a minus is a sign.
    fn is_operand_place(&self) -> bool {
        match self.before.last() {
            Some(TokenKind::Sign(sign)) => !matches!(*sign, ")" | "]" | "}"),
            Some(TokenKind::Word(Word::Else)) => {
                !matches!(self.before.first(), Some(TokenKind::Sign("}" | "{") | TokenKind::Semicolon { .. }))
            }
            Some(TokenKind::Word(word)) => !matches!(word, Word::Rule | Word::Case | Word::Empty),
            _ => false,
        }
    }
}
