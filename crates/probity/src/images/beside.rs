//! What is kept beside an image: signatures, attestations, a bill of materials.

use anyhow::Result;
use probity_inspection::store::Beside as Store;
use probity_inspection::{Attached, Inspection, Signatures, Signers};
use probity_subject_image::{Location, Registry, Repository};

use crate::config::Config;
use crate::signing::TrustArgs;

/// The name of the signers that the command line names.
const COMMAND_LINE: &str = "command line";

/// Whose word counts of what is beside an image.
pub(crate) struct Beside {
    /// `None` when nobody is named: then nothing says who should have signed.
    signers: Option<Signers>,
}

impl Beside {
    /// Those that the configuration and the command line name.
    pub(crate) fn new(trust: &TrustArgs, config: &Config) -> Result<Self> {
        let mut approved = config.images.signers.trusts()?;
        approved.extend(trust.read()?.into_iter().map(|trust| (COMMAND_LINE.to_owned(), trust)));
        let repository = config.images.repository.clone();
        Ok(Self { signers: (!approved.is_empty()).then_some(Signers { approved, repository }) })
    }

    /// Looks for it. An archive has nothing beside it, so that it stays unknown; so does what could not be found out.
    pub(crate) fn look(&self, inspection: &mut Inspection, location: &Location, registry: &Registry) {
        let Ok(repository) = Repository::open(location, registry) else { return };
        let image = &inspection.image;
        let signatures = self.signers.as_ref().map(|signers| Signatures::look_up(image, &repository, signers));
        let verified = signatures.iter().flat_map(|found| &found.verified).map(|one| &one.verified);
        // Only what an approved signer made is among what is verified.
        let mut bills = Attached::attested(verified, |_| true, image);
        let is_unknown = signatures.as_ref().is_some_and(|found| found.unknown.is_some());
        match Attached::fetched(&Store(&repository), image) {
            Ok(found) => bills.extend(found),
            Err(error) => eprintln!("note: it is not known which bills of materials come with {location}: {error}"),
        }
        let best = Attached::best(bills);
        inspection.sbom = if best.is_none() && is_unknown { None } else { Some(best) };
        inspection.signatures = signatures;
    }
}
