//! Reports on planted decisions, in every form.

mod forms;
mod hostile;
mod planted;
