//! Tells the observer what goes on. Only plans that were made to be observed come here.

use probity_model::Span;
use probity_model::value::Value;

use super::eval::{Peek, index};
use super::{Flow, Memo, Res, Then, Vm};
use crate::observe::{Act, Event, Node, Nothing, Seen};
use crate::plan::{Ex, Hop, Observed, ObservedNode, Root};

/// More lines than this `print` does not write at once.
const MAX_PRINTS: usize = 1000;

struct Known<'v, 'p> {
    vm: &'v Vm<'p>,
    values: &'p [(Span, Ex)],
}

impl Seen for Known<'_, '_> {
    fn values(&self) -> Vec<(Span, Value)> {
        self.values.iter().filter_map(|(span, ex)| Some((*span, self.vm.known(ex)?.clone()))).collect()
    }
}

impl<'p> Vm<'p> {
    /// Runs a block within a bracket.
    pub(super) fn observed(&mut self, observed: &'p Observed, then: Then<'_, 'p>) -> Res<Flow> {
        let Some(observer) = self.observer else { return self.run(&observed.block, 0, then) };
        let (node, inside) = match &observed.node {
            ObservedNode::Body => (Node::Body, 1),
            ObservedNode::Rule(name, head) => (Node::Rule { name, head: *head }, 1),
            ObservedNode::Expr => (Node::Expr, 0),
        };
        let is_expr = inside == 0;
        let outer = self.nesting;
        let tell = |vm: &Self, act| {
            // Before a rule has a solution, and when another is looked for, its slots are those of the last one.
            let values = if is_expr || act == Act::Exit { &observed.values[..] } else { &[] };
            let known = Known { vm, values };
            observer.event(&Event { act, node, span: Some(observed.span), depth: outer + inside, values: &known });
        };
        tell(self, if is_expr { Act::Eval } else { Act::Enter });
        self.context.at = Some(observed.span);
        self.nesting = outer + inside;
        let mut reached = false;
        let flow = self.run(&observed.block, 0, &mut |vm| {
            reached = true;
            if !is_expr {
                tell(vm, Act::Exit);
            }
            let within = std::mem::replace(&mut vm.nesting, outer);
            let flow = then(vm);
            vm.nesting = within;
            if flow.is_ok() {
                tell(vm, Act::Redo);
            }
            flow
        })?;
        self.nesting = outer;
        if !reached && is_expr {
            tell(self, Act::Fail);
        }
        Ok(flow)
    }

    /// Writes what `print` is given: each operand has one value, or none, or several.
    pub(super) fn print(&mut self, operands: &'p Ex, span: Span) -> Res<()> {
        let Some(observer) = self.observer else { return Ok(()) };
        let Some(Value::Array(operands)) = self.eval(operands)? else { return Ok(()) };
        let mut lines = vec![String::new()];
        for (at, operand) in operands.iter().enumerate() {
            let texts = match operand {
                Value::Set(set) if set.is_empty() => vec!["<undefined>".to_owned()],
                Value::Set(set) => set.iter().map(printed).collect(),
                other => vec![printed(other)],
            };
            let space = if at == 0 { "" } else { " " };
            lines = lines
                .iter()
                .flat_map(|line| texts.iter().map(move |text| format!("{line}{space}{text}")))
                .take(MAX_PRINTS)
                .collect();
        }
        for line in lines {
            let node = Node::Text(&line);
            observer.event(&Event { act: Act::Print, node, span: Some(span), depth: self.nesting, values: &Nothing });
        }
        Ok(())
    }

    /// The value of an expression, when it is known without evaluating anything.
    fn known<'v>(&'v self, ex: &'v Ex) -> Option<&'v Value> {
        match ex {
            Ex::Group(group) => self.known_group(*group),
            Ex::Ref(reference) => {
                let (Root::Data(node), hops) = &**reference else { return self.known_place(ex) };
                let start = self.known_group(self.plan.nodes[*node as usize].group?)?;
                hops.iter().try_fold(start, |value, hop| match hop {
                    Hop::Const(_, key) => index(value, key),
                    Hop::Ex(ex) => index(value, self.known(ex)?),
                })
            }
            _ => self.known_place(ex),
        }
    }

    fn known_place<'v>(&'v self, ex: &'v Ex) -> Option<&'v Value> {
        match self.peek(ex) {
            Peek::Value(value) => Some(value),
            Peek::Undefined | Peek::Slow => None,
        }
    }

    fn known_group(&self, group: crate::plan::GroupId) -> Option<&Value> {
        let node = self.plan.groups[group as usize].node;
        if self.is_masked(node) {
            return self.base_at(&self.plan.nodes[node as usize].path);
        }
        match self.scope.groups.get(group) {
            Memo::Value(value) => Some(value),
            _ => None,
        }
    }
}

/// Texts are printed as they are, all else as in a policy.
fn printed(value: &Value) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None => crate::builtins::term_text(value),
    }
}
