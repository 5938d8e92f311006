//! Which functions are evaluated sooner than their results are looked up.

use crate::plan::{Block, Callee, Ex, Group, Hop, Op, Pattern, Plan, Root, Rule};

/// About what it takes to look up and keep a result, in operations.
const LOOKUP: u32 = 16;

/// What is certainly more than that.
const DEAR: u32 = 1000;

/// Functions that call one another more levels deep than this are not looked into: they are not cheap.
const DEPTH: u32 = 16;

/// Marks the functions that cost less than a look at what is known.
pub(super) fn find_cheap(plan: &mut Plan) {
    let mut known: Vec<Option<u32>> = vec![None; plan.groups.len()];
    for at in 0..plan.groups.len() {
        let cost = Costs { groups: &plan.groups, known: &mut known, depth: 0 }.group(at);
        plan.groups[at].cheap = cost <= LOOKUP;
    }
}

struct Costs<'a> {
    groups: &'a [Group],
    known: &'a mut Vec<Option<u32>>,
    depth: u32,
}

impl Costs<'_> {
    fn group(&mut self, at: usize) -> u32 {
        if let Some(cost) = self.known[at] {
            return cost;
        }
        if self.depth == DEPTH {
            return DEAR;
        }
        self.depth += 1;
        let group = &self.groups[at];
        let cost = group.rules.iter().chain(&group.default).map(|rule| self.rule(rule)).fold(0, u32::saturating_add);
        self.depth -= 1;
        self.known[at] = Some(cost);
        cost
    }

    fn rule(&mut self, rule: &Rule) -> u32 {
        let args: u32 = rule.args.iter().map(|pattern| self.pattern(pattern)).fold(0, u32::saturating_add);
        let otherwise = rule.otherwise.as_ref().map_or(0, |rule| self.rule(rule));
        1_u32
            .saturating_add(args)
            .saturating_add(self.block(&rule.body))
            .saturating_add(self.ex(&rule.value))
            .saturating_add(otherwise)
    }

    fn block(&mut self, block: &Block) -> u32 {
        block.ops.iter().map(|op| self.op(op)).fold(0, u32::saturating_add)
    }

    fn op(&mut self, op: &Op) -> u32 {
        let cost = match op {
            Op::At(_) | Op::Fail => return 0,
            Op::Set(_, ex) | Op::Test(ex) => self.ex(ex),
            Op::Equal(left, right) => self.ex(left).saturating_add(self.ex(right)),
            Op::Match(pattern, ex) => self.pattern(pattern).saturating_add(self.ex(ex)),
            Op::Not(block) => self.block(block),
            Op::And(left, right) | Op::Or(left, right) => self.block(left).saturating_add(self.block(right)),
            Op::Scan(_) | Op::Walk(_) | Op::Every(_) | Op::With(_) | Op::Print(_) | Op::Observed(_) => DEAR,
        };
        cost.saturating_add(1)
    }

    fn pattern(&mut self, pattern: &Pattern) -> u32 {
        match pattern {
            Pattern::Any | Pattern::Bind(_) => 0,
            Pattern::Equal(ex) => self.ex(ex).saturating_add(1),
            Pattern::Array(_) | Pattern::Object(_) => DEAR,
        }
    }

    fn exs(&mut self, exs: &[Ex]) -> u32 {
        exs.iter().map(|ex| self.ex(ex)).fold(0, u32::saturating_add)
    }

    fn ex(&mut self, ex: &Ex) -> u32 {
        match ex {
            Ex::Const(_) | Ex::Slot(_) => 0,
            // Each is evaluated once and then known.
            Ex::Group(_) => 1,
            Ex::Compare(_, sides) => self.ex(&sides.0).saturating_add(self.ex(&sides.1)).saturating_add(1),
            Ex::Ref(reference) => {
                let root = match &reference.0 {
                    Root::Ex(ex) => self.ex(ex),
                    Root::Slot(_) | Root::Input | Root::Base(_) | Root::Data(_) => 0,
                };
                let hops = reference.1.iter().map(|hop| match hop {
                    Hop::Const(..) => 1,
                    Hop::Ex(ex) => self.ex(ex).saturating_add(1),
                });
                hops.fold(root, u32::saturating_add)
            }
            Ex::Call(call) => {
                let args = self.exs(&call.args);
                let callee = match call.callee {
                    Callee::Group(group) => self.group(group as usize).saturating_add(2),
                    Callee::Builtin(_) if call.fast.is_some() => 2,
                    Callee::Builtin(_) => DEAR,
                };
                args.saturating_add(callee)
            }
            Ex::Array(_)
            | Ex::Set(_)
            | Ex::Object(_)
            | Ex::ArrayCompr(_)
            | Ex::SetCompr(_)
            | Ex::ObjectCompr(_)
            | Ex::Grouped(_) => DEAR,
        }
    }
}
