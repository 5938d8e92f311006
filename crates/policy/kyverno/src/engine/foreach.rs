//! `foreach` of validations.

use probity_model::Value;

use super::validate::Place;
use super::{Run, unmet};
use crate::context::Context;
use crate::gofmt;
use crate::query::{Query, QueryError};
use crate::response::{RuleResponse, RuleType, Status};
use crate::rule::{ForEach, Validate};

const TYPE: RuleType = RuleType::Validation;

/// Most elements of one list.
const MAX_ELEMENTS: usize = 100_000;

/// The elements of what an expression gives: anything but a list is one element.
///
/// # Errors
/// When it gives nothing.
pub(crate) fn elements(list: &Query, context: &Context<'_>) -> Result<Vec<Value>, QueryError> {
    Ok(match context.search(list)? {
        Value::Array(array) if array.len() > MAX_ELEMENTS => {
            return Err(QueryError::new(format!("the list has more than {MAX_ELEMENTS} elements")));
        }
        Value::Array(array) => array.iter().cloned().collect(),
        other => vec![other],
    })
}

/// What came of the elements of one list.
enum Elements {
    /// This many were judged, and are as they must be.
    Passed(usize),
    Failed(RuleResponse),
}

impl Run<'_> {
    pub(super) fn each<'c>(
        &self,
        loops: &'c [ForEach],
        validate: &'c Validate,
        place: Place<'_>,
        context: &mut Context<'c>,
    ) -> Option<RuleResponse> {
        let (mut applied, mut failed) = (0, None);
        for each in loops {
            match elements(&each.list, context) {
                Ok(elements) => match self.elements(each, &elements, validate, place, context) {
                    Elements::Passed(count) => applied += count,
                    Elements::Failed(response) => return Some(response),
                },
                // What is optional need not be there.
                Err(error) if error.message.contains("Unknown key") => {}
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            _ if applied > 0 => Some(self.own(TYPE, Status::Pass, "rule passed")),
            Some(error) => Some(self.error(TYPE, "failed to evaluate list", error)),
            None => None,
        }
    }

    fn elements<'c>(
        &self,
        each: &'c ForEach,
        elements: &[Value],
        validate: &'c Validate,
        place: Place<'_>,
        context: &mut Context<'c>,
    ) -> Elements {
        let mark = context.mark();
        let mut applied = 0;
        for (index, element) in elements.iter().enumerate().filter(|(_, element)| !element.is_null()) {
            let response = self.element(each, element, index, validate, place, context);
            context.restore(&mark);
            let Some(response) = response else { continue };
            let is_undecided =
                response.status == Status::Error && response.message.contains("failed to evaluate preconditions");
            match response.status {
                Status::Pass => applied += 1,
                Status::Skip => {}
                Status::Error if is_undecided => {}
                status if response.message.starts_with("failed to process foreach") => {
                    return Elements::Failed(RuleResponse { status, ..response });
                }
                status => {
                    let message = format!("validation failure: {}", response.message);
                    return Elements::Failed(self.own(TYPE, status, message));
                }
            }
        }
        Elements::Passed(applied)
    }

    fn element<'c>(
        &self,
        each: &'c ForEach,
        element: &Value,
        index: usize,
        validate: &'c Validate,
        place: Place<'_>,
        context: &mut Context<'c>,
    ) -> Option<RuleResponse> {
        context.set_element(element, index, place.nesting);
        let is_object = matches!(element, Value::Object(_));
        let is_scoped = each.element_scope.unwrap_or(is_object);
        if is_scoped && !is_object {
            let cause = format!(
                "cannot use elementScope=true foreach rules for elements that are not maps, expected type=map got type={}",
                gofmt::type_name(element)
            );
            return Some(self.error(TYPE, "failed to process foreach", cause));
        }
        self.load(context, &each.context);
        match unmet(each.preconditions.as_ref(), context) {
            Ok(None) => {}
            Ok(Some(message)) => return Some(self.own(TYPE, Status::Skip, message)),
            Err(error) => return Some(self.error(TYPE, "failed to evaluate preconditions", error)),
        }
        let place =
            Place { element: if is_scoped { Some(element) } else { place.element }, nesting: place.nesting + 1 };
        self.checked(each.check.as_ref()?, validate, place, context)
    }
}
