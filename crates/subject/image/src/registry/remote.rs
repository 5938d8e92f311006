//! What is kept beside images in a repository of a registry.

use std::time::Duration;

use super::RegistryError;
use super::client::Session;
use super::endpoints::Answered;
use crate::digest::{Digest, Verified};
use crate::error::ImageError;
use crate::manifest::OCI_INDEX;
use crate::reference::Reference;
use crate::referrers::{self, Referrer};
use crate::repository::{Name, Stored};

/// Most pages of referrers, and most of them in all.
const MAX_PAGES: usize = 100;
const MAX_REFERRERS: usize = 10_000;
/// Most times that an index of referrers is written anew because someone else has written it.
const MAX_WRITES: u32 = 6;

/// A repository of a registry, and of its mirrors before it.
pub(crate) struct Remote {
    pub(crate) reference: Reference,
    sessions: Vec<Session>,
}

impl Remote {
    pub(super) fn new(reference: Reference, sessions: Vec<Session>) -> Self {
        Self { reference, sessions }
    }

    /// What the first of all has. That one does not answer counts only when no other has it: then it is not known.
    fn first<T>(&self, ask: impl Fn(&Session) -> Result<Option<T>, ImageError>) -> Result<Option<T>, ImageError> {
        let mut trouble = None;
        for session in &self.sessions {
            match ask(session) {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => {}
                Err(error) => trouble = trouble.or(Some(error)),
            }
        }
        trouble.map_or(Ok(None), Err)
    }

    /// The registry itself.
    fn own(&self) -> Result<&Session, ImageError> {
        let nobody =
            || RegistryError::Answer { server: self.reference.registry().to_owned(), what: "nobody".to_owned() };
        self.sessions.last().ok_or_else(|| nobody().into())
    }

    pub(crate) fn manifest(&self, name: &Name<'_>, most: u64) -> Result<Option<Stored>, ImageError> {
        self.first(|session| session.manifest(&name.text(), most)?.map(|found| self.verified(name, found)).transpose())
    }

    /// A manifest that is what was asked for, and what the server promised.
    fn verified(&self, name: &Name<'_>, answered: Answered) -> Result<Stored, ImageError> {
        let Answered { bytes, media_type, promised, .. } = answered;
        let expected = match name {
            Name::Digest(digest) => (*digest).clone(),
            Name::Tag(_) => promised.unwrap_or_else(|| Digest::sha256(&bytes)),
        };
        let what = format!("the manifest {} of {}", name.text(), self.reference.name());
        let checked = Verified::new(bytes.as_slice(), expected.clone(), None).finish();
        checked.map_err(|error| ImageError::io(what, error))?;
        Ok(Stored { digest: expected, media_type, bytes })
    }

    pub(crate) fn blob(&self, digest: &Digest, most: u64) -> Result<Option<Vec<u8>>, ImageError> {
        self.first(|session| session.small_blob(digest, most))
    }

    /// All manifests that refer to another: by the API, or by the tag that stands in for it where there is none.
    pub(crate) fn referrers(&self, subject: &Digest, most: u64) -> Result<Vec<Referrer>, ImageError> {
        let found = self.first(|session| {
            let found = of_session(session, subject, most)?;
            Ok(Some(found).filter(|found| !found.is_empty()))
        })?;
        Ok(found.unwrap_or_default())
    }

    pub(crate) fn push_blob(&self, digest: &Digest, bytes: &[u8]) -> Result<(), ImageError> {
        self.own()?.push_blob(digest, bytes)
    }

    pub(crate) fn put_manifest(&self, name: &Name<'_>, stored: &Stored, most: u64) -> Result<(), ImageError> {
        let session = self.own()?;
        let noted = session.put_manifest(&name.text(), &stored.media_type, &stored.bytes, None)?;
        if noted == Some(true) {
            return Ok(());
        }
        match referrers::descriptor(&stored.bytes, &stored.media_type, &stored.digest) {
            Some((subject, entry)) => add_referrer(session, &subject, &entry, most),
            None => Ok(()),
        }
    }
}

fn of_session(session: &Session, subject: &Digest, most: u64) -> Result<Vec<Referrer>, ImageError> {
    let what = format!("the referrers of {subject}");
    let mut found = Vec::new();
    let mut next = None;
    for _ in 0..MAX_PAGES {
        let Some(page) = session.referrers(subject, next.take(), most)? else {
            let index = session.manifest(&referrers::tag(subject), most)?;
            return index.map_or_else(|| Ok(Vec::new()), |index| referrers::parse(&what, &index.bytes));
        };
        found.extend(referrers::parse(&what, &page.index)?);
        next = page.next;
        if next.is_none() && found.len() <= MAX_REFERRERS {
            return Ok(found);
        }
    }
    Err(ImageError::TooMuch { what, of: "entries", most: MAX_REFERRERS as u64, limit: "referrers" })
}

/// Adds an entry to the index that stands in for the referrers API. Someone else may write it at the same time: the registry
/// is told the state that was read, and since not all look at that, it is read again afterwards.
fn add_referrer(session: &Session, subject: &Digest, entry: &serde_json::Value, most: u64) -> Result<(), ImageError> {
    let tag = referrers::tag(subject);
    let what = format!("the index {tag}");
    for tries in 0..MAX_WRITES {
        let there = session.manifest(&tag, most)?;
        let etag = there.as_ref().and_then(|there| there.etag.clone());
        let Some(index) = referrers::with(&what, there.as_ref().map(|there| there.bytes.as_slice()), entry)? else {
            return Ok(());
        };
        let written = session.put_manifest(&tag, OCI_INDEX, &index, etag.as_deref())?;
        let there = session.manifest(&tag, most)?;
        let kept = there.map_or(Ok(None), |there| referrers::with(&what, Some(&there.bytes), entry).map(Some))?;
        if written.is_some() && kept == Some(None) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50 << tries));
    }
    Err(session.wrong(&format!("{what} is written by others all the time; try again")).into())
}
