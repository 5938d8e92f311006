//! Comprehensions that pick by a variable: what they give for each of its values.

use hashbrown::HashMap;
use probity_model::value::{Array, Set, Value};

use super::{Flow, Res, Vm};
use crate::plan::Grouped;

type Results<T> = HashMap<Value, T, foldhash::fast::RandomState>;

/// What is known of such a comprehension.
pub(super) enum Groups {
    /// It was evaluated once, as it is written: most are not again.
    Once,
    Found(Results<Value>),
}

impl<'p> Vm<'p> {
    pub(super) fn grouped(&mut self, grouped: &'p Grouped) -> Res<Option<Value>> {
        // What is replaced, or not known, can make a difference for one value and not for another.
        if self.scope.mocks.is_some() || self.unknown.is_some() {
            return self.eval(&grouped.plain);
        }
        let id = std::ptr::from_ref(grouped) as usize;
        match self.scope.grouped.get(&id) {
            None => {
                self.scope.grouped.insert(id, Groups::Once);
                self.eval(&grouped.plain)
            }
            Some(Groups::Once) => {
                let results = self.all_groups(grouped)?;
                let found = self.of_group(grouped, &results);
                self.scope.grouped.insert(id, Groups::Found(results));
                Ok(Some(found))
            }
            Some(Groups::Found(results)) => Ok(Some(self.of_group(grouped, results))),
        }
    }

    fn of_group(&self, grouped: &Grouped, results: &Results<Value>) -> Value {
        results.get(self.slot(grouped.key)).cloned().unwrap_or_else(|| collection(grouped, Vec::new()))
    }

    fn all_groups(&mut self, grouped: &'p Grouped) -> Res<Results<Value>> {
        let mut groups: Results<Vec<Value>> = HashMap::default();
        self.enter()?;
        self.run(&grouped.body, 0, &mut |vm| {
            let Some(by) = vm.eval(&grouped.by)? else { return Ok(Flow::Continue) };
            let Some(value) = vm.eval(&grouped.term)? else { return Ok(Flow::Continue) };
            vm.keep(&value)?;
            groups.entry(by).or_default().push(value);
            Ok(Flow::Continue)
        })?;
        self.leave();
        Ok(groups.into_iter().map(|(by, found)| (by, collection(grouped, found))).collect())
    }
}

fn collection(grouped: &Grouped, found: Vec<Value>) -> Value {
    if grouped.set {
        return Value::Set(found.into_iter().collect::<Set>());
    }
    Value::Array(found.into_iter().collect::<Array>())
}
