//! Evaluating where it does least harm: what is known to be quick at once, everything else on a thread that may wait.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use probity_model::value::Value;
use probity_policy_rego::{Bindings, Code, Documents, Error, Evaluation, Host, Limits, Query};

use crate::gate::Gate;
use crate::outside::{Answers, Remembered};
use crate::snapshot::{Prepared, Snapshot};

/// What takes no longer is evaluated at once the next time.
const QUICK: Duration = Duration::from_micros(500);

/// What is evaluated at once may take so long; then it is begun again elsewhere.
const AT_ONCE: Duration = Duration::from_millis(20);

fn how(host: &dyn Host, time: Duration, strict: bool) -> Evaluation<'_> {
    Evaluation {
        limits: Limits { deadline: Instant::now().checked_add(time), ..Limits::default() },
        strict_builtin_errors: strict,
        host,
        ..Evaluation::default()
    }
}

fn remembered<'h>(gate: &'h Gate, answers: &'h Answers) -> Remembered<'h> {
    Remembered { host: &*gate.settings.host, answers }
}

/// The document that a query asks for; `None` when it is undefined.
pub(crate) async fn document(
    gate: &Arc<Gate>,
    snapshot: &Arc<Snapshot>,
    prepared: &Arc<Prepared>,
    input: Option<Value>,
    strict: bool,
    answers: &Arc<Answers>,
) -> Result<Option<Value>, Error> {
    let documents = Documents { input, data: Some(snapshot.data.clone()) };
    if prepared.quick.load(Ordering::Relaxed) && !gate.settings.host_waits {
        let start = Instant::now();
        let host = remembered(gate, answers);
        let result = prepared.evaluate(&documents, &how(&host, AT_ONCE.min(gate.settings.time), strict));
        let time = start.elapsed();
        if time > QUICK * 4 {
            prepared.quick.store(false, Ordering::Relaxed);
        }
        let too_long = result.as_ref().is_err_and(|error| error.code == Code::EvalCancel) && time >= AT_ONCE;
        if !too_long {
            return result;
        }
    }
    answers.clear();
    let (gate, prepared, answers) = (Arc::clone(gate), Arc::clone(prepared), Arc::clone(answers));
    elsewhere(move || {
        let start = Instant::now();
        let host = remembered(&gate, &answers);
        let result = prepared.evaluate(&documents, &how(&host, gate.settings.time, strict));
        prepared.quick.store(start.elapsed() <= QUICK, Ordering::Relaxed);
        result
    })
    .await
}

/// All solutions of a query.
pub(crate) async fn solutions(
    gate: &Arc<Gate>,
    snapshot: &Arc<Snapshot>,
    query: Query,
    input: Option<Value>,
    answers: &Arc<Answers>,
) -> Result<Vec<Bindings>, Error> {
    let documents = Documents { input, data: Some(snapshot.data.clone()) };
    let (gate, answers) = (Arc::clone(gate), Arc::clone(answers));
    elsewhere(move || query.evaluate(&documents, &how(&remembered(&gate, &answers), gate.settings.time, false))).await
}

/// A document that is asked for in passing, where waiting is no matter.
pub(crate) fn in_passing(
    gate: &Gate,
    snapshot: &Snapshot,
    prepared: &Prepared,
    input: Value,
) -> Result<Option<Value>, Error> {
    let documents = Documents { input: Some(input), data: Some(snapshot.data.clone()) };
    prepared.evaluate(&documents, &how(&*gate.settings.host, AT_ONCE.min(gate.settings.time), false))
}

/// Runs what may take long on a thread of its own.
pub(crate) async fn elsewhere<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(Error {
            code: Code::EvalInternal,
            message: "evaluation ended in a fault of the engine".to_owned(),
            details: Vec::new(),
            span: None,
            location: None,
        })
    })
}
