//! From ordered bodies to operations over slots.

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet};
use probity_model::Span;
use probity_model::value::{Key, Object, Set, Value};

use super::observed::bracket;
use super::tree::{constant_key, full_name};
use super::{Names, Tree};
use crate::ast::{self, Body, Compr, Expr, Module, Name, Term, TermKind, Terms, is_generated, is_wildcard};
use crate::builtins;
use crate::error::{Code, Error, Errors};
use crate::index::Index;
use crate::plan::{
    Block, Call, Callee, Every, Ex, Group, GroupId, Hop, Kind, Mock, Node, NodeId, ObservedNode, Op, Out, Pattern,
    Plan, QueryPlan, Relation, Replacement, Root, Rule, Scan, Slot, Step, With,
};
use crate::vars::{Skip, VarSet, term_vars};

pub(super) type Lowered<T> = Result<T, Error>;

/// The plan of ordered modules, whose bodies are dropped on the way: a large bundle needs no room for both.
pub(super) fn plan(modules: &mut [Module], tree: &Tree, observe: bool) -> Result<Plan, Errors> {
    let mut nodes: Vec<Node> = tree
        .nodes
        .iter()
        .map(|node| Node { path: node.path.clone(), children: node.children.clone(), group: None })
        .collect();
    let mut next: GroupId = 0;
    for (node, rules) in nodes.iter_mut().zip(&tree.rules) {
        if !rules.is_empty() {
            node.group = Some(next);
            next += 1;
        }
    }
    let mut groups = Vec::new();
    for (id, rules) in tree.rules.iter().enumerate() {
        if let Some(kind) = tree.kinds[id] {
            let id = NodeId::try_from(id).unwrap_or(NodeId::MAX);
            groups.push(group(modules, tree, &nodes, id, kind, rules, observe)?);
            for (module, at) in rules {
                let rule = &mut modules[*module].rules[*at];
                rule.body = Body::new();
                rule.otherwise = None;
            }
        }
    }
    let mut plan = Plan { nodes, groups };
    super::cost::find_cheap(&mut plan);
    Ok(plan)
}

fn group(
    modules: &[Module],
    tree: &Tree,
    nodes: &[Node],
    node: NodeId,
    kind: Kind,
    rules: &[super::tree::RuleAt],
    observe: bool,
) -> Result<Group, Errors> {
    let name = full_name(&nodes[node as usize].path);
    let mut group =
        Group { kind, node, name, rules: Vec::new(), default: None, early_exit: false, cheap: false, index: None };
    for (module, at) in rules {
        let rule = &modules[*module].rules[*at];
        let lowered = lower_rule(rule, nodes, tree)?;
        if rule.default {
            group.default = Some(lowered);
        } else {
            group.rules.push(lowered);
        }
    }
    group.early_exit = same_constant(&group.rules);
    group.index = Index::new(&group.rules);
    if observe {
        // What is evaluated, and in what order, is as without brackets.
        for lowered in group.rules.iter_mut().chain(&mut group.default) {
            let at = rules.iter().map(|(module, at)| &modules[*module].rules[*at]);
            if let Some(rule) = at.into_iter().find(|rule| rule.span == lowered.span) {
                *lowered = observed_rule(rule, &group.name, nodes, tree)?;
            }
        }
    }
    Ok(group)
}

/// Whether all rules and their branches have one and the same constant value.
fn same_constant(rules: &[Rule]) -> bool {
    let mut known: Option<&Value> = None;
    for rule in rules {
        let mut branch = Some(rule);
        while let Some(rule) = branch {
            let Ex::Const(value) = &rule.value else { return false };
            if known.is_some_and(|known| known != value) {
                return false;
            }
            known = Some(value);
            branch = rule.otherwise.as_deref();
        }
    }
    true
}

fn lower_rule(rule: &ast::Rule, nodes: &[Node], tree: &Tree) -> Result<Rule, Error> {
    rule_of(rule, nodes, tree, None)
}

fn observed_rule(rule: &ast::Rule, name: &str, nodes: &[Node], tree: &Tree) -> Result<Rule, Error> {
    rule_of(rule, nodes, tree, Some(name))
}

/// Lowers a rule; with a name, to be observed.
fn rule_of(rule: &ast::Rule, nodes: &[Node], tree: &Tree, name: Option<&str>) -> Result<Rule, Error> {
    let mut lower = Lower::new(nodes, tree, name.is_some());
    if name.is_some() {
        lower.head_keys = super::observed::head_keys(rule);
    }
    let head = &rule.head;
    let mut body = Block::default();
    lower.next = Slot::try_from(head.args.len()).unwrap_or(Slot::MAX);
    let args = (0..).zip(&head.args).map(|(slot, arg)| lower.argument(slot, arg)).collect::<Lowered<_>>()?;
    lower.body(&rule.body, &mut body)?;
    body.ops.shrink_to_fit();
    let constants = head.reference[1..].iter().take_while(|part| constant_key(part).is_some()).count();
    let path = head.reference[1 + constants..].iter().map(|part| lower.ex(part)).collect::<Lowered<_>>()?;
    let multi = head.is_multi_value();
    let value = match (multi, &head.key, &head.value) {
        (true, Some(key), _) => lower.ex(key)?,
        (_, _, Some(value)) => lower.ex(value)?,
        _ => Ex::Const(Value::Bool(true)),
    };
    let otherwise = match &rule.otherwise {
        Some(otherwise) => Some(Box::new(rule_of(otherwise, nodes, tree, name)?)),
        None => None,
    };
    if let Some(name) = name {
        let terms = head.args.iter().chain(&head.key).chain(&head.value);
        let values = lower.visible(terms)?;
        body = bracket(ObservedNode::Rule(name.to_owned(), head.span), rule.span, body, values);
    }
    Ok(Rule { span: rule.span, args, body, path, value, multi, slots: lower.next, otherwise })
}

/// The variables whose values a query asks for.
pub(super) fn query_vars(body: &Body) -> Vec<Name> {
    let vars: VarSet = crate::vars::body_vars(body, Skip { closures: true, call_head: true, ..Skip::default() });
    vars.into_iter()
        .filter(|name| !is_wildcard(name) && !is_generated(name) && name != "data" && name != "input")
        .collect()
}

/// The plan of an ordered query.
pub(super) fn query(
    body: &Body,
    plan: &Plan,
    tree: &Tree,
    asked: &[Name],
    names: &Names,
    observe: bool,
) -> Result<QueryPlan, Errors> {
    let mut lower = Lower::new(&plan.nodes, tree, observe);
    let mut block = Block::default();
    lower.body(body, &mut block)?;
    let block = lower.observed_body(body, block);
    let mut outputs = Vec::new();
    for name in asked {
        let slot = lower.slots.get(name).copied().filter(|slot| lower.bound.contains(slot)).or_else(|| {
            names
                .rewritten
                .iter()
                .filter(|(_, original)| *original == name)
                .filter_map(|(new, _)| lower.slots.get(new).copied())
                .filter(|slot| lower.bound.contains(slot))
                .min()
        });
        if let Some(slot) = slot {
            outputs.push((name.clone(), slot));
        }
    }
    Ok(QueryPlan { body: block, slots: lower.next, outputs })
}

/// Lowers one rule or query.
pub(super) struct Lower<'a> {
    pub(super) nodes: &'a [Node],
    tree: &'a Tree,
    slots: HashMap<Name, Slot, RandomState>,
    next: Slot,
    /// The slots that have a value where the operation stands that is being made.
    pub(super) bound: HashSet<Slot, RandomState>,
    /// Whether brackets are put around expressions and bodies.
    pub(super) observe: bool,
    /// The keys in the head of the rule that is observed.
    pub(super) head_keys: Vec<Term>,
}

impl<'a> Lower<'a> {
    fn new(nodes: &'a [Node], tree: &'a Tree, observe: bool) -> Self {
        Self {
            nodes,
            tree,
            slots: HashMap::default(),
            next: 0,
            bound: HashSet::default(),
            observe,
            head_keys: Vec::new(),
        }
    }

    pub(super) fn temporary(&mut self) -> Slot {
        self.next += 1;
        self.next - 1
    }

    pub(super) fn slot(&mut self, name: &Name) -> Slot {
        if let Some(slot) = self.slots.get(name) {
            return *slot;
        }
        let slot = self.temporary();
        self.slots.insert(name.clone(), slot);
        slot
    }

    pub(super) fn is_bound(&self, name: &Name) -> bool {
        self.slots.get(name).is_some_and(|slot| self.bound.contains(slot))
    }

    /// Whether all variables in a term, closures aside, have a value.
    pub(super) fn closed(&self, term: &Term) -> bool {
        let vars = term_vars(term, Skip { closures: true, ..Skip::default() });
        vars.iter().all(|name| name == "data" || name == "input" || self.is_bound(name))
    }

    fn body(&mut self, body: &[Expr], block: &mut Block) -> Lowered<()> {
        body.iter().try_for_each(|expr| self.expr(expr, block))
    }

    /// A block of its own: what it gives values to has none outside.
    fn block(&mut self, body: &[Expr]) -> Lowered<Block> {
        let bound = self.bound.clone();
        let mut block = Block::default();
        self.body(body, &mut block)?;
        block.ops.shrink_to_fit();
        self.bound = bound;
        Ok(self.observed_body(body, block))
    }

    pub(super) fn expr(&mut self, expr: &Expr, block: &mut Block) -> Lowered<()> {
        if expr.with.is_empty() {
            return self.maybe_observed(expr, block);
        }
        let mut replacements = Vec::new();
        for with in &expr.with {
            replacements.push(self.replacement(with, expr.span)?);
        }
        let mut body = Block::default();
        self.maybe_observed(expr, &mut body)?;
        block.ops.push(Op::With(Box::new(With { replacements, body })));
        Ok(())
    }

    fn replacement(&mut self, with: &ast::With, span: Span) -> Lowered<Replacement> {
        if let Some(callee) = self.function(&with.target) {
            let mock = match self.function(&with.value) {
                Some(callee) if with.value.as_ref().is_some() => Mock::Function(callee),
                _ => Mock::Value(self.ex(&with.value)?),
            };
            return Ok(Replacement::Function(callee, mock));
        }
        let value = self.ex(&with.value)?;
        let parts = with.target.as_ref().unwrap_or_default();
        let path = parts.get(1..).unwrap_or_default().iter().map(|part| self.ex(part)).collect::<Lowered<Vec<_>>>()?;
        match parts.first().and_then(Term::as_var).map(Name::as_str) {
            Some("input") => Ok(Replacement::Input(path, value)),
            Some("data") => Ok(Replacement::Data(path, value)),
            _ => Err(Error::new(Code::Compile, span, "with keyword target must be input, data or a function")),
        }
    }

    /// The function that a term names, not the rule without parameters.
    fn function(&self, operator: &Term) -> Option<Callee> {
        self.callee(operator).filter(|callee| match callee {
            Callee::Builtin(_) => true,
            Callee::Group(_) => self.tree.function(operator).is_some(),
        })
    }

    /// The function or rule that a term names.
    fn callee(&self, operator: &Term) -> Option<Callee> {
        if let Some(parts) = operator.as_ref()
            && parts[0].as_var().is_some_and(|name| name == "data")
        {
            let node = parts[1..].iter().try_fold(0, |node: NodeId, part| {
                self.nodes[node as usize].children.get(&constant_key(part)?).copied()
            })?;
            let group = self.nodes[node as usize].group?;
            return Some(Callee::Group(group));
        }
        builtins::find(&operator.to_string()).map(Callee::Builtin)
    }

    pub(super) fn without_with(&mut self, expr: &Expr, block: &mut Block) -> Lowered<()> {
        if expr.negated {
            let mut plain = expr.clone();
            plain.negated = false;
            plain.with.clear();
            plain.span = super::observed::without_not(&plain);
            let inner = self.block(std::slice::from_ref(&plain))?;
            block.ops.push(Op::Not(inner));
            return Ok(());
        }
        match &expr.terms {
            Terms::Term(term) => self.test(term, block),
            Terms::Call(terms) if expr.is_equality() => {
                block.ops.push(Op::At(expr.span));
                let (left, right) = (&terms[1], &terms[2]);
                self.unify(left, right, expr.span, block)
            }
            Terms::Call(terms) => self.call(terms, expr.span, block),
            Terms::Some(_) => Ok(()),
            Terms::Every(every) => {
                let domain = self.ex(&every.domain)?;
                let before = self.bound.clone();
                let mut slots = [0; 2];
                for (slot, term) in slots.iter_mut().zip([every.key.as_ref(), Some(&every.value)]) {
                    *slot = match term.and_then(Term::as_var) {
                        Some(name) => self.slot(name),
                        None => self.temporary(),
                    };
                    self.bound.insert(*slot);
                }
                let body = self.block(&every.body)?;
                self.bound = before;
                let [key, value] = slots;
                block.ops.push(Op::Every(Box::new(Every { key, value, domain, body })));
                Ok(())
            }
            Terms::Not(group) => {
                let inner = self.block(&group.body)?;
                block.ops.push(Op::Not(inner));
                Ok(())
            }
            Terms::And(left, right) => {
                let op = Op::And(self.block(&left.body)?, self.block(&right.body)?);
                block.ops.push(op);
                Ok(())
            }
            Terms::Or(left, right) => {
                let op = Op::Or(self.block(&left.body)?, self.block(&right.body)?);
                block.ops.push(op);
                Ok(())
            }
        }
    }

    fn test(&mut self, term: &Term, block: &mut Block) -> Lowered<()> {
        if let TermKind::Ref(parts) = &term.kind
            && !self.closed(term)
        {
            return self.scan(parts, Out::Test, block);
        }
        let ex = self.ex(term)?;
        if !matches!(&ex, Ex::Const(value) if *value != Value::Bool(false)) {
            block.ops.push(Op::Test(ex));
        }
        Ok(())
    }

    fn call(&mut self, terms: &[Term], span: Span, block: &mut Block) -> Lowered<()> {
        let operator = &terms[0];
        let Some(callee) = self.callee(operator) else {
            return Err(Error::new(Code::Type, span, format!("undefined function {operator}")));
        };
        let takes = match callee {
            Callee::Builtin(builtin) if builtin.variadic => terms.len() - 1,
            Callee::Builtin(builtin) => builtin.arity(),
            Callee::Group(_) => self.tree.function(operator).unwrap_or(terms.len() - 1),
        };
        let (args, outputs) = terms[1..].split_at(takes.min(terms.len() - 1));
        if let Callee::Builtin(builtin) = callee
            && builtin.name == "internal.print"
        {
            let operands = self.ex(&args[0])?;
            block.ops.push(Op::Print(Box::new((operands, span))));
            return Ok(());
        }
        if let Callee::Builtin(builtin) = callee
            && builtin.name == "walk"
        {
            let value = self.ex(&args[0])?;
            let pattern = match outputs.first() {
                Some(output) => self.pattern(output)?,
                None => Pattern::Any,
            };
            block.ops.push(Op::Walk(Box::new((value, pattern))));
            return Ok(());
        }
        let ex = self.call_ex(callee, args, span)?;
        match outputs.first() {
            None => {
                if matches!(callee, Callee::Builtin(builtin) if builtin.void) {
                    return Ok(());
                }
                block.ops.push(Op::Test(ex));
            }
            Some(output) => match output.as_var() {
                Some(name) if !self.is_bound(name) => {
                    let slot = self.slot(name);
                    self.bound.insert(slot);
                    block.ops.push(Op::Set(slot, ex));
                }
                _ => {
                    let pattern = self.pattern(output)?;
                    block.ops.push(Op::Match(pattern, ex));
                }
            },
        }
        Ok(())
    }

    fn call_ex(&mut self, callee: Callee, args: &[Term], span: Span) -> Lowered<Ex> {
        let mut lowered = args.iter().map(|arg| self.ex(arg)).collect::<Lowered<Vec<_>>>()?;
        if let Callee::Builtin(builtin) = callee
            && let Some(relation) = relation(builtin.name)
            && lowered.len() == 2
        {
            let right = lowered.pop().unwrap_or(Ex::Const(Value::Null));
            let left = lowered.pop().unwrap_or(Ex::Const(Value::Null));
            return Ok(Ex::Compare(relation, Box::new((left, right))));
        }
        let fast = match callee {
            Callee::Builtin(builtin) => builtins::fast(builtin),
            Callee::Group(_) => None,
        };
        Ok(Ex::Call(Box::new(Call { callee, args: lowered, fast, span })))
    }

    /// Makes both terms equal, giving values to the variables that have none.
    fn unify(&mut self, left: &Term, right: &Term, span: Span, block: &mut Block) -> Lowered<()> {
        let mut pairs = vec![(left.clone(), right.clone())];
        while !pairs.is_empty() {
            let mut waiting = Vec::new();
            let mut progress = false;
            for (left, right) in std::mem::take(&mut pairs) {
                if self.unify_pair(&left, &right, block, &mut waiting)? {
                    progress = true;
                } else {
                    waiting.push((left, right));
                }
            }
            pairs = waiting;
            if !progress && !pairs.is_empty() {
                return Err(Error::new(Code::UnsafeVar, span, "expression is unsafe"));
            }
        }
        Ok(())
    }

    /// Whether the pair could be dealt with; what is left to do is put in `rest`.
    fn unify_pair(
        &mut self,
        left: &Term,
        right: &Term,
        block: &mut Block,
        rest: &mut Vec<(Term, Term)>,
    ) -> Lowered<bool> {
        match (self.closed(left), self.closed(right)) {
            (true, true) => {
                let (left, right) = (self.ex(left)?, self.ex(right)?);
                block.ops.push(Op::Equal(left, right));
                return Ok(true);
            }
            (true, false) => return self.unify_open(right, left, block),
            (false, true) => return self.unify_open(left, right, block),
            (false, false) => {}
        }
        match (&left.kind, &right.kind) {
            (TermKind::Array(a), TermKind::Array(b)) => {
                if a.len() == b.len() {
                    rest.extend(a.iter().cloned().zip(b.iter().cloned()));
                } else {
                    block.ops.push(Op::Fail);
                }
                Ok(true)
            }
            (TermKind::Object(a), TermKind::Object(b)) => {
                let found: Vec<_> = a
                    .iter()
                    .filter_map(|(key, value)| {
                        b.iter().find(|(other, _)| other == key).map(|(_, other)| (value.clone(), other.clone()))
                    })
                    .collect();
                if a.len() == b.len() && found.len() == a.len() {
                    rest.extend(found);
                } else {
                    block.ops.push(Op::Fail);
                }
                Ok(true)
            }
            (TermKind::Ref(parts), _) => self.unify_refs(parts, right, block),
            (_, TermKind::Ref(parts)) => self.unify_refs(parts, left, block),
            _ => Ok(false),
        }
    }

    /// `open` has variables without value, `closed` has none.
    fn unify_open(&mut self, open: &Term, closed: &Term, block: &mut Block) -> Lowered<bool> {
        match &open.kind {
            TermKind::Var(name) => {
                let ex = self.ex(closed)?;
                let slot = self.slot(name);
                self.bound.insert(slot);
                block.ops.push(Op::Set(slot, ex));
            }
            TermKind::Ref(parts) => {
                let mut ex = self.ex(closed)?;
                if !matches!(ex, Ex::Const(_) | Ex::Slot(_)) {
                    let slot = self.temporary();
                    self.bound.insert(slot);
                    block.ops.push(Op::Set(slot, ex));
                    ex = Ex::Slot(slot);
                }
                self.scan(parts, Out::Match(Pattern::Equal(ex)), block)?;
            }
            TermKind::Array(_) | TermKind::Object(_) => {
                let ex = self.ex(closed)?;
                let pattern = self.pattern(open)?;
                block.ops.push(Op::Match(pattern, ex));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// A reference with open keys, and another term with variables without value.
    fn unify_refs(&mut self, parts: &[Term], other: &Term, block: &mut Block) -> Lowered<bool> {
        if let TermKind::Ref(others) = &other.kind {
            let slot = self.temporary();
            self.scan(parts, Out::Match(Pattern::Bind(slot)), block)?;
            self.bound.insert(slot);
            self.scan(others, Out::Match(Pattern::Equal(Ex::Slot(slot))), block)?;
        } else {
            // The keys get their values before the other term is matched.
            let slot = self.temporary();
            self.scan(parts, Out::Match(Pattern::Bind(slot)), block)?;
            self.bound.insert(slot);
            let pattern = self.pattern(other)?;
            block.ops.push(Op::Match(pattern, Ex::Slot(slot)));
        }
        Ok(true)
    }

    pub(super) fn scan(&mut self, parts: &[Term], out: Out, block: &mut Block) -> Lowered<()> {
        let (root, used) = self.root(parts)?;
        let mut steps = Vec::new();
        for part in &parts[used..] {
            if self.closed(part) {
                steps.push(Step::Key(self.hop(part)?));
            } else {
                steps.push(Step::Each(self.pattern(part)?));
            }
        }
        steps.shrink_to_fit();
        block.ops.push(Op::Scan(Box::new(Scan { root, steps, out })));
        Ok(())
    }

    /// What a reference begins with, and how many of its parts that takes.
    fn root(&mut self, parts: &[Term]) -> Lowered<(Root, usize)> {
        match &parts[0].kind {
            TermKind::Var(name) if name == "input" => Ok((Root::Input, 1)),
            TermKind::Var(name) if name == "data" => Ok(self.data_root(parts)),
            TermKind::Var(name) if self.is_bound(name) => Ok((Root::Slot(self.slot(name)), 1)),
            _ => Ok((Root::Ex(self.ex(&parts[0])?), 1)),
        }
    }

    fn data_root(&self, parts: &[Term]) -> (Root, usize) {
        let mut node: NodeId = 0;
        let mut used = 1;
        loop {
            let known = &self.nodes[node as usize];
            if known.group.is_some() || used == parts.len() {
                return (Root::Data(node), used);
            }
            let Some(key) = constant_key(&parts[used]) else { return (Root::Data(node), used) };
            used += 1;
            if let Some(child) = known.children.get(&key) {
                node = *child;
            } else {
                let mut path = known.path.clone();
                path.push(key);
                while let Some(key) = parts.get(used).and_then(constant_key) {
                    path.push(key);
                    used += 1;
                }
                return (Root::Base(path), used);
            }
        }
    }

    fn hop(&mut self, part: &Term) -> Lowered<Hop> {
        Ok(match self.ex(part)? {
            Ex::Const(value) => Hop::Const(Key::from_value(&value), value),
            ex => Hop::Ex(ex),
        })
    }

    fn pattern(&mut self, term: &Term) -> Lowered<Pattern> {
        if self.closed(term) {
            return Ok(Pattern::Equal(self.ex(term)?));
        }
        match &term.kind {
            TermKind::Var(name) => {
                let slot = self.slot(name);
                self.bound.insert(slot);
                Ok(if is_wildcard(name) { Pattern::Any } else { Pattern::Bind(slot) })
            }
            TermKind::Array(terms) => {
                Ok(Pattern::Array(terms.iter().map(|term| self.pattern(term)).collect::<Lowered<_>>()?))
            }
            TermKind::Object(pairs) => {
                let mut patterns = Vec::new();
                for (key, value) in pairs {
                    let key = self.ex(key)?;
                    patterns.push((key, self.pattern(value)?));
                }
                Ok(Pattern::Object(patterns))
            }
            _ => Err(Error::new(Code::UnsafeVar, term.span, "expression is unsafe")),
        }
    }

    /// An operand of the rule, which is in this slot.
    fn argument(&mut self, slot: Slot, term: &Term) -> Lowered<Pattern> {
        match term.as_var() {
            Some(name) if !self.is_bound(name) => {
                self.slots.insert(name.clone(), slot);
                self.bound.insert(slot);
                Ok(Pattern::Any)
            }
            _ => self.pattern(term),
        }
    }

    fn exs(&mut self, terms: &[Term]) -> Lowered<Vec<Ex>> {
        terms.iter().map(|term| self.ex(term)).collect()
    }

    /// An expression; all its variables have a value.
    pub(super) fn ex(&mut self, term: &Term) -> Lowered<Ex> {
        Ok(match &term.kind {
            TermKind::Scalar(value) => Ex::Const(value.clone()),
            TermKind::Var(name) => {
                if !self.is_bound(name) {
                    return Err(Error::new(Code::UnsafeVar, term.span, format!("var {name} is unsafe")));
                }
                Ex::Slot(self.slot(name))
            }
            TermKind::Array(terms) => {
                let terms = self.exs(terms)?;
                match constants(&terms) {
                    Some(values) => Ex::Const(Value::array(values)),
                    None => Ex::Array(terms),
                }
            }
            TermKind::Set(terms) => {
                let terms = self.exs(terms)?;
                match constants(&terms) {
                    Some(values) => Ex::Const(Value::Set(values.into_iter().collect::<Set>())),
                    None => Ex::Set(terms),
                }
            }
            TermKind::Object(pairs) => self.object(pairs)?,
            TermKind::Ref(parts) => self.reference(parts)?,
            TermKind::ArrayCompr(compr) => {
                let (body, _, term) = self.compr(compr)?;
                self.grouped(compr, Ex::ArrayCompr(Box::new((body, term))), false)?
            }
            TermKind::SetCompr(compr) => {
                let (body, _, term) = self.compr(compr)?;
                self.grouped(compr, Ex::SetCompr(Box::new((body, term))), true)?
            }
            TermKind::ObjectCompr(compr) => {
                let (body, key, term) = self.compr(compr)?;
                Ex::ObjectCompr(Box::new((body, key.unwrap_or(Ex::Const(Value::Null)), term)))
            }
            TermKind::Call(terms) => {
                let Some(callee) = self.callee(&terms[0]) else {
                    return Err(Error::new(Code::Type, term.span, format!("undefined function {}", terms[0])));
                };
                self.call_ex(callee, &terms[1..], term.span)?
            }
            TermKind::Template(_) => return Err(Error::new(Code::Compile, term.span, "unexpected template string")),
        })
    }

    fn object(&mut self, pairs: &[(Term, Term)]) -> Lowered<Ex> {
        let mut lowered = Vec::new();
        for (key, value) in pairs {
            lowered.push((self.ex(key)?, self.ex(value)?));
        }
        let constant: Option<Object> = lowered
            .iter()
            .map(|pair| match pair {
                (Ex::Const(key), Ex::Const(value)) => Some((Key::from_value(key), value.clone())),
                _ => None,
            })
            .collect();
        Ok(match constant {
            Some(object) => Ex::Const(Value::Object(object)),
            None => Ex::Object(lowered),
        })
    }

    fn reference(&mut self, parts: &[Term]) -> Lowered<Ex> {
        let (root, used) = self.root(parts)?;
        let hops = parts[used..].iter().map(|part| self.hop(part)).collect::<Lowered<Vec<_>>>()?;
        if hops.is_empty()
            && let Root::Data(node) = root
            && let Some(group) = self.nodes[node as usize].group
        {
            return Ok(Ex::Group(group));
        }
        Ok(Ex::Ref(Box::new((root, hops))))
    }

    fn compr(&mut self, compr: &Compr) -> Lowered<(Block, Option<Ex>, Ex)> {
        let bound = self.bound.clone();
        let mut block = Block::default();
        self.body(&compr.body, &mut block)?;
        block.ops.shrink_to_fit();
        let key = match &compr.key {
            Some(key) => Some(self.ex(key)?),
            None => None,
        };
        let term = self.ex(&compr.term)?;
        self.bound = bound;
        let block = self.observed_body(&compr.body, block);
        Ok((block, key, term))
    }
}

fn constants(terms: &[Ex]) -> Option<Vec<Value>> {
    terms
        .iter()
        .map(|term| match term {
            Ex::Const(value) => Some(value.clone()),
            _ => None,
        })
        .collect()
}

fn relation(name: &str) -> Option<Relation> {
    Some(match name {
        "eq" | "equal" => Relation::Equal,
        "neq" => Relation::NotEqual,
        "lt" => Relation::Less,
        "lte" => Relation::LessOrEqual,
        "gt" => Relation::Greater,
        "gte" => Relation::GreaterOrEqual,
        _ => return None,
    })
}
