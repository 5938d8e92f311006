//! `with`: documents and functions are replaced for a while.

use std::rc::Rc;

use hashbrown::HashMap;
use probity_model::value::{Key, Object, Value};

use super::{Flow, Memos, Replaced, Res, Scope, Then, Vm};
use crate::error::Code;
use crate::plan::{Callee, Mock, NodeId, Replacement, With};

impl<'p> Vm<'p> {
    pub(super) fn with(&mut self, with: &'p With, then: Then<'_, 'p>) -> Res<Flow> {
        let Some(scope) = self.replaced(with)? else { return Ok(Flow::Continue) };
        let outer = std::mem::replace(&mut self.scope, scope);
        let mut outer = Some(outer);
        let flow = self.run(&with.body, 0, &mut |vm| {
            // What follows sees the documents as they were.
            let Some(before) = outer.take() else { return then(vm) };
            let inner = std::mem::replace(&mut vm.scope, before);
            let flow = then(vm);
            outer = Some(std::mem::replace(&mut vm.scope, inner));
            flow
        });
        if let Some(outer) = outer {
            self.scope = outer;
        }
        flow
    }

    /// The scope with replacements; `None` when a value is undefined.
    fn replaced(&mut self, with: &'p With) -> Res<Option<Scope>> {
        let mut input = self.scope.input.clone();
        let mut data = self.scope.data.clone();
        let mut masked: Vec<NodeId> = self.scope.masked.as_ref().map_or_else(Vec::new, |masked| masked.to_vec());
        let mut mocks: Vec<(Callee, Replaced)> =
            self.scope.mocks.as_ref().map_or_else(Vec::new, |mocks| mocks.to_vec());
        for replacement in &with.replacements {
            match replacement {
                Replacement::Input(path, value) => {
                    let Some(value) = self.eval(value)? else { return Ok(None) };
                    let Some(path) = self.eval_all(path)? else { return Ok(None) };
                    input = Some(insert(input.as_ref(), &self.keys(&path)?, value));
                }
                Replacement::Data(path, value) => {
                    let Some(value) = self.eval(value)? else { return Ok(None) };
                    let Some(path) = self.eval_all(path)? else { return Ok(None) };
                    let path = self.keys(&path)?;
                    let node = path.iter().try_fold(0, |node, key| self.plan.child(node, key));
                    masked.extend(node);
                    data = Some(insert(data.as_ref(), &path, value));
                }
                Replacement::Function(callee, mock) => {
                    let replaced = match mock {
                        Mock::Function(callee) => Replaced::Function(*callee),
                        Mock::Value(ex) => Replaced::Value(self.eval(ex)?),
                    };
                    mocks.retain(|(known, _)| known != callee);
                    mocks.push((*callee, replaced));
                }
            }
        }
        Ok(Some(Scope {
            input,
            data,
            masked: (!masked.is_empty()).then(|| Rc::new(masked)),
            mocks: (!mocks.is_empty()).then(|| Rc::new(mocks)),
            groups: Memos::new(self.plan.groups.len()),
            functions: HashMap::default(),
            grouped: HashMap::default(),
        }))
    }

    /// The keys on the way to what is replaced.
    fn keys(&self, path: &[Value]) -> Res<Vec<Key>> {
        if path.iter().any(|key| key.as_str().is_none()) {
            return Err(self.error(Code::EvalConflict, "bad document path"));
        }
        Ok(path.iter().map(Key::from_value).collect())
    }

    /// Whether the documents at a node have been replaced.
    pub(super) fn is_masked(&self, node: NodeId) -> bool {
        let Some(masked) = &self.scope.masked else { return false };
        let path = &self.plan.nodes[node as usize].path;
        masked.iter().any(|masked| path.starts_with(&self.plan.nodes[*masked as usize].path))
    }

    pub(super) fn mock_of(&self, callee: Callee) -> Option<Replaced> {
        let mocks = self.scope.mocks.as_ref()?;
        mocks.iter().find(|(known, _)| *known == callee).map(|(_, replaced)| replaced.clone())
    }

    /// Calls what a function is replaced by. Within it nothing is replaced, so that it may call what it replaces.
    pub(super) fn call_replaced(&mut self, replaced: Replaced, args: &[Value]) -> Res<Option<Value>> {
        match replaced {
            Replaced::Value(value) => Ok(value),
            Replaced::Function(callee) => {
                let scope = Scope {
                    input: self.scope.input.clone(),
                    data: self.scope.data.clone(),
                    masked: self.scope.masked.clone(),
                    mocks: None,
                    groups: Memos::new(self.plan.groups.len()),
                    functions: HashMap::default(),
                    grouped: HashMap::default(),
                };
                let outer = std::mem::replace(&mut self.scope, scope);
                let span = self.at.unwrap_or(probity_model::Span::new(probity_model::SourceId(0), 0..0));
                let result = self.call_plain(callee, args, span);
                self.scope = outer;
                result
            }
        }
    }
}

/// A document with a value put at a path; what is no object on the way is replaced.
fn insert(document: Option<&Value>, path: &[Key], value: Value) -> Value {
    let Some((key, rest)) = path.split_first() else { return value };
    let object = document.and_then(Value::as_object);
    let inner = insert(object.and_then(|object| object.get_key(key)), rest, value);
    let mut entries: Vec<(Key, Value)> = object
        .map(|object| object.iter().filter(|(known, _)| *known != key).map(|(k, v)| (k.clone(), v.clone())).collect())
        .unwrap_or_default();
    entries.push((key.clone(), inner));
    Value::Object(entries.into_iter().collect::<Object>())
}
