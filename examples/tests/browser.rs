//! A real browser, told what to do by WebDriver (<https://www.w3.org/TR/webdriver2/>): Chromium without a window.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, Method};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::http::{client, read};
use crate::program::Program;

/// Under this name WebDriver wraps the id of an element, for historical reasons of its own.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Chromium's switches: no window, no sandbox (containers often forbid one, and it only visits this machine), and nothing of
/// what it would otherwise fetch by itself.
const SWITCHES: [&str; 10] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
];

/// One browser with one page open. It ends when this is dropped.
pub(crate) struct Browser {
    client: Client,
    /// `http://127.0.0.1:port/session/id`
    session: String,
    _processes: Group,
    _driver: Program,
    // Removed last, when nobody writes to it any more.
    _profile: TempDir,
}

impl Browser {
    /// Starts it.
    ///
    /// # Panics
    /// If it is not installed, saying how to.
    pub(crate) async fn start() -> Self {
        for program in ["chromedriver", "chromium"] {
            assert!(
                is_installed(program),
                "{program} is missing: apt-get install chromium chromium-driver, or run ./check"
            );
        }
        let profile = tempfile::tempdir().expect("a temporary folder");
        let mut driver = Program::start(Command::new("chromedriver").arg("--port=0").process_group(0));
        let processes = Group(driver.id());
        let started = driver.stdout.line("started successfully on port").await;
        let port = started.trim_end_matches('.').rsplit(' ').next().expect("a port");
        let client = client();
        let sessions = format!("http://127.0.0.1:{port}/session");
        let own_folder = format!("--user-data-dir={}", profile.path().display());
        let switches: Vec<_> = SWITCHES.into_iter().chain([own_folder.as_str()]).collect();
        let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": switches}}}});
        let session = send(&client, Method::POST, &sessions, wanted).await.expect("a session");
        let session = format!("{sessions}/{}", session["sessionId"].as_str().expect("an id"));
        Self { client, session, _processes: processes, _driver: driver, _profile: profile }
    }

    /// Opens an address and waits until it is loaded.
    pub(crate) async fn open(&self, address: &str) {
        self.post("/url", json!({ "url": address })).await;
    }

    pub(crate) async fn title(&self) -> String {
        text(self.get("/title").await)
    }

    /// The text that a person sees in the first element that this CSS selector finds.
    pub(crate) async fn text_of(&self, selector: &str) -> String {
        let element = self.element(selector).await;
        text(self.get(&format!("{element}/text")).await)
    }

    /// Types into an input, as if it had been empty.
    pub(crate) async fn type_into(&self, selector: &str, typed: &str) {
        let element = self.element(selector).await;
        self.post(&format!("{element}/clear"), json!({})).await;
        self.post(&format!("{element}/value"), json!({ "text": typed })).await;
    }

    /// Clicks, and waits for the page that this leads to.
    pub(crate) async fn click(&self, selector: &str) {
        let element = self.element(selector).await;
        self.post(&format!("{element}/click"), json!({})).await;
    }

    /// The value of a JavaScript expression in the page.
    pub(crate) async fn value_of(&self, expression: &str) -> Value {
        self.post("/execute/sync", json!({"script": format!("return {expression}"), "args": []})).await
    }

    /// Whether a box is open that a script of the page made.
    pub(crate) async fn shows_alert(&self) -> bool {
        send(&self.client, Method::GET, &format!("{}/alert/text", self.session), Value::Null).await.is_ok()
    }

    /// Makes the page this wide, as on a telephone or a desk.
    pub(crate) async fn resize(&self, width: u16) {
        // Not the window's size: its smallest is wider than a telephone.
        let screen = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false});
        let command = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": screen});
        self.post("/goog/cdp/execute", command).await;
    }

    /// Keeps a picture of the page, for people who want to see what the tests saw.
    pub(crate) async fn picture(&self, name: &str) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
        std::fs::create_dir_all(&folder).expect("a folder for pictures");
        let png = STANDARD.decode(text(self.get("/screenshot").await)).expect("a picture in base 64");
        std::fs::write(folder.join(name).with_extension("png"), png).expect("a picture on the disk");
    }

    async fn element(&self, selector: &str) -> String {
        let found = self.post("/element", json!({"using": "css selector", "value": selector})).await;
        format!("/element/{}", found[ELEMENT].as_str().expect("an element's id"))
    }

    async fn get(&self, path: &str) -> Value {
        self.send(Method::GET, path, Value::Null).await
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.send(Method::POST, path, body).await
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> Value {
        let answer = send(&self.client, method, &format!("{}{path}", self.session), body).await;
        answer.unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

/// One WebDriver command: its value, or its error.
async fn send(client: &Client, method: Method, url: &str, body: Value) -> Result<Value, Value> {
    let request = client.request(method, url);
    let request = if body.is_null() { request } else { request.body(body.to_string()) };
    let answer = request.send().await.expect("chromedriver answers");
    let done = answer.status().is_success();
    let value = read(answer).await["value"].take();
    if done { Ok(value) } else { Err(value) }
}

fn text(value: Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn is_installed(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

/// A program and all that it started: the browser would outlive its driver.
struct Group(Pid);

impl Drop for Group {
    fn drop(&mut self) {
        // An error means that nobody is left.
        let _ = kill_process_group(self.0, Signal::KILL);
    }
}
