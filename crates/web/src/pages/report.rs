//! `/report`: what a report is to be about.

use axum::response::Html;
use maud::html;

use super::view::{Section, View};

/// `GET /report`.
pub(crate) async fn page(mut view: View) -> Html<String> {
    view.of_one_time = true;
    let chosen = view.params.text("framework").unwrap_or("soc2");
    let lead = html! { p.lead { "A page for each control: what it asks, what was decided, what is missing, and samples with their proofs. For print, or for a spreadsheet." } };
    let body = html! {
        form.card method="get" action="/api/v1/report" aria-label="Report" {
            div.fields {
                div.field {
                    label for="framework" { "Framework" }
                    select #framework name="framework" {
                        @for framework in view.app.frameworks { option value=(framework.id) selected[framework.id == chosen] { (framework.title) " " (framework.version) } }
                    }
                }
                div.field { label for="first" { "From" } input #first type="date" name="from" value=(view.period.first) required; }
                div.field { label for="last" { "To" } input #last type="date" name="to" value=(view.period.last) required; }
                div.field {
                    label for="format" { "Form" }
                    select #format name="format" {
                        option value="html" { "HTML, printable" } option value="csv" { "CSV" } option value="json" { "JSON" }
                    }
                }
            }
            div.actions { button.primary type="submit" { "Write the report" } }
        }
        p.muted.small { "The same from the command line: " code { "probity report --framework " (chosen) " --from " (view.period.first) " --to " (view.period.last) " --format html" } }
    };
    view.page(Section::Report, "Report", &[], &lead, &body)
}
