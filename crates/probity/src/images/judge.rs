//! Images are judged by the policies that are about them.

use std::path::PathBuf;

use jiff::civil::Date;
use probity_inspection::Inspection;
use probity_model::{Decision, Problem, ResourceGraph, SmolStr, Sources, Waiver};
use probity_policy_core::PolicySet;

use super::ImageSource;
use super::inspect::Inspector;
use crate::config::Config;
use crate::scanning::decide;

/// Images with what was decided of them.
#[derive(Default)]
pub(crate) struct Judged {
    pub(crate) inspections: Vec<Inspection>,
    /// Where they are, in the same order.
    pub(crate) locations: Vec<ImageSource>,
    /// The images as subjects, in the same order.
    pub(crate) graph: ResourceGraph,
    /// A decision for each, in the same order.
    pub(crate) decisions: Vec<Decision>,
    /// Images that could not be read.
    pub(crate) problems: Vec<(PathBuf, Problem)>,
    /// Waivers that are for an image and cover no vulnerability of it, with what they call the image.
    unused: Vec<(Waiver, String)>,
}

impl Judged {
    /// Reads images, looks into them and judges them. One that cannot be read keeps no other from being judged.
    pub(crate) fn new(
        locations: &[ImageSource],
        inspector: &Inspector<'_>,
        set: &PolicySet,
        config: &Config,
        environment: Option<&SmolStr>,
        today: Date,
    ) -> Self {
        let (mut inspections, mut problems, mut subjects) = (Vec::new(), Vec::new(), Vec::new());
        let (mut unused, mut found) = (Vec::new(), Vec::new());
        for location in locations {
            match inspector.inspect(location) {
                Ok(mut inspection) => {
                    let covers_nothing = inspection.waive(set.waivers(), today);
                    unused.extend(covers_nothing.into_iter().map(|waiver| (waiver.clone(), inspection.repository())));
                    let mut subject = inspection.subject(today);
                    if let Some(reference) = &inspection.image.reference {
                        subject.labels = config.labels_of(&reference.name());
                    }
                    subject.labels.environment = environment.cloned().or(subject.labels.environment);
                    subjects.push(subject);
                    inspections.push(inspection);
                    found.push(location.clone());
                }
                Err(error) => {
                    let problem = Problem::new(crate::words(&error), None);
                    problems.push((PathBuf::from(location.to_string()), problem));
                }
            }
        }
        let graph = ResourceGraph::new(subjects, []);
        let decisions = decide(set, &graph, &Sources::default());
        Self { inspections, locations: found, graph, decisions, problems, unused }
    }

    /// What there is to say of waivers that cover nothing.
    pub(crate) fn notes(&self, sources: &Sources) -> impl Iterator<Item = String> {
        self.unused.iter().map(|(waiver, image)| {
            let place = waiver.span.and_then(|span| sources.locate(span));
            let place = place.map(|place| format!("{place}: ")).unwrap_or_default();
            format!("{place}the waiver of {} for {} covers nothing found in {image}", waiver.of, waiver.subject)
        })
    }
}
