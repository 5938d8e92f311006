//! Evidence from gates elsewhere.

use std::io::Read;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, FromRequest, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use probity_evidence_ledger::{AppendError, Body, Digest, Receipt, Submission};
use serde::{Deserialize, Serialize};

use crate::access::Identity;
use crate::app::{App, run};
use crate::problem::{Kind, Problem};

/// Submissions in one request at most.
pub(crate) const SUBMISSIONS: usize = 2_000;

/// Documents in one request, or asked for in one, at most.
pub(crate) const BLOBS: usize = 1_000;

/// Bytes of one document that is sent, when it is decompressed.
const BLOB_BYTES: u64 = 128 * 1024 * 1024;

/// What is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ingest {
    #[serde(default)]
    blobs: Vec<SentBlob>,
    submissions: Vec<Submission>,
}

/// A document: its digest, and its content compressed by Zstandard and in base64.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SentBlob {
    digest: Digest,
    data: String,
}

/// What is answered: a receipt for each submission, in order.
#[derive(Serialize)]
pub(crate) struct Receipts {
    receipts: Vec<Receipt>,
}

/// Documents that are asked after.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    digests: Vec<Digest>,
}

/// Those of them that the ledger does not have.
#[derive(Serialize)]
pub(crate) struct Missing {
    missing: Vec<Digest>,
}

/// `POST /api/v1/blobs/missing`.
pub(crate) async fn missing(State(app): State<Arc<App>>, request: Request) -> Result<Json<Missing>, Problem> {
    let asked: Asked = read(&body(request).await?)?;
    bounded("digests", asked.digests.len(), BLOBS)?;
    let missing = run(move || {
        let mut missing = asked.digests;
        missing.retain(|digest| !app.reader.has_blob(digest));
        Ok(missing)
    });
    Ok(Json(Missing { missing: missing.await? }))
}

/// `POST /api/v1/ingest`.
pub(crate) async fn ingest(
    State(app): State<Arc<App>>,
    Extension(identity): Extension<Identity>,
    request: Request,
) -> Result<Json<Receipts>, Problem> {
    // Before the body is read: what is told to come again takes no memory.
    let place = Arc::clone(&app.ingests)
        .try_acquire_owned()
        .map_err(|_| Problem::new(Kind::Overload, "Too much evidence is being taken in. Send it again."))?;
    let body = body(request).await?;
    let receipts = run(move || {
        let _place = place;
        let sent: Ingest = read(&body)?;
        drop(body);
        let count = sent.submissions.len() as u64;
        let taken = take(&app, &identity, sent);
        match &taken {
            Ok(receipts) => {
                let repeated = receipts.iter().filter(|receipt| receipt.repeated).count() as u64;
                app.metrics.appended(count - repeated, repeated);
            }
            Err(_) => app.metrics.refused(count),
        }
        taken
    });
    Ok(Json(Receipts { receipts: receipts.await? }))
}

fn take(app: &App, identity: &Identity, sent: Ingest) -> Result<Vec<Receipt>, Problem> {
    bounded("submissions", sent.submissions.len(), SUBMISSIONS)?;
    bounded("blobs", sent.blobs.len(), BLOBS)?;
    for submission in &sent.submissions {
        check(identity, submission)?;
    }
    for blob in sent.blobs {
        let bytes = content(&blob)?;
        app.ledger.put_blob(&bytes)?;
    }
    complete(app, &sent.submissions)?;
    app.ledger.append(&sent.submissions).map_err(refused)
}

/// Whether the holder of the token may send this.
fn check(identity: &Identity, submission: &Submission) -> Result<(), Problem> {
    let Some(gate) = &submission.gate else {
        return Err(Problem::new(Kind::BadRequest, "A submission needs its gate and its number there."));
    };
    if matches!(submission.body, Body::KeyRotation(_) | Body::ClockSetBack(_)) {
        let kind = submission.body.kind();
        return Err(Problem::new(Kind::BadRequest, format!("An entry of kind {kind} is made by the ledger itself.")));
    }
    if !identity.token.sends_for(&gate.name) {
        return Err(Problem::new(
            Kind::Forbidden,
            format!("The token `{}` does not send for the gate `{}`.", identity.token.name, gate.name),
        )
        .with("gate", gate.name.as_str()));
    }
    Ok(())
}

/// The content of a document, when it is what its digest says.
fn content(blob: &SentBlob) -> Result<Vec<u8>, Problem> {
    let wrong = |what: &str| {
        Problem::new(Kind::BadRequest, format!("The document {} {what}.", blob.digest))
            .with("digest", blob.digest.to_string())
    };
    let compressed = STANDARD.decode(&blob.data).map_err(|_| wrong("is not in base64"))?;
    let mut bytes = Vec::new();
    zstd::stream::read::Decoder::new(compressed.as_slice())
        .and_then(|decoder| decoder.take(BLOB_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|_| wrong("is not compressed by Zstandard"))?;
    if bytes.len() as u64 > BLOB_BYTES {
        return Err(wrong("is larger than 128 MiB"));
    }
    if Digest::of(&bytes) != blob.digest {
        return Err(wrong("has another content than its digest says"));
    }
    Ok(bytes)
}

/// Refuses entries whose documents the ledger does not have: such a decision could never be made again.
fn complete(app: &App, submissions: &[Submission]) -> Result<(), Problem> {
    let mut missing: Vec<Digest> = submissions.iter().flat_map(|submission| submission.body.documents()).collect();
    missing.sort_unstable();
    missing.dedup();
    missing.retain(|digest| !app.reader.has_blob(digest));
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = missing.iter().take(BLOBS).map(ToString::to_string).collect();
    Err(Problem::new(
        Kind::BlobsMissing,
        format!("{} documents are missing. Send them with the entries.", missing.len()),
    )
    .with("missing", names))
}

pub(super) fn refused(error: AppendError) -> Problem {
    let said = format!("{error}.");
    match error {
        AppendError::Conflict { gate, sequence, index } => Problem::new(Kind::SequenceReused, said)
            .with("gate", gate.as_str())
            .with("sequence", sequence)
            .with("index", index),
        AppendError::TooLarge { .. } => Problem::new(Kind::TooLarge, said),
        AppendError::Invalid(_) => Problem::new(Kind::BadRequest, said),
        AppendError::Failed(_) => {
            eprintln!("probity serve: nothing can be kept: {said}");
            Problem::new(
                Kind::Unavailable,
                "The ledger cannot be written now. The server's log says why. Keep it and send it again.",
            )
        }
    }
}

/// The body of a request in JSON.
pub(super) async fn body(request: Request) -> Result<Bytes, Problem> {
    let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(Kind::MediaType, "Send `Content-Type: application/json`."));
    }
    Bytes::from_request(request, &()).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Kind::TooLarge, "Send less at once."),
        _ => Problem::new(Kind::BadRequest, "The body did not arrive."),
    })
}

fn read<T: for<'b> Deserialize<'b>>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem::new(Kind::BadRequest, format!("The body: {error}.")))
}

fn bounded(name: &str, count: usize, most: usize) -> Result<(), Problem> {
    if count > most {
        return Err(Problem::new(Kind::BadRequest, format!("`{name}`: {count} at once; at most {most}.")));
    }
    Ok(())
}
