//! Files, declarations and statements.

use std::sync::Arc;

use probity_model::Problem;
use smol_str::SmolStr;

use super::{MAX_PROBLEMS, Parsed, Parser};
use crate::syntax::ast::{
    AccessKind, BinaryOp, Block, Case, Expr, ExprKind, For, Ident, Import, IndexTarget, Param, Statement,
    StatementKind, UnaryOp,
};
use crate::syntax::token::{At, TokenKind, Word};

impl Parser<'_> {
    pub(super) fn file(&mut self) {
        self.file.description = self.description();
        loop {
            self.skip_semicolons();
            if *self.kind() == TokenKind::End || self.problems.len() >= MAX_PROBLEMS {
                break;
            }
            let start = self.at;
            if let Err(problem) = self.declaration() {
                self.problems.push(problem);
                self.recover(start);
            }
        }
    }

    /// An import, a parameter or a statement.
    fn declaration(&mut self) -> Parsed<()> {
        let at = self.token().at;
        if self.take_word(Word::Import) {
            let import = self.import(at)?;
            self.check_import(&import)?;
            self.file.imports.push(import);
        } else if self.take_word(Word::Param) {
            let param = self.param()?;
            self.check_param(&param, at)?;
            self.file.params.push(param);
        } else {
            let statement = self.statement()?;
            self.file.statements.push(statement);
        }
        self.end_of_statement()
    }

    fn import(&mut self, start: At) -> Parsed<Import> {
        let TokenKind::String(path) = self.kind().clone() else {
            return Err(self.unexpected("the name of the import as a string"));
        };
        self.at += 1;
        let path = SmolStr::from(path.to_str().as_ref());
        let alias = if self.take_word(Word::As) { Some(self.ident("an alias")?.name) } else { None };
        let at = self.behind(start);
        Ok(Import { name: alias.unwrap_or_else(|| SmolStr::clone(&path)), path, at })
    }

    fn check_import(&self, import: &Import) -> Parsed<()> {
        if !self.file.params.is_empty() || !self.file.statements.is_empty() {
            return Err(self.problem("imports stand before parameters and statements", import.at));
        }
        // Written again as it is, it says nothing new: published policies do.
        if self.file.imports.iter().any(|known| known.path == import.path && known.name != import.name) {
            return Err(self.problem(format!("{:?} is imported twice", import.path), import.at));
        }
        if self.file.imports.iter().any(|known| known.path != import.path && known.name == import.name) {
            return Err(self.problem(format!("two imports are called `{}`", import.name), import.at));
        }
        Ok(())
    }

    fn param(&mut self) -> Parsed<Param> {
        let name = self.ident("the name of a parameter")?;
        let default = if self.take_word(Word::Default) { Some(self.expression()?) } else { None };
        Ok(Param { name, default })
    }

    fn check_param(&self, param: &Param, start: At) -> Parsed<()> {
        let name = &param.name;
        if !self.file.statements.is_empty() {
            return Err(self.problem("parameters stand before statements", self.behind(start)));
        }
        if self.file.imports.iter().any(|import| import.name == name.name) {
            return Err(self.problem(format!("an import is called `{}`, too", name.name), name.at));
        }
        if self.file.params.iter().any(|known| known.name.name == name.name) {
            return Err(self.problem(format!("the parameter `{}` is there twice", name.name), name.at));
        }
        if crate::builtins::is_predeclared(&name.name) {
            return Err(self.problem(format!("`{}` is predeclared and cannot be a parameter", name.name), name.at));
        }
        match &param.default {
            Some(default) if !is_literal(default) => {
                Err(self.problem("the default of a parameter is a literal", default.at))
            }
            _ => Ok(()),
        }
    }

    fn end_of_statement(&mut self) -> Parsed<()> {
        match self.kind() {
            TokenKind::Semicolon { .. } => {
                self.at += 1;
                Ok(())
            }
            TokenKind::End | TokenKind::Sign("}") => Ok(()),
            _ => Err(self.unexpected("the end of the statement")),
        }
    }

    /// Passes over what is left of a statement that could not be read.
    fn recover(&mut self, start: usize) {
        let mut open = Vec::new();
        for at in start..self.at {
            follow(&self.tokens[at].kind, &mut open);
        }
        if self.at == start {
            self.at += 1;
        }
        while *self.kind() != TokenKind::End {
            if matches!(self.kind(), TokenKind::Semicolon { .. }) && (open.is_empty() || self.is_new_statement(&open)) {
                return;
            }
            follow(&self.kind().clone(), &mut open);
            self.at += 1;
        }
    }

    /// Whether what follows is the next statement although a bracket was not closed: it begins its line.
    fn is_new_statement(&self, open: &[&str]) -> bool {
        let next = self.ahead(1);
        let begins_line = self.text[..next.at.range().start].ends_with('\n');
        let closes = matches!(next.kind, TokenKind::Sign(")" | "]" | "}"));
        !open.contains(&"{") && begins_line && !closes
    }

    pub(super) fn block(&mut self) -> Parsed<Block> {
        self.expect_sign("{")?;
        let statements = self.nested(|parser| parser.statements(false))?;
        self.expect_sign("}")?;
        Ok(statements)
    }

    /// Statements up to a closing brace, or, in a case, up to the next clause.
    fn statements(&mut self, in_case: bool) -> Parsed<Block> {
        let mut statements = Vec::new();
        loop {
            self.skip_semicolons();
            let clause = in_case && (self.is_word(Word::When) || self.is_word(Word::Else));
            if self.is_sign("}") || clause || *self.kind() == TokenKind::End {
                return Ok(statements);
            }
            statements.push(self.statement()?);
            self.end_of_statement()?;
        }
    }

    fn statement(&mut self) -> Parsed<Statement> {
        let start = self.token().at;
        let kind = match self.kind() {
            TokenKind::Word(Word::If) => self.condition()?,
            TokenKind::Word(Word::For) => self.iteration()?,
            TokenKind::Word(Word::Case) => self.case()?,
            TokenKind::Word(Word::Return) => {
                self.at += 1;
                if matches!(self.kind(), TokenKind::Semicolon { .. } | TokenKind::Sign("}")) {
                    let problem = self.problem("`return` gives no value", start);
                    return Err(problem.with_help("`return undefined` gives nothing"));
                }
                StatementKind::Return(self.expression()?)
            }
            TokenKind::Word(Word::Break) => self.word_alone(StatementKind::Break),
            TokenKind::Word(Word::Continue) => self.word_alone(StatementKind::Continue),
            TokenKind::Word(Word::Func) if matches!(self.ahead(1).kind, TokenKind::Name(_)) => self.named_function()?,
            TokenKind::Word(Word::Import) => return Err(self.misplaced("imports")),
            TokenKind::Word(Word::Param) => return Err(self.misplaced("parameters")),
            _ => self.simple()?,
        };
        Ok(Statement { kind, at: self.behind(start) })
    }

    fn misplaced(&self, what: &str) -> Problem {
        self.problem(format!("{what} stand at the top of the file"), self.token().at)
    }

    fn word_alone(&mut self, kind: StatementKind) -> StatementKind {
        self.at += 1;
        kind
    }

    /// `func name(params) { … }`
    fn named_function(&mut self) -> Parsed<StatementKind> {
        let start = self.token().at;
        self.at += 1;
        let name = self.ident("the name of a function")?;
        let func = self.function(Some(name.name.clone()), start)?;
        let value = Expr { kind: ExprKind::Func(Arc::new(func)), at: self.behind(start) };
        Ok(StatementKind::Assign(name, None, value))
    }

    fn condition(&mut self) -> Parsed<StatementKind> {
        let mut branches = Vec::new();
        loop {
            self.expect_word(Word::If)?;
            let condition = self.expression()?;
            branches.push((condition, self.block()?));
            // Behind the end of a line, `else` must go on as this statement does: a case has clauses that begin so.
            let ends = (0..).take_while(|n| matches!(self.ahead(*n).kind, TokenKind::Semicolon { automatic: true }));
            let ends = ends.count();
            let goes_on = matches!(self.ahead(ends + 1).kind, TokenKind::Word(Word::If) | TokenKind::Sign("{"));
            if self.ahead(ends).kind != TokenKind::Word(Word::Else) || ends > 0 && !goes_on {
                return Ok(StatementKind::If(branches, None));
            }
            self.at += ends + 1;
            if !self.is_word(Word::If) {
                return Ok(StatementKind::If(branches, Some(self.block()?)));
            }
        }
    }

    fn iteration(&mut self) -> Parsed<StatementKind> {
        self.at += 1;
        let collection = self.expression()?;
        let names = self.names()?;
        let body = self.block()?;
        Ok(StatementKind::For(Box::new(For { collection, names, body })))
    }

    fn case(&mut self) -> Parsed<StatementKind> {
        self.at += 1;
        let subject = if self.is_sign("{") { None } else { Some(self.expression()?) };
        self.expect_sign("{")?;
        let mut case = Case { subject, clauses: Vec::new(), otherwise: None };
        loop {
            self.skip_semicolons();
            let at = self.token().at;
            if self.take_sign("}") {
                return Ok(StatementKind::Case(Box::new(case)));
            }
            if self.take_word(Word::Else) {
                self.expect_sign(":")?;
                let block = self.nested(|parser| parser.statements(true))?;
                if case.otherwise.replace(block).is_some() {
                    return Err(self.problem("a case has one `else`", at));
                }
                continue;
            }
            self.expect_word(Word::When).map_err(|_| self.unexpected("`when`, `else` or `}`"))?;
            let mut values = vec![self.expression()?];
            while self.take_sign(",") {
                values.push(self.expression()?);
            }
            self.expect_sign(":")?;
            let block = self.nested(|parser| parser.statements(true))?;
            case.clauses.push((values, block));
        }
    }

    /// An expression or an assignment.
    fn simple(&mut self) -> Parsed<StatementKind> {
        let at = self.token().at;
        if let (TokenKind::Name(name), TokenKind::Sign(sign)) = (self.kind().clone(), &self.ahead(1).kind)
            && let Some(Assignment { operator }) = assignment(sign)
        {
            if crate::builtins::is_constant(&name) {
                return Err(self.problem(format!("`{name}` cannot be assigned to"), at));
            }
            self.at += 2;
            self.assigned = operator.is_none().then(|| (name.clone(), self.comment_above(at)));
            let value = self.expression()?;
            return Ok(StatementKind::Assign(Ident { name, at }, operator, value));
        }
        let target = self.expression()?;
        let TokenKind::Sign(sign) = *self.kind() else { return Ok(StatementKind::Expr(target)) };
        let Some(Assignment { operator }) = assignment(sign) else { return Ok(StatementKind::Expr(target)) };
        let target = self.index_target(target)?;
        self.at += 1;
        let value = self.expression()?;
        Ok(StatementKind::AssignIndex(Box::new(target), operator, value))
    }

    /// What an assignment may stand behind, other than a name.
    fn index_target(&self, target: Expr) -> Parsed<IndexTarget> {
        let Expr { kind, at } = target;
        let ExprKind::Access(base, mut parts) = kind else {
            return Err(self.problem("only names and indices can be assigned to", at));
        };
        match parts.pop() {
            Some(crate::syntax::ast::Access { kind: AccessKind::Index(index), .. }) => {
                let at = parts.last().map_or(base.at, |last| base.at.to(last.at));
                let collection =
                    if parts.is_empty() { *base } else { Expr { kind: ExprKind::Access(base, parts), at } };
                Ok(IndexTarget { collection, index })
            }
            Some(crate::syntax::ast::Access { kind: AccessKind::Selector(name), .. }) => {
                let problem = self.problem("a selector cannot be assigned to", at);
                Err(problem.with_help(format!("the index [{name:?}] can")))
            }
            _ => Err(self.problem("only names and indices can be assigned to", at)),
        }
    }
}

/// Follows which brackets are open.
fn follow(token: &TokenKind, open: &mut Vec<&'static str>) {
    let opener = match token {
        TokenKind::Sign(sign @ ("{" | "(" | "[")) => return open.push(sign),
        TokenKind::Sign("}") => "{",
        TokenKind::Sign(")") => "(",
        TokenKind::Sign("]") => "[",
        _ => return,
    };
    if let Some(at) = open.iter().rposition(|known| *known == opener) {
        open.truncate(at);
    }
}

/// The assignment that a sign is, if it is one.
fn assignment(sign: &str) -> Option<Assignment> {
    let operator = match sign {
        "=" => None,
        "+=" => Some(BinaryOp::Add),
        "-=" => Some(BinaryOp::Subtract),
        "*=" => Some(BinaryOp::Multiply),
        "/=" => Some(BinaryOp::Divide),
        "%=" => Some(BinaryOp::Remainder),
        _ => return None,
    };
    Some(Assignment { operator })
}

/// An assignment, with the operator before its equals sign when there is one.
struct Assignment {
    operator: Option<BinaryOp>,
}

/// Whether an expression is what the default of a parameter may be.
fn is_literal(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::String(_) => true,
        ExprKind::Name(name) => matches!(name.as_str(), "true" | "false"),
        ExprKind::Unary(UnaryOp::Minus | UnaryOp::Plus, inner) => {
            matches!(inner.kind, ExprKind::Int(_) | ExprKind::Float(_))
        }
        ExprKind::List(elements) => elements.iter().all(is_literal),
        ExprKind::Map(entries) => entries.iter().all(|(key, value)| is_literal(key) && is_literal(value)),
        _ => false,
    }
}
