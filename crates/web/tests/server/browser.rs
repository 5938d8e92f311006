//! The pages in Debian's Chromium: `apt-get install chromium chromium-driver`.
//!
//! Screenshots go to the folder that `PROBITY_SCREENSHOTS` names; nowhere when it is not set.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fantoccini::key::Key;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use url::{ParseError, Url};

use crate::running::Running;
use crate::{cluster, demo};

/// A command of Chromium's driver that is not in the standard.
#[derive(Debug)]
struct Extra {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extra {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

/// A browser, and the driver that leads it.
struct Browser {
    client: Client,
    driver: Child,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Whether a program can be started.
fn there_is(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

impl Browser {
    /// Starts a browser; none where there is none, but for CI, where there must be one.
    async fn start() -> Option<Self> {
        if !there_is("chromedriver") || !there_is("chromium") {
            let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!ci, "chromium and chromedriver are needed: apt-get install chromium chromium-driver");
            eprintln!(
                "passed over: there is no chromium or no chromedriver (apt-get install chromium chromium-driver)"
            );
            return None;
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let arguments =
            ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--window-size=1360,900"];
        let mut capabilities = Capabilities::new();
        capabilities.insert("goog:chromeOptions".to_owned(), json!({ "args": arguments }));
        capabilities.insert("goog:loggingPrefs".to_owned(), json!({ "browser": "ALL" }));
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities);
        let mut last = None;
        for _ in 0..50 {
            tokio::time::sleep(Duration::from_millis(200)).await;
            match builder.connect(&format!("http://127.0.0.1:{port}")).await {
                Ok(client) => return Some(Self { client, driver }),
                Err(error) => last = Some(error),
            }
        }
        panic!("the browser does not start: {last:?}");
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.client.issue_cmd(Extra { path: "goog/cdp/execute", body }).await.unwrap()
    }

    async fn scheme(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    async fn width(&self, width: u32) {
        let size = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// What the browser complained of since it was last asked; violations of the content policy are among it.
    async fn complaints(&self) -> Vec<String> {
        let log = self.client.issue_cmd(Extra { path: "se/log", body: json!({ "type": "browser" }) }).await.unwrap();
        let told = log.as_array().unwrap().iter().filter(|line| line["level"] != "DEBUG" && line["level"] != "INFO");
        told.map(Value::to_string).collect()
    }

    async fn click(&self, css: &str) {
        let element =
            self.client.wait().for_element(Locator::Css(css)).await.unwrap_or_else(|error| panic!("{css}: {error}"));
        element.click().await.unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// Waits for the page with this heading.
    async fn heading(&self, wanted: &str) {
        let mut found = Value::Null;
        for _ in 0..100 {
            found = self.run("return document.querySelector('h1')?.innerText ?? ''").await;
            if found.as_str().is_some_and(|found| found.starts_with(wanted)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the page is {found}, not `{wanted}`");
    }

    async fn text(&self, css: &str) -> String {
        let element =
            self.client.wait().for_element(Locator::Css(css)).await.unwrap_or_else(|error| panic!("{css}: {error}"));
        element.text().await.unwrap()
    }

    /// Waits until the script has come to an end with the proof.
    async fn proof_state(&self) -> (String, String) {
        for _ in 0..100 {
            let title = self.text(".proof [data-title]").await;
            if title != "Verified by the server" {
                let panel = self.client.find(Locator::Css(".proof")).await.unwrap();
                return (panel.attr("data-state").await.unwrap().unwrap(), title);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the script does not verify the proof");
    }

    async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    async fn screenshot(&self, name: &str) {
        let Some(folder) = std::env::var_os("PROBITY_SCREENSHOTS").map(PathBuf::from) else { return };
        let size = self.run("const e = document.documentElement; return [e.clientWidth, e.scrollHeight]").await;
        let clip =
            json!({ "x": 0, "y": 0, "width": size[0], "height": size[1].as_u64().unwrap().min(2_400), "scale": 1 });
        let shot =
            self.devtools("Page.captureScreenshot", json!({ "captureBeyondViewport": true, "clip": clip })).await;
        let bytes = STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_posture_to_a_verified_proof() {
    let Some(browser) = Browser::start().await else { return };
    let server = Running::start(demo::fill);
    server.level();
    browser.client.goto(&format!("http://{}/", server.address)).await.unwrap();
    browser.heading("Posture").await;

    browser.click(".framework a[href^='/frameworks/soc2']").await;
    browser.heading("SOC 2").await;
    browser.click("a[href^='/frameworks/soc2/controls/CC6.1']").await;
    browser.heading("CC6.1").await;
    browser.click("tbody .subject a[href^='/decisions/']").await;
    let (state, title) = browser.proof_state().await;
    assert_eq!((state.as_str(), title.as_str()), ("verified", "Verified in this browser"));
    let steps =
        browser.run("return [...document.querySelectorAll('[data-step]')].map((step) => step.dataset.state)").await;
    assert_eq!(steps, json!(["holds", "holds", "holds"]));
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.client.clone().close().await.unwrap();
}

/// The proof must fail for what is not in the ledger, or the mark on it says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_in_the_ledger_fails_in_the_browser() {
    let Some(browser) = Browser::start().await else { return };
    let server = Running::start(demo::fill);
    server.level();
    for (what, change) in [
        ("the entry", "document.getElementById('canonical').textContent += ' '"),
        ("the number", "document.querySelector('.proof').dataset.index = '1'"),
        (
            "the entry and its hash",
            "document.getElementById('canonical').textContent = '{}'; document.querySelector('.proof').dataset.leaf = '0'.repeat(64)",
        ),
        (
            "the proof",
            "document.querySelector('.proof').dataset.proof = '/api/v1/entries/1/proof'; document.querySelector('.proof').dataset.index = '1'",
        ),
        (
            "the key",
            "document.querySelector('.proof').dataset.key = document.querySelector('.proof').dataset.key.replace(/.{4}$/, 'AAA=')",
        ),
        (
            "another key",
            "{ const d = document.querySelector('.proof').dataset; d.key = 'other+77d3e0b2+AWNy3iDQ0v0cRXbfZvJbKdyqgM8MZ9cxRMDIQLOJxGxV' }",
        ),
    ] {
        // The change is made before the script of the page runs.
        let script = format!(
            "document.addEventListener('readystatechange', () => {{ if (document.readyState === 'interactive') {{ {change} }} }})"
        );
        let added = browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script })).await;
        browser.client.goto(&format!("http://{}/decisions/0", server.address)).await.unwrap();
        let (state, title) = browser.proof_state().await;
        assert_eq!((state.as_str(), title.as_str()), ("failed", "Verification failed"), "with {what} changed");
        let identifier = added["identifier"].clone();
        browser.devtools("Page.removeScriptToEvaluateOnNewDocument", json!({ "identifier": identifier })).await;
    }
    browser.client.clone().close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_script_the_server_says_what_it_found() {
    let Some(browser) = Browser::start().await else { return };
    let server = Running::start(demo::fill);
    server.level();
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    browser.client.goto(&format!("http://{}/decisions/0", server.address)).await.unwrap();
    assert_eq!(browser.text(".proof [data-title]").await, "Verified by the server");
    browser.client.clone().close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_shown_as_they_come() {
    let Some(browser) = Browser::start().await else { return };
    let server = Running::start(cluster::fill);
    server.level();
    browser.client.goto(&format!("http://{}/admissions", server.address)).await.unwrap();
    let said = "return document.querySelector('[data-live-state]').innerText";
    let newest = "return document.querySelector('tbody tr').innerText";
    let wait = async |script: &str, wanted: &str| {
        for _ in 0..200 {
            if browser.run(script).await.as_str().is_some_and(|text| text.contains(wanted)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{wanted} does not come: {}", browser.run(script).await);
    };
    wait(said, "Live").await;
    let rows = "return document.querySelectorAll('tbody tr').length.toString()";
    let before = browser.run(rows).await;
    server.ledger.append(&[cluster::request_of(12, "dave@company.com", "new-portal")]).unwrap();
    wait(newest, "dave@company.com").await;
    assert_ne!(browser.run(rows).await, before);
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    // Without script the page is loaded again.
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    browser.client.goto(&format!("http://{}/admissions", server.address)).await.unwrap();
    browser.click("[data-live-state] a").await;
    assert!(browser.text("tbody tr").await.contains("dave@company.com"));
    browser.client.clone().close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_reaches_everything() {
    let Some(browser) = Browser::start().await else { return };
    let server = Running::start(demo::fill);
    server.level();
    browser.client.goto(&format!("http://{}/decisions", server.address)).await.unwrap();
    let tab = || async {
        let element = browser.client.active_element().await.unwrap();
        element.send_keys(&char::from(Key::Tab).to_string()).await.unwrap();
    };
    let focused = "const e = document.activeElement; return (e.getAttribute('aria-label') || e.innerText || e.name || e.id || '').trim()";
    tab().await;
    assert_eq!(browser.run(focused).await, "Skip to content");
    browser.client.active_element().await.unwrap().send_keys(&char::from(Key::Enter).to_string()).await.unwrap();
    assert_eq!(browser.run("return document.activeElement.id").await, "main");

    let visible = "const e = document.activeElement; const s = getComputedStyle(e); \
                   return e === document.body || s.outlineStyle !== 'none' || e.type === 'date'";
    let mut reached = Vec::new();
    for _ in 0..60 {
        tab().await;
        assert_eq!(browser.run(visible).await, true, "the focus is not seen on {}", browser.run(focused).await);
        reached.push(browser.run(focused).await.as_str().unwrap_or_default().to_owned());
    }
    for wanted in ["30 days", "Show", "text", "Search", "Filters", "Decisions, newest first"] {
        assert!(reached.iter().any(|one| one == wanted), "{wanted} is not among {reached:?}");
    }
    browser.client.clone().close().await.unwrap();
}

/// The contrast of each text against what is behind it, below 4.5 (WCAG 2.2, 1.4.3); large texts below 3.
const CONTRAST: &str = r"
    const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
    const rgba = (color) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
    const light = ([r, g, b]) => { const [x, y, z] = [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4); return 0.2126 * x + 0.7152 * y + 0.0722 * z; };
    const behind = (e) => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] > 250) return c; } return [255, 255, 255]; };
    const low = [];
    for (const e of document.querySelectorAll('body *')) {
        const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
        if (!own || !e.checkVisibility() || e.closest('.hidden, .skip, svg, option')) continue;
        const s = getComputedStyle(e);
        const [a, b] = [light(rgba(s.color)), light(behind(e))].sort((x, y) => y - x);
        const ratio = (a + 0.05) / (b + 0.05);
        const large = parseFloat(s.fontSize) >= 24 || (parseFloat(s.fontSize) >= 18.66 && s.fontWeight >= 700);
        if (ratio < (large ? 3 : 4.5)) low.push(`${e.className || e.tagName} ${e.textContent.slice(0, 30)} ${ratio.toFixed(2)}`);
    }
    return low;";

#[tokio::test(flavor = "multi_thread")]
async fn light_and_dark_wide_and_narrow() {
    let Some(browser) = Browser::start().await else { return };
    let server = Running::start(cluster::fill);
    server.level();
    let deny = server.get("/api/v1/decisions?action=deny&limit=1").json()["rows"][0]["index"].to_string();
    let request = server.get("/api/v1/decisions?gate_kind=admission&limit=1").json()["rows"][0]["index"].to_string();
    let scan = server.get("/api/v1/scans?limit=1").json()["rows"][0]["index"].to_string();
    let image = server.get("/api/v1/images?limit=1").json()["rows"][0]["index"].to_string();
    let build = server.get("/api/v1/builds?action=deny&limit=1").json()["rows"][0]["index"].to_string();
    let pages = [
        ("posture", "/".to_owned()),
        ("framework", "/frameworks/soc2".to_owned()),
        ("control", "/frameworks/soc2/controls/CC6.1".to_owned()),
        ("decisions", "/decisions?outcome=fail".to_owned()),
        ("decision", format!("/decisions/{deny}")),
        ("policies", "/policies".to_owned()),
        ("policy", "/policies/PRB-AWS-S3-001".to_owned()),
        ("scans", "/scans".to_owned()),
        ("scan", format!("/scans/{scan}")),
        ("images", "/images".to_owned()),
        ("image", format!("/images/{image}")),
        ("builds", "/builds".to_owned()),
        ("build", format!("/builds/{build}")),
        ("waivers", "/waivers".to_owned()),
        ("gates", "/gates".to_owned()),
        ("admissions", "/admissions".to_owned()),
        ("admission", format!("/decisions/{request}")),
        ("deployments", "/deployments".to_owned()),
        ("drift", "/drift".to_owned()),
        ("report", "/report".to_owned()),
        ("written-report", "/api/v1/report?framework=soc2&samples=1".to_owned()),
        ("sign-in", "/sign-in".to_owned()),
        ("nothing", "/nothing".to_owned()),
    ];
    for (scheme, width) in [("light", 1360), ("dark", 1360), ("light", 390), ("dark", 390)] {
        browser.scheme(scheme).await;
        browser.width(width).await;
        for (name, path) in &pages {
            browser.client.goto(&format!("http://{}{path}", server.address)).await.unwrap();
            let over =
                browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth").await;
            assert_eq!(over, 0, "{name} is wider than {width}");
            assert_eq!(browser.run(CONTRAST).await, json!([]), "{name} {scheme}");
            if *name == "decision" || *name == "scan" {
                browser.proof_state().await;
            }
            browser.screenshot(&format!("{name}-{scheme}-{width}")).await;
        }
    }
    browser.scheme("dark").await;
    let dark = browser.run("return getComputedStyle(document.body).backgroundColor").await;
    browser.scheme("light").await;
    assert_ne!(browser.run("return getComputedStyle(document.body).backgroundColor").await, dark);
    let complaints: Vec<String> = browser.complaints().await;
    let own: Vec<&String> = complaints.iter().filter(|line| !line.contains("404")).collect();
    assert!(own.is_empty(), "{own:#?}");
    browser.client.clone().close().await.unwrap();
}
