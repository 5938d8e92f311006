//! HTML and formulas in every field stay texts; the page is whole and needs nothing else.

use probity_model::Outcome;
use probity_report::{Report, Request, write_findings};

use crate::planted::*;

const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;</style></title>{{7*7}}";

fn html(report: &Report) -> String {
    let mut html = Vec::new();
    report.write_html(&mut html).unwrap();
    String::from_utf8(html).unwrap()
}

fn planted(text: &str) -> Planted {
    let mut policy = policy(text, &[("soc2:CC6.1", "partly")]);
    for field in ["title", "why", "fix"] {
        policy[field] = text.into();
    }
    policy["controls"][0]["why"] = text.into();
    let mut planted = Planted::new(&serde_json::json!([policy]));
    let gate = format!("ci/{text}");
    planted.decide("2026-01-05T10:00:00Z", (&gate, 5), text, &[(text, Outcome::Fail)], text);
    planted.decide("2026-01-05T10:00:00Z", (&gate, 6), text, &[(text, Outcome::Waived)], text);
    let mut waiver = waiver();
    for field in [&mut waiver.subject, &mut waiver.reason, &mut waiver.requested_by, &mut waiver.approved_by] {
        text.clone_into(field);
    }
    "*".clone_into(&mut waiver.policy);
    planted.scan("2026-01-05T10:00:01Z", (&gate, 7), Some(text), Some(waiver));
    planted
}

fn asked(text: &str) -> Request {
    Request { seed: text.to_owned(), made_by: text.to_owned(), ..request() }
}

#[test]
fn html_in_every_field_is_text() {
    let page = html(&planted(HOSTILE).report(&asked(HOSTILE)));
    let escaped = HOSTILE.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    assert!(page.matches(&escaped).count() >= 12, "{}", page.matches(&escaped).count());
    for never in ["<script", "<img", "onerror=alert(2)>", "javascript:", "<link", "<iframe"] {
        assert!(!page.contains(never), "{never}");
    }
    assert_eq!(page.matches("</style>").count(), 1);
    check_tags(&page);
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    let page = html(&week().report(&request()));
    check_tags(&page);
    for never in ["http:", "https:", "url(", "@import", "src=", "<script"] {
        assert!(!page.contains(never), "{never}");
    }
    assert!(page.contains("default-src 'none'"));
    for said in [
        "Failures, in part",
        "No evidence",
        "2026-01-07 to 2026-01-09",
        "Missing: 1 number that",
        "could not read everything",
    ] {
        assert!(page.contains(said), "{said}");
    }
    let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let unique: std::collections::HashSet<&&str> = ids.iter().collect();
    assert_eq!(ids.len(), unique.len(), "an id occurs twice");
    let targets = page.split("aria-labelledby=\"").skip(1).filter_map(|rest| rest.split('"').next());
    for target in targets.flat_map(str::split_whitespace) {
        assert!(ids.contains(&target), "{target}");
    }
}

#[test]
fn formulas_in_every_field_are_texts() {
    for formula in ["=cmd|'/c calc'!A1", "+1", "-1", "@SUM(A1)", "\t=1"] {
        let planted = planted(formula);
        let mut csv = Vec::new();
        planted.report(&request()).write_csv(&mut csv).unwrap();
        write_findings(&request(), &planted.queries(), &mut csv).unwrap();
        let csv = String::from_utf8(csv).unwrap();
        assert!(csv.contains(&format!("\"'{formula}\"")), "{formula}");
        assert!(!csv.contains(&format!("\"{formula}\"")), "{formula}");
    }
}

/// Every element that is opened is closed, in order.
fn check_tags(page: &str) {
    const VOID: &[&str] = &["meta", "!DOCTYPE"];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        let end = rest[start..].find('>').map(|end| start + end).expect("a tag ends");
        let tag = &rest[start + 1..end];
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !VOID.contains(&name) {
            open.push(name);
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "{open:?}");
}
