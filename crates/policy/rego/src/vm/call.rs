//! Calls of functions.

use probity_model::Span;
use probity_model::value::Value;

use super::eval::Peek;
use super::{Res, Vm};
use crate::builtins::Fast;
use crate::plan::{Call, Callee, Ex, GroupId};

/// Most operands of a function that is called with them where they are.
const MAX_FAST: usize = 3;

impl<'p> Vm<'p> {
    pub(super) fn call(&mut self, call: &'p Call) -> Res<Option<Value>> {
        if self.scope.mocks.is_none() {
            match (call.fast, call.callee) {
                (Some(fast), _) if self.unknown.is_none() => return self.call_fast(call, fast),
                (_, Callee::Group(group)) if self.plan.groups[group as usize].cheap => {
                    return self.call_cheap(group, &call.args);
                }
                _ => {}
            }
        }
        self.call_slow(call)
    }

    /// Calls a function whose results are not kept: its operands are only moved into its frame.
    fn call_cheap(&mut self, group: GroupId, args: &'p [Ex]) -> Res<Option<Value>> {
        match args {
            [one] => {
                let Some(one) = self.eval(one)? else { return Ok(None) };
                self.apply(group, [one].into_iter())
            }
            [one, two] => {
                let Some(one) = self.eval(one)? else { return Ok(None) };
                let Some(two) = self.eval(two)? else { return Ok(None) };
                self.apply(group, [one, two].into_iter())
            }
            [] => self.group(group),
            many => {
                let Some(values) = self.eval_all(many)? else { return Ok(None) };
                self.apply(group, values.into_iter())
            }
        }
    }

    /// Calls a function with its operands where they are.
    fn call_fast(&mut self, call: &'p Call, fast: Fast) -> Res<Option<Value>> {
        let mut made: [Option<Value>; MAX_FAST] = [const { None }; MAX_FAST];
        for (made, arg) in made.iter_mut().zip(&call.args) {
            match self.peek(arg) {
                Peek::Value(_) => {}
                Peek::Undefined => return Ok(None),
                Peek::Slow => {
                    let Some(value) = self.eval(arg)? else { return Ok(None) };
                    *made = Some(value);
                }
            }
        }
        let mut args: [&Value; MAX_FAST] = [&Value::Null; MAX_FAST];
        for ((place, made), arg) in args.iter_mut().zip(&made).zip(&call.args) {
            match (made, self.peek(arg)) {
                (Some(made), _) | (None, Peek::Value(made)) => *place = made,
                (None, Peek::Undefined | Peek::Slow) => return self.call_slow(call),
            }
        }
        match fast(&args[..call.args.len().min(MAX_FAST)]) {
            Some(value) => Ok(Some(value)),
            None => self.call_slow(call),
        }
    }

    fn call_slow(&mut self, call: &'p Call) -> Res<Option<Value>> {
        match &call.args[..] {
            [one] => {
                let Some(one) = self.eval(one)? else { return Ok(None) };
                self.call_with(call, &[one])
            }
            [one, two] => {
                let Some(one) = self.eval(one)? else { return Ok(None) };
                let Some(two) = self.eval(two)? else { return Ok(None) };
                self.call_with(call, &[one, two])
            }
            many => {
                let Some(values) = self.eval_all(many)? else { return Ok(None) };
                self.call_with(call, &values)
            }
        }
    }

    fn call_with(&mut self, call: &'p Call, args: &[Value]) -> Res<Option<Value>> {
        if self.scope.mocks.is_some()
            && let Some(replaced) = self.mock_of(call.callee)
        {
            return self.call_replaced(replaced, args);
        }
        self.call_plain(call.callee, args, call.span)
    }

    pub(super) fn call_plain(&mut self, callee: Callee, args: &[Value], span: Span) -> Res<Option<Value>> {
        match callee {
            Callee::Group(group) => self.function(group, args),
            Callee::Builtin(_) if args.iter().any(|arg| self.needs_all(arg)) => Ok(None),
            Callee::Builtin(builtin) => {
                if builtin.extension {
                    self.context.at = Some(span);
                }
                match (builtin.run)(&mut self.context, args) {
                    Ok(value) => {
                        self.keep(&value)?;
                        Ok(Some(value))
                    }
                    Err(failure) => {
                        self.note(builtin.name, failure, span)?;
                        Ok(None)
                    }
                }
            }
        }
    }
}
