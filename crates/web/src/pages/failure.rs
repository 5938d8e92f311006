//! What went wrong, as a page.

use axum::response::{Html, IntoResponse, Response};
use maud::html;

use super::view::{brand, document};
use crate::problem::{Kind, Problem};

/// Where no page is.
pub(crate) async fn nothing_here() -> Problem {
    Problem::new(Kind::NotFound, "There is no page at this address.")
}

/// Puts a page in the place of a problem that is written for programs.
pub(crate) async fn as_page(response: Response) -> Response {
    match response.extensions().get::<Problem>() {
        Some(problem) => page(problem),
        None => response,
    }
}

fn page(problem: &Problem) -> Response {
    let body = html! {
        main.alone {
            (brand())
            div.empty {
                h1 { (problem.kind.title()) }
                p { (problem.detail) }
                a.button href="/" { "Back to the posture" }
            }
        }
    };
    let page = Html(document(problem.kind.title(), &body).into_string());
    let mut response = (problem.kind.status(), page).into_response();
    problem.headers(&mut response);
    response
}
