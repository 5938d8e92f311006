//! The report of a framework, in the forms that `probity report` writes.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use probity_evidence_ledger::Digest;

use crate::access::Identity;
use crate::app::{App, ReportFormat, ReportRequest};
use crate::params::{Params, bad};
use crate::problem::{Kind, Problem};

/// `GET /api/v1/report`.
pub(crate) async fn report(
    State(app): State<Arc<App>>,
    identity: Option<Extension<Identity>>,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&[&["framework", "from", "to", "format"]])?;
    let id = params.text("framework").ok_or_else(|| bad("framework", "name a framework, such as soc2"))?;
    let framework = app.frameworks.get(id).ok_or_else(|| bad("framework", "there is none of this name"))?;
    let request = ReportRequest {
        framework: framework.id.to_string(),
        period: params.period()?.0,
        format: params.parse("format")?.unwrap_or(ReportFormat::Html),
        by: identity.map_or_else(|| "someone on this machine".to_owned(), |of| of.token.name.clone()),
    };
    let asked = request.clone();
    let bytes = app
        .ask(move |app, queries| {
            (app.report)(queries, &app.reader, &asked)
                .map_err(|error| Problem::new(Kind::Internal, format!("The report cannot be written: {error}.")))
        })
        .await?;
    Ok(answer(&request, bytes))
}

fn answer(request: &ReportRequest, bytes: Vec<u8>) -> Response {
    let (media_type, ending) = match request.format {
        ReportFormat::Html => ("text/html; charset=utf-8", "html"),
        ReportFormat::Csv => ("text/csv; charset=utf-8", "csv"),
        ReportFormat::Json => ("application/json", "json"),
    };
    let ReportRequest { framework, period, .. } = request;
    let name = format!("probity-{framework}-{}-to-{}.{ending}", period.first, period.last);
    let place = if request.format == ReportFormat::Html { "inline" } else { "attachment" };
    let policy = content_policy(&bytes);
    let headers = [
        (CONTENT_TYPE, media_type.to_owned()),
        (CONTENT_DISPOSITION, format!("{place}; filename=\"{name}\"")),
        (CONTENT_SECURITY_POLICY, policy),
    ];
    (headers, bytes).into_response()
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
