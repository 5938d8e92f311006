//! The endpoints of the OCI distribution specification, 1.1: manifests, blobs and referrers, read and written.

use std::io::Read;

use ureq::Body;
use ureq::http::header::{ETAG, HeaderMap, LINK, LOCATION};
use ureq::http::{Method, Response};
use url::Url;

use super::client::{Ask, Session};
use crate::digest::Digest;
use crate::error::{Exceeded, ImageError};
use crate::manifest::{DOCKER_INDEX, DOCKER_MANIFEST, Descriptor, OCI_INDEX, OCI_MANIFEST};
use crate::source::Blob;

const OCTETS: &str = "application/octet-stream";

/// A manifest as a server gives it: nothing of it is verified.
pub(super) struct Answered {
    pub(super) bytes: Vec<u8>,
    pub(super) media_type: String,
    /// The digest that the server says it has.
    pub(super) promised: Option<Digest>,
    /// The state that it is in, for a later write.
    pub(super) etag: Option<String>,
}

/// A page of the answer to which manifests refer to another.
pub(super) struct Page {
    pub(super) index: Vec<u8>,
    pub(super) next: Option<Url>,
}

impl Session {
    /// A manifest or an index.
    pub(super) fn manifest(&self, wanted: &str, most: u64) -> Result<Option<Answered>, ImageError> {
        let ask = Ask { manifest: true, ..Ask::default() };
        let answer = self.ask(&ask, &format!("manifests/{wanted}"), &[200, 404])?;
        if answer.status() == 404 {
            return Ok(None);
        }
        let media_type = text(answer.headers(), "content-type").unwrap_or_default();
        let promised = text(answer.headers(), "docker-content-digest").and_then(|digest| digest.parse().ok());
        let etag = text(answer.headers(), ETAG.as_str());
        let what = format!("the manifest {}:{wanted}", self.server.repository);
        Ok(Some(Answered { bytes: bounded(&what, answer, most)?, media_type, promised, etag }))
    }

    /// A blob, or a manifest of an index, as a stream.
    pub(super) fn blob(&self, descriptor: &Descriptor) -> Result<Blob<'static>, ImageError> {
        let manifest =
            matches!(descriptor.media_type.as_str(), OCI_MANIFEST | OCI_INDEX | DOCKER_MANIFEST | DOCKER_INDEX);
        let kind = if manifest { "manifests" } else { "blobs" };
        let ask = Ask { manifest, ..Ask::default() };
        let answer = self.ask(&ask, &format!("{kind}/{}", descriptor.digest), &[200])?;
        Ok(Box::new(answer.into_body().into_reader()))
    }

    /// A small blob.
    pub(super) fn small_blob(&self, digest: &Digest, most: u64) -> Result<Option<Vec<u8>>, ImageError> {
        let answer = self.ask(&Ask::default(), &format!("blobs/{digest}"), &[200, 404])?;
        if answer.status() == 404 {
            return Ok(None);
        }
        bounded(&format!("the blob {digest}"), answer, most).map(Some)
    }

    /// The manifests that refer to another: the first page, or the one at an address that the server gave. `None` when the
    /// server does not know that question.
    pub(super) fn referrers(&self, digest: &Digest, next: Option<Url>, most: u64) -> Result<Option<Page>, ImageError> {
        // What registries answer that are older than the question.
        const UNKNOWN: [u16; 5] = [200, 400, 404, 405, 406];
        let ask = Ask { manifest: true, ..Ask::default() };
        let answer = match next.clone() {
            Some(url) => self.ask_at(&ask, &url, &[200])?,
            None => self.ask(&ask, &format!("referrers/{digest}"), &UNKNOWN)?,
        };
        let media_type = text(answer.headers(), "content-type").unwrap_or_default();
        if answer.status() != 200 || !media_type.starts_with(OCI_INDEX) {
            return Ok(None);
        }
        let from = match next {
            Some(url) => url,
            None => self.url(&self.base()?, &format!("referrers/{digest}"))?,
        };
        let next = text(answer.headers(), LINK.as_str()).and_then(|link| from.join(next_of(&link)?).ok());
        let index = bounded(&format!("the referrers of {digest}"), answer, most)?;
        Ok(Some(Page { index, next }))
    }

    /// Writes a blob, unless it is there.
    pub(super) fn push_blob(&self, digest: &Digest, bytes: &[u8]) -> Result<(), ImageError> {
        let ask = |method| Ask { method, ..Ask::default() };
        let there = self.ask(&ask(Method::HEAD), &format!("blobs/{digest}"), &[200, 404])?;
        if there.status() == 200 {
            return Ok(());
        }
        let post = Ask { content: Some((OCTETS, b"")), ..ask(Method::POST) };
        let opened = self.ask(&post, "blobs/uploads/", &[202])?;
        let location = text(opened.headers(), LOCATION.as_str());
        let from = self.url(&self.base()?, "blobs/uploads/")?;
        let location = location.and_then(|to| from.join(&to).ok());
        let mut location = location.ok_or_else(|| self.wrong("it takes a blob and does not say where"))?;
        location.query_pairs_mut().append_pair("digest", digest.as_str());
        let put = Ask { content: Some((OCTETS, bytes)), ..ask(Method::PUT) };
        self.ask_at(&put, &location, &[201, 202, 204])?;
        Ok(())
    }

    /// Writes a manifest under a tag or its digest. Gives whether the server took note of what it refers to; `None` when it
    /// was not written because what is there is in another state than `if_match`.
    pub(super) fn put_manifest(
        &self,
        name: &str,
        media_type: &str,
        bytes: &[u8],
        if_match: Option<&str>,
    ) -> Result<Option<bool>, ImageError> {
        let ask = Ask { method: Method::PUT, content: Some((media_type, bytes)), if_match, ..Ask::default() };
        let answer = self.ask(&ask, &format!("manifests/{name}"), &[200, 201, 202, 412])?;
        Ok((answer.status() != 412).then(|| answer.headers().contains_key("oci-subject")))
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// The whole of an answer, unless it is larger.
fn bounded(what: &str, answer: Response<Body>, most: u64) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    let read = answer.into_body().into_reader().take(most + 1).read_to_end(&mut bytes);
    read.map_err(|error| ImageError::io(what, error))?;
    if bytes.len() as u64 > most {
        let exceeded = Exceeded { of: "bytes", most, limit: "document" };
        return Err(ImageError::io(what, std::io::Error::other(exceeded)));
    }
    Ok(bytes)
}

/// The address of the next page in a `Link` (RFC 8288): `</v2/app/referrers/…?n=1>; rel="next"`.
fn next_of(link: &str) -> Option<&str> {
    let is_next = |parameter: &str| {
        let (name, value) = parameter.split_once('=').unwrap_or_default();
        let value = value.trim().trim_end_matches(',').trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("rel") && value.eq_ignore_ascii_case("next")
    };
    link.split('<').skip(1).find_map(|one| {
        let (address, parameters) = one.split_once('>')?;
        parameters.split(';').any(is_next).then_some(address)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_next_page_is_found() {
        for (link, expected) in [
            (r#"</v2/a/referrers/x?n=2>; rel="next""#, Some("/v2/a/referrers/x?n=2")),
            ("<https://r.example/x>;rel=next", Some("https://r.example/x")),
            (r#"</x?a=1,2>; rel="next", </y>"#, Some("/x?a=1,2")),
            (r#"</first>; rel="prev", </second>; title=x; REL="Next""#, Some("/second")),
            (r#"</x>; rel="last""#, None),
            ("</x>", None),
            ("/x; rel=next", None),
            ("", None),
        ] {
            assert_eq!(next_of(link), expected, "{link}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(link in "[</>;=\",a-z rel]{0,40}") {
            next_of(&link);
        }
    }
}
