//! Errors of reading policies, with the way to the place within the document.

use probity_model::Problem;

/// A step on the way to a place.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Path<'p> {
    Field(&'p str),
    Index(usize),
}

impl<'p> From<&'p str> for Path<'p> {
    fn from(field: &'p str) -> Self {
        Self::Field(field)
    }
}

/// Something wrong with a policy, and where.
#[derive(Debug, Clone)]
pub(crate) struct ReadError {
    /// Such as `validate.deny.conditions[0]`.
    path: String,
    problem: Problem,
}

impl From<Problem> for ReadError {
    fn from(problem: Problem) -> Self {
        Self { path: String::new(), problem }
    }
}

impl ReadError {
    /// The problem, with what it is in: a policy or a rule of it.
    pub(crate) fn into_problem(mut self, owner: &str) -> Problem {
        let message = &self.problem.message;
        self.problem.message = match self.path.as_str() {
            "" => format!("{owner}: {message}"),
            path => format!("{owner}: {path}: {message}"),
        };
        self.problem
    }
}

/// Adds to the way.
pub(crate) trait Within {
    type Output;

    /// The same result; an error is then said to be within this field.
    fn within<'p>(self, step: impl Into<Path<'p>>) -> Self::Output;
}

impl<T, E: Into<ReadError>> Within for Result<T, E> {
    type Output = Result<T, ReadError>;

    fn within<'p>(self, step: impl Into<Path<'p>>) -> Self::Output {
        self.map_err(|error| {
            let mut error = error.into();
            let step = match step.into() {
                Path::Field(field) => field.to_owned(),
                Path::Index(index) => format!("[{index}]"),
            };
            let rest = std::mem::take(&mut error.path);
            error.path = if rest.is_empty() || rest.starts_with('[') {
                format!("{step}{rest}")
            } else {
                format!("{step}.{rest}")
            };
            error
        })
    }
}
