//! `/admissions/live`: rows of requests as they come, as server-sent events (HTML, section 9.2).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use hyper::body::{Bytes, Frame};
use probity_evidence_index::AdmissionFilter;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, sleep};

use super::admissions::live_row;
use super::view::View;
use crate::app::App;
use crate::problem::{Kind, Problem};

/// How often is looked for what is new.
const PAUSE: Duration = Duration::from_millis(250);

/// A stream ends after so long, and the browser asks again: by then its session may have ended.
const LIFETIME: Duration = Duration::from_mins(1);

/// Rows that are sent at once.
const ROWS: usize = 100;

/// `GET /admissions/live`.
pub(crate) async fn stream(view: View) -> Result<Response, Problem> {
    let filter = view.params.admissions()?;
    // The browser says what it had last when it asks again.
    let after = match view.last_event {
        Some(index) => Some(index),
        None => view.params.parse("after")?,
    };
    let place = Arc::clone(&view.app.live).try_acquire_owned();
    let place = place.map_err(|_| Problem::new(Kind::Unavailable, "As many look at this live as may."))?;
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(follow(view, filter, after, sender, place));
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    Ok((headers, Body::new(Events(receiver))).into_response())
}

/// Sends what comes until the browser leaves, the time is over, or the server stops.
async fn follow(
    view: View,
    filter: AdmissionFilter,
    mut after: Option<u64>,
    sender: mpsc::Sender<Bytes>,
    _place: OwnedSemaphorePermit,
) {
    let mut stopping = view.app.stopping.subscribe();
    let end = Instant::now() + LIFETIME;
    // What was sent before there is anything new tells the browser that it is connected.
    if sender.send(Bytes::from_static(b"retry: 2000\n\n")).await.is_err() {
        return;
    }
    let mut seen = 0;
    while Instant::now() < end {
        let indexed = view.app.follower.indexed();
        if indexed != seen {
            let Ok(text) = newer(&view, &filter, &mut after).await else { return };
            let full = text.1;
            if !text.0.is_empty() && sender.send(text.0.into()).await.is_err() {
                return;
            }
            if !full {
                seen = indexed;
            }
        }
        tokio::select! {
            () = sleep(PAUSE) => {}
            () = sender.closed() => return,
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
    }
}

/// The events for what is newer, and whether there may be more.
async fn newer(view: &View, filter: &AdmissionFilter, after: &mut Option<u64>) -> Result<(String, bool), Problem> {
    let (filter, since) = (filter.clone(), *after);
    let question =
        move |_: &App, queries: &probity_evidence_index::Queries| Ok(queries.admissions_after(&filter, since, ROWS)?);
    let rows = view.app.ask(question).await?;
    let mut text = String::new();
    for row in &rows {
        text.push_str(&format!("id: {}\ndata: {}\n\n", row.decision.index, live_row(view, row)));
        *after = Some(row.decision.index);
    }
    Ok((text, rows.len() == ROWS))
}

/// A body that goes on.
struct Events(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Events {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}
