//! Expressions read by the binding powers of their operators, as go-jmespath reads them.

use probity_model::value::Key;

use crate::ast::{Call, Comparator, Node, Prepared, Slice};
use crate::error::SyntaxError;
use crate::functions;
use crate::lexer::{Token, tokens};

/// Deepest nesting, and longest chain of operators.
const MAX_DEPTH: usize = 256;

/// Reads an expression.
pub(crate) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0 };
    let node = parser.expression(0, 0)?;
    match parser.current() {
        Token::End => Ok(node),
        other => Err(parser.problem(format!("Unexpected token at the end of the expression: {other}"))),
    }
}

struct Parser {
    tokens: Vec<(Token, usize)>,
    at: usize,
}

/// How strongly an operator holds what is before it.
fn power(token: &Token) -> u8 {
    match token {
        Token::Pipe => 1,
        Token::Or => 2,
        Token::And => 3,
        Token::Equal | Token::NotEqual | Token::Less | Token::LessOrEqual | Token::Greater | Token::GreaterOrEqual => 5,
        Token::Flatten => 9,
        Token::Star => 20,
        Token::Filter => 21,
        Token::Dot => 40,
        Token::Not => 45,
        Token::LeftBrace => 50,
        Token::LeftBracket => 55,
        Token::LeftParenthesis => 60,
        _ => 0,
    }
}

fn boxed(left: Node, right: Node) -> (Box<Node>, Box<Node>) {
    (Box::new(left), Box::new(right))
}

impl Parser {
    fn current(&self) -> &Token {
        self.ahead(0)
    }

    fn ahead(&self, count: usize) -> &Token {
        self.tokens.get(self.at + count).map_or(&Token::End, |(token, _)| token)
    }

    fn problem(&self, message: impl Into<String>) -> SyntaxError {
        let offset = self.tokens.get(self.at).or(self.tokens.last()).map_or(0, |(_, offset)| *offset);
        SyntaxError { message: message.into(), offset }
    }

    fn next(&mut self) -> Token {
        let token = self.current().clone();
        self.at += 1;
        token
    }

    fn expect(&mut self, token: &Token) -> Result<(), SyntaxError> {
        if self.current() == token {
            self.at += 1;
            return Ok(());
        }
        Err(self.problem(format!("Expected {token}, received: {}", self.current())))
    }

    fn expression(&mut self, least: u8, depth: usize) -> Result<Node, SyntaxError> {
        let mut depth = depth + 1;
        if depth > MAX_DEPTH {
            return Err(self.problem("the expression is nested too deeply"));
        }
        let mut node = self.prefix(depth)?;
        while least < power(self.current()) {
            depth += 1;
            if depth > MAX_DEPTH {
                return Err(self.problem("the expression is too long"));
            }
            node = self.infix(node, depth)?;
        }
        Ok(node)
    }

    /// What begins an expression.
    fn prefix(&mut self, depth: usize) -> Result<Node, SyntaxError> {
        let at = self.at;
        match self.next() {
            Token::Json(value) => Ok(Node::Literal(value)),
            Token::Raw(text) => Ok(Node::Literal(text.into())),
            Token::Quoted(_) if *self.current() == Token::LeftParenthesis => {
                self.at = at;
                Err(self.problem("Can't have quoted identifier as function Name."))
            }
            Token::Identifier(name) | Token::Quoted(name) => Ok(Node::Field(Key::new(&name))),
            Token::Star => {
                let each = match self.current() {
                    Token::RightBracket => Node::Current,
                    _ => self.projected(20, depth)?,
                };
                let (left, right) = boxed(Node::Current, each);
                Ok(Node::ProjectValues(left, right))
            }
            Token::Filter => self.filter(Node::Current, depth),
            Token::LeftBrace => self.object(depth),
            Token::Flatten => self.flatten(Node::Current, depth),
            Token::LeftBracket => self.bracket(depth),
            Token::Current => Ok(Node::Current),
            Token::Reference => Ok(Node::Reference(Box::new(self.expression(0, depth)?))),
            Token::Not => Ok(Node::Not(Box::new(self.expression(45, depth)?))),
            Token::LeftParenthesis => {
                let inner = self.expression(0, depth)?;
                self.expect(&Token::RightParenthesis)?;
                Ok(inner)
            }
            token => {
                self.at = at;
                Err(self.problem(match token {
                    Token::End => "Incomplete expression".to_owned(),
                    other => format!("Invalid token: {other}"),
                }))
            }
        }
    }

    /// An opening bracket with nothing before it.
    fn bracket(&mut self, depth: usize) -> Result<Node, SyntaxError> {
        match self.current() {
            Token::Number(_) | Token::Colon => self.index(Node::Current, depth),
            Token::Star if *self.ahead(1) == Token::RightBracket => {
                self.at += 2;
                let (left, right) = boxed(Node::Current, self.projected(20, depth)?);
                Ok(Node::Project(left, right))
            }
            _ => self.list(depth),
        }
    }

    /// An operator with what is before it.
    fn infix(&mut self, left: Node, depth: usize) -> Result<Node, SyntaxError> {
        let operator = self.next();
        let held = power(&operator);
        let comparator = match operator {
            Token::Dot if *self.current() == Token::Star => {
                self.at += 1;
                let (left, right) = boxed(left, self.projected(held, depth)?);
                return Ok(Node::ProjectValues(left, right));
            }
            Token::Dot => {
                let (left, right) = boxed(left, self.behind_dot(held, depth)?);
                return Ok(Node::Sub(left, right));
            }
            Token::Pipe | Token::Or | Token::And => {
                let (left, right) = boxed(left, self.expression(held, depth)?);
                return Ok(match operator {
                    Token::Pipe => Node::Pipe(left, right),
                    Token::Or => Node::Or(left, right),
                    _ => Node::And(left, right),
                });
            }
            Token::LeftParenthesis => return self.call(left, depth),
            Token::Filter => return self.filter(left, depth),
            Token::Flatten => return self.flatten(left, depth),
            Token::LeftBracket => return self.behind_bracket(left, depth),
            Token::Equal => Comparator::Equal,
            Token::NotEqual => Comparator::NotEqual,
            Token::Less => Comparator::Less,
            Token::LessOrEqual => Comparator::LessOrEqual,
            Token::Greater => Comparator::Greater,
            Token::GreaterOrEqual => Comparator::GreaterOrEqual,
            other => return Err(self.problem(format!("Unexpected token: {other}"))),
        };
        let (left, right) = boxed(left, self.expression(held, depth)?);
        Ok(Node::Compare(comparator, left, right))
    }

    fn behind_bracket(&mut self, left: Node, depth: usize) -> Result<Node, SyntaxError> {
        if matches!(self.current(), Token::Number(_) | Token::Colon) {
            return self.index(left, depth);
        }
        self.expect(&Token::Star)?;
        self.expect(&Token::RightBracket)?;
        let (left, right) = boxed(left, self.projected(20, depth)?);
        Ok(Node::Project(left, right))
    }

    /// A function's arguments. Commas may be left out.
    fn call(&mut self, name: Node, depth: usize) -> Result<Node, SyntaxError> {
        let Node::Field(name) = name else {
            return Err(self.problem("Unexpected token: tLparen"));
        };
        let name = name.as_str().to_owned();
        let mut arguments = Vec::new();
        while *self.current() != Token::RightParenthesis {
            arguments.push(self.expression(0, depth)?);
            if *self.current() == Token::Comma {
                self.at += 1;
            }
        }
        self.at += 1;
        let function = functions::find(&name);
        let prepared = Prepared::of(&name, &arguments);
        Ok(Node::Call(Box::new(Call { name, function, arguments, prepared })))
    }

    /// An index or a slice; a slice is projected.
    fn index(&mut self, left: Node, depth: usize) -> Result<Node, SyntaxError> {
        if *self.current() == Token::Colon || *self.ahead(1) == Token::Colon {
            let slice = Node::Slice(self.slice()?);
            let (left, slice) = boxed(left, slice);
            let (list, each) = boxed(Node::Sub(left, slice), self.projected(20, depth)?);
            return Ok(Node::Project(list, each));
        }
        let index = self.integer()?;
        self.expect(&Token::RightBracket)?;
        let (left, right) = boxed(left, Node::Index(index));
        Ok(Node::Sub(left, right))
    }

    fn integer(&mut self) -> Result<i64, SyntaxError> {
        match self.current() {
            Token::Number(digits) => {
                let number = digits.parse().map_err(|_| self.problem(format!("not an index: `{digits}`")))?;
                self.at += 1;
                Ok(number)
            }
            other => Err(self.problem(format!("Expected tColon or tNumber, received: {other}"))),
        }
    }

    fn slice(&mut self) -> Result<Slice, SyntaxError> {
        let mut parts = [None; 3];
        let mut part = 0;
        while *self.current() != Token::RightBracket && part < 3 {
            if *self.current() == Token::Colon {
                part += 1;
                self.at += 1;
            } else {
                parts[part] = Some(self.integer()?);
            }
        }
        self.expect(&Token::RightBracket)?;
        Ok(Slice { start: parts[0], stop: parts[1], step: parts[2] })
    }

    fn flatten(&mut self, left: Node, depth: usize) -> Result<Node, SyntaxError> {
        let (list, each) = boxed(Node::Flatten(Box::new(left)), self.projected(9, depth)?);
        Ok(Node::Project(list, each))
    }

    fn filter(&mut self, list: Node, depth: usize) -> Result<Node, SyntaxError> {
        let condition = Box::new(self.expression(0, depth)?);
        self.expect(&Token::RightBracket)?;
        let each = match self.current() {
            Token::Flatten => Node::Current,
            _ => self.projected(21, depth)?,
        };
        let (list, each) = boxed(list, each);
        Ok(Node::Filter { list, condition, each })
    }

    fn list(&mut self, depth: usize) -> Result<Node, SyntaxError> {
        let mut parts = Vec::new();
        loop {
            parts.push(self.expression(0, depth)?);
            if *self.current() == Token::RightBracket {
                self.at += 1;
                return Ok(Node::List(parts));
            }
            self.expect(&Token::Comma)?;
        }
    }

    fn object(&mut self, depth: usize) -> Result<Node, SyntaxError> {
        let mut parts = Vec::new();
        loop {
            let name = match self.current() {
                Token::Identifier(name) | Token::Quoted(name) => Key::new(name),
                _ => return Err(self.problem("Expected tQuotedIdentifier or tUnquotedIdentifier")),
            };
            self.at += 1;
            self.expect(&Token::Colon)?;
            parts.push((name, self.expression(0, depth)?));
            match self.current() {
                Token::Comma => self.at += 1,
                Token::RightBrace => {
                    self.at += 1;
                    return Ok(Node::Object(parts));
                }
                _ => {}
            }
        }
    }

    fn behind_dot(&mut self, least: u8, depth: usize) -> Result<Node, SyntaxError> {
        match self.current() {
            Token::Quoted(_) | Token::Identifier(_) | Token::Star => self.expression(least, depth),
            Token::LeftBracket => {
                self.at += 1;
                self.list(depth)
            }
            Token::LeftBrace => {
                self.at += 1;
                self.object(depth)
            }
            _ => Err(self.problem("Expected identifier, lbracket, or lbrace")),
        }
    }

    /// What is done with each element of a projection.
    fn projected(&mut self, least: u8, depth: usize) -> Result<Node, SyntaxError> {
        match self.current() {
            token if power(token) < 10 => Ok(Node::Current),
            Token::LeftBracket | Token::Filter => self.expression(least, depth),
            Token::Dot => {
                self.at += 1;
                self.behind_dot(least, depth)
            }
            _ => Err(self.problem("Error")),
        }
    }
}
