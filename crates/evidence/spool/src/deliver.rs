//! Bringing what waits to the server.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use probity_evidence_ledger::{Digest, Submission};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::client::{DeliverError, Server, Trouble};
use crate::spool::{Spool, sequence};

/// Most submissions of one request.
const MAX_SUBMISSIONS: usize = 500;

/// Bytes of one request, about. A single submission or document may be larger.
const MAX_BYTES: usize = 4 << 20;

/// The first pause before a request is repeated; each one after is twice as long, up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delivered {
    /// Submissions that the server has now and that are gone from the spool.
    pub sent: u64,
    /// How many of them it had already.
    pub repeated: u64,
    /// Submissions that are still in the spool, because the server was away for longer than it was waited for.
    pub left: u64,
    /// What the last trouble with the server was, when something is left.
    pub trouble: Option<String>,
}

#[derive(Serialize)]
struct Asked<'a> {
    digests: &'a [Digest],
}

#[derive(Deserialize)]
struct Missing {
    missing: Vec<Digest>,
}

#[derive(Serialize)]
struct Blob {
    digest: Digest,
    /// The document, compressed with zstd, in base64.
    data: String,
}

#[derive(Serialize)]
struct Ingest<'a> {
    blobs: &'a [Blob],
    submissions: &'a [Submission],
}

#[derive(Deserialize)]
struct Receipts {
    receipts: Vec<Receipt>,
}

#[derive(Deserialize)]
struct Receipt {
    #[serde(rename = "index")]
    _index: u64,
    #[serde(rename = "leaf")]
    _leaf: Digest,
    repeated: bool,
}

/// Sends what waits in the spool, in order, and lets go of what the server says is durable. While the server is away it is tried
/// again until `patience` is over; then the rest stays in the spool, and the answer says so.
///
/// # Errors
/// What will not be better by itself: see [`DeliverError`]. What was sent before it is sent; the rest stays in the spool.
pub fn deliver(spool: &Spool, server: &Server, patience: Duration) -> Result<Delivered, DeliverError> {
    let mut delivery = Delivery {
        spool,
        server,
        deadline: Instant::now() + patience,
        most: MAX_SUBMISSIONS,
        done: Delivered::default(),
    };
    let trouble = loop {
        match delivery.batch() {
            Ok(true) => {}
            Ok(false) => break None,
            Err(Trouble::Later(what)) => break Some(what),
            Err(Trouble::TooLarge(error) | Trouble::Final(error)) => return Err(error),
        }
    };
    Ok(Delivered { left: spool.waiting(), trouble, ..delivery.done })
}

struct Delivery<'a> {
    spool: &'a Spool,
    server: &'a Server,
    deadline: Instant,
    /// Most submissions of one request; less when the server finds them too large.
    most: usize,
    done: Delivered,
}

impl Delivery<'_> {
    /// Sends the next submissions; false when there are none.
    fn batch(&mut self) -> Result<bool, Trouble> {
        let submissions = self.next()?;
        let Some(last) = submissions.last().map(sequence) else { return Ok(false) };
        let blobs = self.blobs(&submissions)?;
        match self.send(blobs, &submissions) {
            Ok(repeated) => {
                self.spool.acknowledge(last).map_err(final_error)?;
                self.done.sent += submissions.len() as u64;
                self.done.repeated += repeated;
                Ok(true)
            }
            Err(Trouble::TooLarge(_)) if submissions.len() > 1 => {
                self.most = submissions.len() / 2;
                Ok(true)
            }
            Err(trouble) => Err(trouble),
        }
    }

    fn next(&self) -> Result<Vec<Submission>, Trouble> {
        let mut submissions = Vec::new();
        let mut size = 0;
        for submission in self.spool.pending().take(self.most) {
            let submission = submission.map_err(final_error)?;
            size += serde_json::to_vec(&submission).map_or(0, |bytes| bytes.len());
            if size > MAX_BYTES && !submissions.is_empty() {
                break;
            }
            submissions.push(submission);
        }
        Ok(submissions)
    }

    /// The documents that the submissions refer to and the server does not have.
    fn blobs(&self, submissions: &[Submission]) -> Result<Vec<Blob>, Trouble> {
        let digests: BTreeSet<Digest> = submissions.iter().flat_map(|submission| submission.body.documents()).collect();
        let digests: Vec<Digest> = digests.into_iter().collect();
        if digests.is_empty() {
            return Ok(Vec::new());
        }
        let answer: Missing = self.post("/api/v1/blobs/missing", &Asked { digests: &digests })?;
        let mut blobs = Vec::new();
        for digest in answer.missing {
            if !digests.contains(&digest) {
                return Err(Trouble::Final(self.server.answer("it misses a document that it was not asked for")));
            }
            let bytes = self.spool.blob(&digest).map_err(final_error)?.ok_or_else(|| {
                let server = self.server.url().to_owned();
                Trouble::Final(DeliverError::BlobLost { server, digest: digest.to_string() })
            })?;
            blobs.push(Blob { digest, data: BASE64_STANDARD.encode(bytes) });
        }
        Ok(blobs)
    }

    /// Sends documents, as many requests as they need, and the submissions with the last of them. Gives how many the server had.
    fn send(&self, blobs: Vec<Blob>, submissions: &[Submission]) -> Result<u64, Trouble> {
        let mut together: Vec<Blob> = Vec::new();
        let mut size = 0;
        for blob in blobs {
            if size + blob.data.len() > MAX_BYTES && !together.is_empty() {
                self.ingest(&together, &[])?;
                together.clear();
                size = 0;
            }
            size += blob.data.len();
            together.push(blob);
        }
        if size > MAX_BYTES / 2 {
            self.ingest(&together, &[])?;
            together.clear();
        }
        self.ingest(&together, submissions)
    }

    fn ingest(&self, blobs: &[Blob], submissions: &[Submission]) -> Result<u64, Trouble> {
        let answer: Receipts = self.post("/api/v1/ingest", &Ingest { blobs, submissions })?;
        if answer.receipts.len() != submissions.len() {
            let what = format!("{} receipts for {} submissions", answer.receipts.len(), submissions.len());
            return Err(Trouble::Final(self.server.answer(&what)));
        }
        Ok(answer.receipts.iter().filter(|receipt| receipt.repeated).count() as u64)
    }

    /// A request, repeated while the server is away and there is time.
    fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Trouble> {
        let mut pause = FIRST_PAUSE;
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            match self.server.post(path, body, self.spool.gate_name(), left) {
                Err(Trouble::Later(what)) => {
                    let left = self.deadline.saturating_duration_since(Instant::now());
                    if left <= pause {
                        return Err(Trouble::Later(what));
                    }
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                other => return other,
            }
        }
    }
}

fn final_error(error: crate::SpoolError) -> Trouble {
    Trouble::Final(error.into())
}
