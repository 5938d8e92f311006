//! Loops.

use probity_model::Value;

use super::{Change, ForEach};
use crate::context::Context;
use crate::engine::{Run, elements, unmet};

/// What came of a change.
pub(super) enum Changed {
    /// The object as it is now.
    Patched(Value),
    /// Nothing was changed, with the reason.
    Same(String),
    /// It failed.
    Failed(String),
}

impl Change {
    /// The object, changed.
    pub(super) fn apply<'c>(
        &'c self,
        object: &Value,
        run: Run<'c>,
        context: &mut Context<'c>,
        nesting: usize,
    ) -> Changed {
        match self {
            Self::Nothing => Changed::Failed("empty mutate rule".to_owned()),
            Self::Patch(patcher) => match patcher.apply(object, context) {
                Ok(Some(patched)) => Changed::Patched(patched),
                Ok(None) => Changed::Same("no patches applied".to_owned()),
                Err(failure) => Changed::Failed(failure.message()),
            },
            Self::ForEach(loops) => run_loops(loops, object, run, context, nesting),
        }
    }
}

fn run_loops<'c>(
    loops: &'c [ForEach],
    object: &Value,
    run: Run<'c>,
    context: &mut Context<'c>,
    nesting: usize,
) -> Changed {
    let (mut current, mut applied) = (object.clone(), 0);
    for each in loops {
        let elements = match elements(&each.list, context) {
            Ok(elements) => elements,
            Err(error) => {
                return Changed::Failed(format!("failed to evaluate list {}: {error}", each.list.text()));
            }
        };
        match each.elements(&elements, &current, run, context, nesting) {
            Changed::Failed(message) => return Changed::Failed(format!("failed to mutate elements: {message}")),
            Changed::Same(_) => {}
            Changed::Patched(patched) => {
                applied += 1;
                current = patched;
                context.set_object(Some(&current));
            }
        }
    }
    match applied {
        0 => Changed::Same("0 elements processed".to_owned()),
        _ => Changed::Patched(current),
    }
}

impl ForEach {
    fn elements<'c>(
        &'c self,
        elements: &[Value],
        object: &Value,
        run: Run<'c>,
        context: &mut Context<'c>,
        nesting: usize,
    ) -> Changed {
        let mark = context.mark();
        let mut current = object.clone();
        let mut order: Vec<usize> = (0..elements.len()).collect();
        if self.descending {
            order.reverse();
        }
        let mut failure = None;
        for index in order.into_iter().filter(|index| !elements[*index].is_null()) {
            context.restore(&mark);
            match self.element((&elements[index], index), &current, run, context, nesting) {
                Changed::Patched(patched) => current = patched,
                Changed::Same(_) => {}
                Changed::Failed(message) => {
                    failure = Some(message);
                    break;
                }
            }
        }
        context.restore(&mark);
        match failure {
            Some(message) => Changed::Failed(message),
            None if current == *object => Changed::Same("no patches applied".to_owned()),
            None => Changed::Patched(current),
        }
    }

    fn element<'c>(
        &'c self,
        (element, index): (&Value, usize),
        object: &Value,
        run: Run<'c>,
        context: &mut Context<'c>,
        nesting: usize,
    ) -> Changed {
        context.set_element(element, index, nesting);
        run.load(context, &self.context);
        match unmet(self.preconditions.as_ref(), context) {
            Ok(None) => self.change.apply(object, run, context, nesting + 1),
            Ok(Some(message)) => Changed::Same(message),
            Err(error) => Changed::Failed(format!("failed to evaluate mutate.foreach[{index}].preconditions: {error}")),
        }
    }
}
