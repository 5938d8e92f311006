//! Statements (specification, "Statements").

use probity_model::Span;

use super::{Env, Interp, Stop};
use crate::syntax::ast::{BinaryOp, Case, Expr, For, IndexTarget, Statement, StatementKind};
use crate::value::{MapKey, Value, equal};

/// How a block was left.
pub(super) enum Flow {
    Next,
    Break(Span),
    Continue(Span),
    Return(Value),
}

impl Interp<'_> {
    pub(super) fn block(&mut self, statements: &[Statement], env: &Env) -> Result<Flow, Stop> {
        for statement in statements {
            let flow = self.statement(statement, env)?;
            if !matches!(flow, Flow::Next) {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    pub(super) fn statement(&mut self, statement: &Statement, env: &Env) -> Result<Flow, Stop> {
        let place = |message| Stop::at(message, env.span(statement.at));
        self.budget.step().map_err(place)?;
        match &statement.kind {
            StatementKind::Expr(expr) => {
                self.eval(expr, env)?;
            }
            StatementKind::Assign(target, operator, value) => {
                let value = match operator {
                    None => self.assigned(value, env)?,
                    Some(operator) => {
                        let right = self.eval(value, env)?;
                        // A text that only the variable holds can grow where it is.
                        let left = match env.scope.take_text(&target.name) {
                            Some(text) => Value::String(text),
                            None => self.name(&target.name, target.at, env)?,
                        };
                        self.apply(*operator, left, right, env, statement.at)?
                    }
                };
                env.scope.assign(&target.name, value);
            }
            StatementKind::AssignIndex(target, operator, value) => {
                self.assign_index(target, *operator, value, statement, env)?;
            }
            StatementKind::Return(value) => return Ok(Flow::Return(self.eval(value, env)?)),
            StatementKind::Break => return Ok(Flow::Break(env.span(statement.at))),
            StatementKind::Continue => return Ok(Flow::Continue(env.span(statement.at))),
            StatementKind::If(..) | StatementKind::For(_) | StatementKind::Case(_) => {
                self.budget.enter().map_err(place)?;
                let flow = self.compound(statement, env);
                self.budget.leave();
                return flow;
            }
        }
        Ok(Flow::Next)
    }

    fn compound(&mut self, statement: &Statement, env: &Env) -> Result<Flow, Stop> {
        match &statement.kind {
            StatementKind::If(branches, otherwise) => {
                for (condition, block) in branches {
                    if self.condition(condition, env)? {
                        return self.block(block, env);
                    }
                }
                otherwise.as_ref().map_or(Ok(Flow::Next), |block| self.block(block, env))
            }
            StatementKind::For(iteration) => self.iteration(iteration, env),
            StatementKind::Case(case) => self.case(case, env),
            _ => Ok(Flow::Next),
        }
    }

    fn condition(&mut self, condition: &Expr, env: &Env) -> Result<bool, Stop> {
        match self.eval(condition, env)? {
            Value::Bool(truth) => Ok(truth),
            other => {
                let mut message = format!("if condition must result in a boolean, got {}", other.type_name());
                self.assume(&other);
                if let Value::Undefined(origin) = &other {
                    message.push_str(&self.because(origin));
                }
                Err(Stop::at(message, env.span(condition.at)))
            }
        }
    }

    /// A value that is given to a name: rules stay lazy.
    fn assigned(&mut self, value: &Expr, env: &Env) -> Result<Value, Stop> {
        let evaluated = self.eval_lazy(value, env)?;
        match evaluated {
            Value::Import(_) => Err(Stop::at("an import is no value", env.span(value.at))),
            value => Ok(value),
        }
    }

    fn assign_index(
        &mut self,
        target: &IndexTarget,
        operator: Option<BinaryOp>,
        value: &Expr,
        statement: &Statement,
        env: &Env,
    ) -> Result<(), Stop> {
        let mut new = self.eval(value, env)?;
        let collection = self.eval(&target.collection, env)?;
        let index = self.eval(&target.index, env)?;
        if let Some(operator) = operator {
            let old = self.index(&collection, &index, env, statement.at)?;
            new = self.apply(operator, old, new, env, statement.at)?;
        }
        let place = |message: String| Stop::at(message, env.span(target.index.at));
        self.budget.bytes(64).map_err(place)?;
        match &collection {
            Value::List(list) => {
                let Value::Int(int) = index else {
                    return Err(place(format!("the index of a list must be an integer, got {}", index.type_name())));
                };
                let length = list.len();
                let position = usize::try_from(if int < 0 { int.saturating_add_unsigned(length as u64) } else { int });
                let position = position.ok().filter(|position| *position < length);
                let position =
                    position.ok_or_else(|| place(format!("index {int} is out of range of the list's {length}")))?;
                self.watch_list(list, &new);
                list.set(position, new);
            }
            Value::Map(map) => {
                let key = MapKey::of(&index)
                    .ok_or_else(|| place(format!("{} cannot be the key of a map", index.type_name())))?;
                self.watch_map(map, &new);
                map.insert(key, new);
            }
            other => {
                let message = format!("only lists and maps have indices to assign to, got {}", other.type_name());
                return Err(Stop::at(message, env.span(target.collection.at)));
            }
        }
        Ok(())
    }

    fn iteration(&mut self, iteration: &For, env: &Env) -> Result<Flow, Stop> {
        let collection = self.eval(&iteration.collection, env)?;
        self.budget
            .steps(collection.elements())
            .map_err(|message| Stop::at(message, env.span(iteration.collection.at)))?;
        if collection.is_undefined() {
            self.assume(&collection);
        }
        let items = Self::items(&collection, &iteration.names).ok_or_else(|| {
            let mut message = format!("`for` wants a list or a map, got {}", collection.type_name());
            if let Value::Undefined(origin) = &collection {
                message.push_str(&self.because(origin));
            }
            Stop::at(message, env.span(iteration.collection.at))
        })?;
        let mut inner = env.inner();
        for index in 0..items.len() {
            inner = Self::fresh(inner, env);
            Self::bind(&iteration.names, &items, index, &inner);
            match self.block(&iteration.body, &inner)? {
                Flow::Next | Flow::Continue(_) => {}
                Flow::Break(_) => break,
                Flow::Return(value) => return Ok(Flow::Return(value)),
            }
        }
        Ok(Flow::Next)
    }

    fn case(&mut self, case: &Case, env: &Env) -> Result<Flow, Stop> {
        let subject = case.subject.as_ref().map_or(Ok(Value::Bool(true)), |subject| self.eval(subject, env))?;
        for (values, block) in &case.clauses {
            for value in values {
                let candidate = self.eval(value, env)?;
                if subject.is_undefined() || candidate.is_undefined() {
                    self.assume(&subject);
                    self.assume(&candidate);
                    continue;
                }
                let same = equal(&subject, &candidate, &mut self.budget);
                if same.map_err(|message| Stop::at(message, env.span(value.at)))? {
                    return self.block(block, env);
                }
            }
        }
        case.otherwise.as_ref().map_or(Ok(Flow::Next), |block| self.block(block, env))
    }
}
