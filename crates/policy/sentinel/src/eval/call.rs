//! Calls of functions.

use std::rc::Rc;

use probity_model::Span;

use super::statement::Flow;
use super::{Interp, Stop};
use crate::imports::Object;
use crate::value::{Closure, Function, List, Map, Text, Value};

/// A function that is built in or of a standard import.
pub(crate) type NativeFn = fn(&mut Interp<'_>, &Args) -> Result<Value, Stop>;

/// A native function with its name.
pub(crate) struct Def {
    pub(crate) name: &'static str,
    pub(crate) call: NativeFn,
}

/// What a native function is called with.
pub(crate) struct Args {
    pub(crate) name: &'static str,
    pub(crate) receiver: Option<Rc<Object>>,
    pub(crate) values: Vec<Value>,
    /// The call.
    pub(crate) span: Span,
}

/// What stands in the way of an argument: an error, or that it is undefined, as then is the result.
pub(crate) enum Unfit {
    Undefined(Value),
    Stop(Stop),
}

impl From<String> for Unfit {
    fn from(message: String) -> Self {
        Self::Stop(message.into())
    }
}

impl From<Stop> for Unfit {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

/// The result of a function whose arguments may be unfit.
pub(crate) fn settle(result: Result<Value, Unfit>) -> Result<Value, Stop> {
    match result {
        Ok(value) | Err(Unfit::Undefined(value)) => Ok(value),
        Err(Unfit::Stop(stop)) => Err(stop),
    }
}

impl Args {
    /// Fails unless there are so many arguments.
    pub(crate) fn count(&self, least: usize, most: usize) -> Result<(), Stop> {
        let count = self.values.len();
        if (least..=most).contains(&count) {
            return Ok(());
        }
        let wanted = match (least, most) {
            _ if least == most => least.to_string(),
            (_, usize::MAX) => format!("at least {least}"),
            _ => format!("{least} to {most}"),
        };
        Err(format!("{} takes {wanted} argument(s), got {count}", self.name).into())
    }

    /// The argument at this place.
    pub(crate) fn get(&self, index: usize) -> Result<&Value, Unfit> {
        let missing = || format!("{} wants {} argument(s)", self.name, index + 1);
        Ok(self.values.get(index).ok_or_else(missing)?)
    }

    fn wrong(&self, index: usize, wanted: &str) -> Unfit {
        let value = self.values.get(index);
        if let Some(undefined @ Value::Undefined(_)) = value {
            return Unfit::Undefined(undefined.clone());
        }
        let found = value.map_or("nothing", Value::type_name);
        format!("argument {} of {} must be {wanted}, got {found}", index + 1, self.name).into()
    }

    pub(crate) fn text(&self, index: usize) -> Result<&Text, Unfit> {
        match self.get(index)? {
            Value::String(text) => Ok(text),
            _ => Err(self.wrong(index, "a string")),
        }
    }

    pub(crate) fn int(&self, index: usize) -> Result<i64, Unfit> {
        match self.get(index)? {
            Value::Int(int) => Ok(*int),
            #[expect(clippy::cast_possible_truncation, reason = "checked to be a whole number in range")]
            Value::Float(float) if float.fract() == 0.0 && float.abs() < 9e15 => Ok(*float as i64),
            _ => Err(self.wrong(index, "an integer")),
        }
    }

    pub(crate) fn list(&self, index: usize) -> Result<&List, Unfit> {
        match self.get(index)? {
            Value::List(list) => Ok(list),
            _ => Err(self.wrong(index, "a list")),
        }
    }

    pub(crate) fn map(&self, index: usize) -> Result<&Map, Unfit> {
        match self.get(index)? {
            Value::Map(map) => Ok(map),
            _ => Err(self.wrong(index, "a map")),
        }
    }

    pub(crate) fn function(&self, index: usize) -> Result<&Function, Unfit> {
        match self.get(index)? {
            Value::Function(function) => Ok(function),
            _ => Err(self.wrong(index, "a function")),
        }
    }
}

impl Interp<'_> {
    /// Calls a function from a place.
    pub(crate) fn call(&mut self, function: &Function, values: Vec<Value>, span: Span) -> Result<Value, Stop> {
        match function {
            Function::Closure(closure) => {
                self.budget.enter().map_err(|message| Stop::at(message, span))?;
                let result = self.call_closure(closure, values, span);
                self.budget.leave();
                result.map_err(|stop| stop.called(function.name(), span))
            }
            Function::Native(native) => {
                let args = Args { name: native.def.name, receiver: native.receiver.clone(), values, span };
                (native.def.call)(self, &args).map_err(|stop| stop.or_at(span))
            }
        }
    }

    fn call_closure(&mut self, closure: &Rc<Closure>, values: Vec<Value>, span: Span) -> Result<Value, Stop> {
        let func = &closure.func;
        if func.params.len() != values.len() {
            let name = func.name.as_deref().unwrap_or("the function");
            let message = format!("{name} takes {} argument(s), got {}", func.params.len(), values.len());
            return Err(Stop::at(message, span));
        }
        self.budget.bytes(128 + 64 * values.len()).map_err(|message| Stop::at(message, span))?;
        let env = closure.env.inner();
        for (param, value) in func.params.iter().zip(values) {
            env.scope.declare(param.clone(), value);
        }
        match self.block(&func.body, &env)? {
            Flow::Return(value) => Ok(value),
            Flow::Next => {
                let message = "the function ends without `return`; `return undefined` gives nothing";
                Err(Stop::at(message, closure.env.span(func.at)))
            }
            Flow::Break(at) | Flow::Continue(at) => Err(Stop::at("there is no loop to leave", at)),
        }
    }
}
