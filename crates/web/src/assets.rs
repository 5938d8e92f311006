//! The stylesheet, the script and the icon, under names that change with what is in them.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use probity_evidence_ledger::Digest;

use crate::problem::{Kind, Problem};

/// A file that pages load.
pub(crate) struct Asset {
    /// Its address.
    pub(crate) path: String,
    /// What a browser checks it against before it uses it.
    pub(crate) integrity: String,
    name: String,
    media_type: &'static str,
    text: String,
}

impl Asset {
    fn new(stem: &str, ending: &str, media_type: &'static str, text: String) -> Self {
        let digest = Digest::of(text.as_bytes());
        let name = format!("{stem}.{}.{ending}", &digest.hex()[..16]);
        let integrity = format!("sha256-{}", STANDARD.encode(digest.0));
        Self { path: format!("/assets/{name}"), integrity, name, media_type, text }
    }
}

/// The stylesheet: what reports and pages have in common, then what only pages have.
pub(crate) static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    let text = format!("{}{}", probity_report::style::SHARED, include_str!("../assets/pages.css"));
    Asset::new("probity", "css", "text/css; charset=utf-8", text)
});

/// The script.
pub(crate) static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "probity",
        "js",
        "text/javascript; charset=utf-8",
        concat!(include_str!("../assets/proof.js"), "\n", include_str!("../assets/live.js")).into(),
    )
});

/// The icon.
pub(crate) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("probity", "svg", "image/svg+xml", include_str!("../assets/icon.svg").into()));

/// `GET /assets/{name}`.
pub(crate) async fn get(Path(name): Path<String>) -> Result<Response, Problem> {
    let asset = [&*STYLE, &*SCRIPT, &*ICON].into_iter().find(|asset| asset.name == name);
    let asset = asset.ok_or_else(|| Problem::new(Kind::NotFound, "There is no such file."))?;
    let headers = [(CONTENT_TYPE, asset.media_type), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((headers, asset.text.as_str()).into_response())
}
