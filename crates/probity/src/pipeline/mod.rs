//! A build in a pipeline: its checks, how the platform is told, and what is kept of it.

mod annotate;
mod checks;
mod summary;

pub(crate) use annotate::{Annotate, Annotations};
pub(crate) use checks::{Checked, IMAGE_CHECKS, of_images, of_infrastructure};
pub(crate) use summary::text;
