//! The report of a framework, in the forms that `probity report` writes.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use probity_evidence_ledger::Digest;
use probity_report::{Report, ReportError, Request};

use crate::access::Identity;
use crate::app::App;
use crate::params::{Params, bad};
use crate::problem::{Kind, Problem};

/// Decisions drawn for each control when no number is asked for, and at most.
const SAMPLES: (u64, u64) = (5, 100);

/// What samples are drawn by when no seed is given: the same as on the command line.
const SEED: &str = "probity";

/// The parameters.
pub(super) const PARAMETERS: &[&str] = &["from", "to", "environment", "samples", "seed", "format"];

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Html,
    Csv,
    Json,
}

impl FromStr for Form {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "html" => Ok(Self::Html),
            "csv" => Ok(Self::Csv),
            "json" => Ok(Self::Json),
            _ => Err("write html, csv or json"),
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Html => "html",
            Self::Csv => "csv",
            Self::Json => "json",
        })
    }
}

/// `GET /api/v1/report`.
pub(crate) async fn report(
    State(app): State<Arc<App>>,
    identity: Option<Extension<Identity>>,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&[&["framework"], PARAMETERS])?;
    let id = params.text("framework").ok_or_else(|| bad("framework", "name a framework, such as soc2"))?;
    let framework = app.frameworks.get(id).ok_or_else(|| bad("framework", "there is none of this name"))?;
    let samples = params.parse("samples")?.unwrap_or(SAMPLES.0);
    if samples > SAMPLES.1 {
        return Err(bad("samples", format!("at most {} for each control", SAMPLES.1)));
    }
    let form = params.parse("format")?.unwrap_or(Form::Html);
    let request = Request {
        framework: framework.id.to_string(),
        period: params.period()?.0,
        environment: params.text("environment").map(str::to_owned),
        samples,
        seed: params.text("seed").unwrap_or(SEED).to_owned(),
        made_by: identity.map_or_else(|| "someone on this machine".to_owned(), |of| of.token.name.clone()),
        made_at: Timestamp::now(),
    };
    let name = format!("probity-{}-{}-to-{}.{form}", framework.id, request.period.first, request.period.last);
    let text = app.ask(move |app, _| Ok(write(app, &request, form)?)).await?;
    Ok(answer(form, &name, text))
}

fn write(app: &App, request: &Request, form: Form) -> Result<Vec<u8>, ReportError> {
    // A connection of its own: the report holds it to one moment.
    let queries = app.follower.queries()?;
    let checkpoint = app.reader.checkpoint().ok().flatten();
    let report = Report::build(request, app.frameworks, &queries, checkpoint.as_ref())?;
    let mut text = Vec::new();
    match form {
        Form::Html => report.write_html(&mut text)?,
        Form::Csv => report.write_csv(&mut text)?,
        Form::Json => report.write_json(&mut text)?,
    }
    Ok(text)
}

impl From<ReportError> for Problem {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::Index(error) => error.into(),
            error => Self::new(Kind::BadRequest, format!("{error}.")),
        }
    }
}

fn answer(form: Form, name: &str, text: Vec<u8>) -> Response {
    let (media_type, place) = match form {
        Form::Html => ("text/html; charset=utf-8", "inline"),
        Form::Csv => ("text/csv; charset=utf-8", "attachment"),
        Form::Json => ("application/json", "attachment"),
    };
    let policy = content_policy(&text);
    let headers = [
        (CONTENT_TYPE, media_type.to_owned()),
        (CONTENT_DISPOSITION, format!("{place}; filename=\"{name}\"")),
        (CONTENT_SECURITY_POLICY, policy),
    ];
    (headers, text).into_response()
}

/// A report brings its own style, which is allowed by its digest; it may do nothing else.
fn content_policy(page: &[u8]) -> String {
    let page = String::from_utf8_lossy(page);
    let styles = page.split("<style>").skip(1).filter_map(|rest| rest.split("</style>").next());
    let digests: String =
        styles.map(|style| format!(" 'sha256-{}'", STANDARD.encode(Digest::of(style.as_bytes()).0))).collect();
    let styles = if digests.is_empty() { " 'none'" } else { &digests };
    format!("default-src 'none'; style-src{styles}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
}

#[cfg(test)]
mod tests {
    use super::content_policy;

    #[test]
    fn a_style_is_allowed_by_its_digest() {
        let policy = content_policy(b"<html><style>p{color:red}</style><p>&lt;style&gt;</p></html>");
        assert!(policy.contains("style-src 'sha256-p0bF+un5yUb9MBO6xRb8kPHlY2BdpHVtLiFkDrZPF64='"), "{policy}");
        assert!(content_policy(b"a,b\n").contains("style-src 'none'"));
    }
}
