//! `url_shortener` without a command: it starts nodes, loads them, reports, and leaves nothing behind.

use std::net::TcpListener;
use std::path::PathBuf;

use reqwest::header::LOCATION;
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::http::{client, free_addresses, until, until_gone};
use crate::program::{Ended, Program, example, run};

const SLOTS: f64 = 16_384.0;

#[tokio::test]
async fn the_whole_list_is_stored_and_read_back_through_three_nodes() {
    let list = include_str!("../data/urls.txt");
    let ended = run(example("url_shortener").args(["--once", "--json"])).await;
    assert_eq!(ended.status, Some(0), "{ended:#?}");
    let report = report(&ended.stdout);
    assert_eq!(number(&report, "urls"), list.lines().count() as f64);
    for (stored, expected) in
        [("wrong", 0.0), ("stored", number(&report, "urls")), ("read_back", number(&report, "urls"))]
    {
        assert_eq!(number(&report, stored), expected, "{stored} in {report}");
    }
    let nodes = report["nodes"].as_array().expect("a list");
    assert_eq!(nodes.len(), 3, "{report}");
    let third = SLOTS / 3.0;
    assert!(nodes.iter().all(|node| (number(node, "slots") / third - 1.0).abs() < 0.03), "unequal shares: {report}");
    assert_eq!(nodes.iter().map(|node| number(node, "slots")).sum::<f64>(), SLOTS);
    // Each visitor asks a random node, which owns a third of the codes.
    let (local, remote) = (number(&report, "local_calls"), number(&report, "remote_calls"));
    let share = remote / (local + remote);
    assert!((0.60..=0.73).contains(&share), "{share} of the calls left their node: {report}");
    leaves_nothing(&report).await;
}

#[tokio::test]
async fn two_nodes_share_a_list_of_ones_own() {
    let list = List::of(&[
        "https://example.com/a?b=c#d",
        "# no address",
        "",
        "http://例え.jp/é",
        "https://example.com/a?b=c#d",
    ]);
    let ended = demonstrate(&list, &["--nodes", "2"]).await;
    assert_eq!(ended.status, Some(0), "{ended:#?}");
    let report = report(&ended.stdout);
    assert_eq!(
        (number(&report, "urls"), number(&report, "stored")),
        (3.0, 2.0),
        "the same address is kept once: {report}"
    );
    assert_eq!((number(&report, "read_back"), number(&report, "wrong")), (3.0, 0.0), "{report}");
    let slots: Vec<_> = report["nodes"].as_array().expect("a list").iter().map(|node| number(node, "slots")).collect();
    assert_eq!(slots, [SLOTS / 2.0; 2]);
    leaves_nothing(&report).await;
}

#[tokio::test]
async fn a_line_that_is_no_address_is_named_and_fails_the_demonstration() {
    let list = List::of(&["https://example.com/", "ftp://example.com/file", "https://example.org/"]);
    let ended = demonstrate(&list, &[]).await;
    assert_eq!(ended.status, Some(1), "{ended:#?}");
    let wrong: Vec<_> = ended.stderr.lines().filter(|line| line.starts_with("wrong: ")).collect();
    assert_eq!(wrong.len(), 1, "{ended:#?}");
    assert!(wrong[0].contains("ftp://example.com/file") && wrong[0].contains("only http and https"), "{wrong:?}");
    let report = report(&ended.stdout);
    assert_eq!((number(&report, "stored"), number(&report, "wrong")), (2.0, 1.0), "{report}");
    leaves_nothing(&report).await;
}

#[tokio::test]
async fn a_list_that_is_not_there_is_named() {
    let ended = run(example("url_shortener").args(["--once", "--urls", "/nowhere/urls.txt"])).await;
    assert_eq!(ended.status, Some(1), "{ended:#?}");
    assert!(ended.stderr.contains("/nowhere/urls.txt"), "{ended:#?}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_even_if_whoever_has_it_is_silent() {
    let taken = &free_addresses(1)[0];
    let _silent = TcpListener::bind(taken).expect("a free port");
    let port = taken.rsplit(':').next().expect("a port");
    let ended = demonstrate(&List::of(&["https://example.com/"]), &["--nodes", "1", "--port", port]).await;
    assert_eq!(ended.status, Some(1), "{ended:#?}");
    assert!(ended.stderr.contains(&format!("{taken}: Address already in use")), "{ended:#?}");
}

#[tokio::test]
async fn a_folder_given_keeps_the_addresses_for_the_next_start() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let data = data.path().to_str().expect("a path in plain letters");
    let first = demonstrate(&List::of(&["https://example.com/kept"]), &["--data", data]).await;
    assert_eq!(number(&report(&first.stdout), "stored"), 1.0, "{first:#?}");
    let second = demonstrate(&List::of(&["https://example.com/new"]), &["--data", data]).await;
    assert_eq!(number(&report(&second.stdout), "stored"), 2.0, "{second:#?}");
}

#[tokio::test]
async fn a_demonstration_that_is_killed_takes_its_nodes_with_it() {
    let list = List::of(&["https://example.com/"]);
    let mut shortener = Program::start(example("url_shortener").args(["--json", "--urls"]).arg(list.path()));
    let report = report(&shortener.stdout.line("{").await);
    shortener.stderr.line("Open any node").await;
    assert!(report["nodes"].as_array().expect("a list").iter().all(|node| !processes_of(address(node)).is_empty()));
    shortener.signal(Signal::KILL);
    assert_eq!(shortener.end().await.status, None, "it was killed");
    leaves_nothing(&report).await;
}

#[tokio::test]
async fn without_once_it_serves_until_ctrl_c() {
    let list = List::of(&["https://example.com/"]);
    let mut shortener = Program::start(example("url_shortener").args(["--json", "--urls"]).arg(list.path()));
    let report = report(&shortener.stdout.line("{").await);
    shortener.stderr.line("Open any node").await;
    let (client, nodes) = (client(), report["nodes"].as_array().expect("a list"));
    let add = format!("http://{}/add", address(&nodes[0]));
    let short = client.post(add).form(&[("url", "https://example.com/served")]).send().await.expect("an answer");
    let short = short.text().await.expect("a text");
    let code = short.trim().rsplit('/').next().expect("a code");
    for node in nodes {
        let answer = client.get(format!("http://{}/{code}", address(node))).send().await.expect("an answer");
        assert_eq!(answer.headers()[LOCATION], "https://example.com/served", "{short} at {node}");
    }
    shortener.signal(Signal::INT);
    let ended = shortener.end().await;
    assert_eq!(ended.status, Some(0), "{ended:#?}");
    leaves_nothing(&report).await;
}

#[tokio::test]
async fn a_front_without_data_gives_the_same_short_addresses() {
    let list = List::of(&["https://example.com/"]);
    let mut shortener = Program::start(example("url_shortener").args(["--json", "--urls"]).arg(list.path()));
    let report = report(&shortener.stdout.line("{").await);
    let node = address(&report["nodes"][0]);
    let front = &free_addresses(1)[0];
    let options = ["front", "--listen", front, "--public", "https://short.example", "--connect"];
    let mut program = Program::start(example("url_shortener").args(options).arg(format!("http://{node}")));
    program.stderr.line("front listens").await;
    let client = client();
    for url in ["https://example.com/", "https://example.com/front"] {
        let add = client.post(format!("http://{front}/add")).form(&[("url", url)]).send().await.expect("an answer");
        let short = add.text().await.expect("a text");
        let code = short.trim().strip_prefix("https://short.example/").expect("the public address");
        for asked in [front, node] {
            let answer = client.get(format!("http://{asked}/{code}")).send().await.expect("an answer");
            assert_eq!(answer.headers()[LOCATION], url, "{code} at {asked}");
        }
    }
    program.signal(Signal::TERM);
    let ended = program.end().await;
    assert_eq!(ended.status, Some(0), "{ended:#?}");
}

/// A file of addresses for `--urls`.
pub(crate) struct List(TempDir);

impl List {
    pub(crate) fn of(lines: &[&str]) -> Self {
        let list = Self(tempfile::tempdir().expect("a temporary folder"));
        std::fs::write(list.path(), lines.join("\n")).expect("a file in it");
        list
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("urls.txt")
    }
}

async fn demonstrate(list: &List, arguments: &[&str]) -> Ended {
    run(example("url_shortener").args(["--once", "--json", "--urls"]).arg(list.path()).args(arguments)).await
}

/// The report, which is the last line of the standard output.
pub(crate) fn report(stdout: &str) -> Value {
    let last = stdout.lines().last().expect("a line");
    serde_json::from_str(last).unwrap_or_else(|error| panic!("{error} in {last:?}"))
}

pub(crate) fn address(node: &Value) -> &str {
    node["address"].as_str().expect("an address")
}

fn number(object: &Value, member: &str) -> f64 {
    object[member].as_f64().unwrap_or_else(|| panic!("no number {member} in {object}"))
}

/// Checks that the nodes have ended, or soon do: nobody listens where they did, and their processes are gone.
async fn leaves_nothing(report: &Value) {
    for node in report["nodes"].as_array().expect("a list") {
        until_gone(address(node)).await;
        until(&format!("node {node} has ended"), async || processes_of(address(node)).is_empty().then_some(())).await;
    }
}

/// The ids of the processes that were started with `--listen address`.
fn processes_of(address: &str) -> Vec<u32> {
    let told_to_listen = |id: &u32| {
        let arguments = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let arguments: Vec<_> = arguments.split(|byte| *byte == 0).collect();
        arguments.windows(2).any(|pair| pair == [b"--listen", address.as_bytes()])
    };
    let entries = std::fs::read_dir("/proc").expect("Linux tells of its processes").filter_map(Result::ok);
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(told_to_listen).collect()
}
