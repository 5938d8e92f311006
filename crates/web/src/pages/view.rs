//! What every page has: who looks, at which period, and the frame around the content.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Html;
use jiff::ToSpan;
use jiff::civil::Date;
use maud::{DOCTYPE, Markup, html};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use probity_evidence_index::{Period, Scope};

use crate::access::Identity;
use crate::app::App;
use crate::assets;
use crate::params::{Params, today};
use crate::problem::Problem;

/// What is not written as it is in a part of a path.
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'+')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A text as one part of a path.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// The parts of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Posture,
    Decisions,
    Admissions,
    Deployments,
    Drift,
    Policies,
    Scans,
    Images,
    Builds,
    Waivers,
    Gates,
    Report,
}

const NAVIGATION: [(Section, &str, &str, &str); 12] = [
    (Section::Posture, "/", "Posture", "M2 13.5h12M4 11V7M8 11V3M12 11V5.5"),
    (Section::Decisions, "/decisions", "Decisions", "M5.5 4h8M5.5 8h8M5.5 12h8M2.5 4h.01M2.5 8h.01M2.5 12h.01"),
    (Section::Admissions, "/admissions", "Requests", "M2 8h9M8 4.5L11.5 8 8 11.5M14 2.5v11"),
    (Section::Deployments, "/deployments", "Deployments", "M8 10.5V2M4.8 5.2L8 2l3.2 3.2M2.5 10v3.5h11V10"),
    (Section::Drift, "/drift", "Drift", "M2 5c2-2 4-2 6 0s4 2 6 0M2 11c2-2 4-2 6 0s4 2 6 0"),
    (
        Section::Policies,
        "/policies",
        "Policies",
        "M8 1.8l5 1.9v3.9c0 3.1-2 5.3-5 6.6-3-1.3-5-3.5-5-6.6V3.7zM5.8 7.9l1.6 1.6 2.9-3",
    ),
    (
        Section::Scans,
        "/scans",
        "Scans",
        "M2 5V3.2A1.2 1.2 0 013.2 2H5M11 2h1.8A1.2 1.2 0 0114 3.2V5M14 11v1.8a1.2 1.2 0 01-1.2 1.2H11M5 14H3.2A1.2 1.2 0 012 12.8V11M2 8h12",
    ),
    (Section::Images, "/images", "Images", "M8 1.8l5.5 3v6.4l-5.5 3-5.5-3V4.8zM2.6 4.9L8 7.8l5.4-2.9M8 7.8v6.3"),
    (Section::Builds, "/builds", "Builds", "M2.5 3h11v10h-11zM5 6.2l2 1.8-2 1.8M8.5 10.2h2.8"),
    (Section::Waivers, "/waivers", "Waivers", "M8 14A6 6 0 108 2a6 6 0 000 12zM8 4.8V8l2.2 1.4"),
    (
        Section::Gates,
        "/gates",
        "Gates",
        "M3 14V4.5A1.5 1.5 0 014.5 3h7A1.5 1.5 0 0113 4.5V14M1.5 14h13M8 6v5M5.5 6v5M10.5 6v5",
    ),
    (Section::Report, "/report", "Report", "M4 1.8h5.5L13 5.3v8.9H4zM9.3 1.8v3.7H13M6.3 8.5h4.4M6.3 11h4.4"),
];

/// What a page is asked for, and by whom.
pub(crate) struct View {
    pub(crate) app: Arc<App>,
    pub(crate) params: Params,
    pub(crate) period: Period,
    /// Whether the period was chosen; then links carry it.
    given: bool,
    path: String,
    identity: Option<Identity>,
    /// The last event that a browser had of a stream, when it asks for what follows.
    pub(crate) last_event: Option<u64>,
    /// Whether the page is of one moment, or chooses its period itself.
    pub(crate) of_one_time: bool,
}

impl FromRequestParts<Arc<App>> for View {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let params = Params::read(parts.uri.query().unwrap_or_default());
        let (period, given) = params.period()?;
        Ok(Self {
            app: Arc::clone(app),
            params,
            period,
            given,
            path: parts.uri.path().to_owned(),
            identity: parts.extensions.get::<Identity>().cloned(),
            last_event: parts.headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok()),
            of_one_time: false,
        })
    }
}

impl View {
    /// The days and the environment that sums are made over.
    pub(crate) fn scope(&self) -> Scope {
        Scope { environment: self.params.text("environment").map(str::to_owned), ..Scope::all(self.period) }
    }

    /// An address with parameters, and with the period when one was chosen.
    pub(crate) fn href(&self, path: &str, parameters: &[(&str, &str)]) -> String {
        let (first, last) = (self.period.first.to_string(), self.period.last.to_string());
        let period = [("from", first.as_str()), ("to", last.as_str())];
        let chosen = if self.given { &period[..] } else { &[] };
        address(path, chosen.iter().chain(parameters))
    }

    /// The whole page. `crumbs` lead to it from the top.
    pub(crate) fn page(
        &self,
        section: Section,
        title: &str,
        crumbs: &[(&str, String)],
        lead: &Markup,
        body: &Markup,
    ) -> Html<String> {
        let content = html! {
            @if !crumbs.is_empty() {
                nav.crumbs aria-label="Breadcrumb" {
                    ol { @for (name, href) in crumbs { li { a href=(href) { (name) } } } li aria-current="page" { (title) } }
                }
            }
            div.head {
                div { h1 { (title) } (lead) }
                @if !self.of_one_time { (self.period_form()) }
            }
            (body)
        };
        Html(self.frame(section, title, &content).into_string())
    }

    fn frame(&self, section: Section, title: &str, content: &Markup) -> Markup {
        let verifier = self.app.ledger.verifier();
        document(
            title,
            &html! {
                a.skip href="#main" { "Skip to content" }
                div.frame {
                    header.side {
                      div.side-inner {
                        (brand())
                        nav aria-label="Main" {
                            ul {
                                @for (of, path, name, icon) in NAVIGATION {
                                    li {
                                        a href=(self.href(path, &[])) aria-current=[(of == section).then_some("page")] {
                                            svg viewBox="0 0 16 16" aria-hidden="true" { path d=(icon) {} }
                                            (name)
                                        }
                                    }
                                }
                            }
                        }
                        @if let Some(identity) = &self.identity {
                            div.side-foot {
                                span { "Signed in as " strong { (identity.token.name) } }
                                form method="post" action="/sign-out" { button type="submit" { "Sign out" } }
                            }
                        }
                      }
                    }
                    div.content {
                        main #main tabindex="-1" { (content) }
                        footer.page-foot {
                            span { "Ledger " code { (verifier.name()) } }
                            span { "Key " code { (verifier.fingerprint()) } }
                            a href="/ledger/checkpoint" { "Checkpoint" }
                            a href="/api/v1/openapi.json" { "API" }
                        }
                    }
                }
            },
        )
    }

    /// The choice of the period: usual ones as links, any other by its days.
    fn period_form(&self) -> Markup {
        let presets = presets(today());
        let current = |period: &Period| (*period == self.period).then_some("true");
        let kept: Vec<(&str, &str)> = self.params.others(&["from", "to", "before"]).collect();
        html! {
            form.period method="get" action=(self.path) aria-label="Period" {
                @for (name, value) in &kept { input type="hidden" name=(name) value=(value); }
                div.pills {
                    @for (name, period) in &presets {
                        a.pill href=(self.with_period(*period, &kept)) aria-current=[current(period)] { (name) }
                    }
                }
                div.dates {
                    label.visually-hidden for="from" { "From" }
                    input #from type="date" name="from" value=(self.period.first) required;
                    span aria-hidden="true" { "–" }
                    label.visually-hidden for="to" { "To" }
                    input #to type="date" name="to" value=(self.period.last) required;
                    button type="submit" { "Show" }
                }
            }
        }
    }

    fn with_period(&self, period: Period, kept: &[(&str, &str)]) -> String {
        let (first, last) = (period.first.to_string(), period.last.to_string());
        address(&self.path, [("from", first.as_str()), ("to", last.as_str())].iter().chain(kept))
    }
}

fn address<'p>(path: &str, parameters: impl Iterator<Item = &'p (&'p str, &'p str)>) -> String {
    let query: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// The periods that auditors ask for most.
fn presets(today: Date) -> Vec<(&'static str, Period)> {
    let back = |days: i64| today.checked_sub((days - 1).days()).unwrap_or(today);
    let month = (today.month() - 1) / 3 * 3 + 1;
    let quarter = Date::new(today.year(), month, 1).unwrap_or(today);
    let before = quarter.yesterday().unwrap_or(quarter);
    let before_month = (before.month() - 1) / 3 * 3 + 1;
    let last_quarter = Date::new(before.year(), before_month, 1).unwrap_or(before);
    vec![
        ("30 days", Period::new(back(30), today)),
        ("90 days", Period::new(back(90), today)),
        ("Last quarter", Period::new(last_quarter, before)),
        ("12 months", Period::new(back(365), today)),
    ]
}

/// A document with the stylesheet and the script.
pub(crate) fn document(title: &str, body: &Markup) -> Markup {
    let (style, script, icon) = (&*assets::STYLE, &*assets::SCRIPT, &*assets::ICON);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Probity" }
                link rel="icon" type="image/svg+xml" href=(icon.path);
                link rel="stylesheet" href=(style.path) integrity=(style.integrity);
                script src=(script.path) integrity=(script.integrity) defer {}
            }
            body { (body) }
        }
    }
}

/// The name of the house.
pub(crate) fn brand() -> Markup {
    html! { a.brand href="/" { img src=(assets::ICON.path) alt="" width="24" height="24"; "Probity" } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_periods_are_whole() {
        let day = |text: &str| text.parse::<Date>().unwrap();
        for (today, first, last) in [
            ("2026-01-01", "2025-10-01", "2025-12-31"),
            ("2026-03-31", "2025-10-01", "2025-12-31"),
            ("2026-11-26", "2026-07-01", "2026-09-30"),
        ] {
            let presets = presets(day(today));
            assert_eq!(presets[2], ("Last quarter", Period::new(day(first), day(last))), "{today}");
            assert_eq!(presets[0].1.days().count(), 30);
        }
    }

    #[test]
    fn any_text_is_one_part_of_a_path() {
        for (text, part) in [
            ("164.312(a)(1)", "164.312(a)(1)"),
            ("../../etc", "..%2F..%2Fetc"),
            ("a b?c#d%", "a%20b%3Fc%23d%25"),
            ("é\"<", "%C3%A9%22%3C"),
        ] {
            assert_eq!(segment(text), part);
        }
    }
}
