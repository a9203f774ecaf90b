//! The style of the project, as far as a machine can check it. Each failure says what to do.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Most lines of code in one file; comments and blank lines do not count.
const MOST_LINES: usize = 400;

/// The modules of `rpc-core`, from the bottom up. A file uses what stands before its own module, and its own module.
const CORE: [&str; 21] = [
    "limits",
    "stripes",
    "clock",
    "slot",
    "node",
    "error",
    "build",
    "codec",
    "service",
    "call",
    "merge",
    "coordinator",
    "state",
    "cluster",
    "route",
    "transport",
    "provider",
    "client",
    "inject",
    "private",
    "lib",
];

/// The modules of `rpc-server`, from the bottom up.
const SERVER: [&str; 11] =
    ["coordinator", "listener", "memory", "catalogue", "cluster", "node", "gateway", "http", "serve", "testing", "lib"];

/// Names that say nothing.
const EMPTY_NAMES: [&str; 6] = ["utils", "util", "helpers", "common", "types", "manager"];

/// What PROTOCOL.md describes. When one of these changes, the document is to be read again.
const WIRE: [&str; 31] = [
    "rpc-core/src/coordinator.rs",
    "rpc-core/src/coordinator/wire.rs",
    "rpc-core/src/cluster/hand_over.rs",
    "rpc-core/src/cluster/request.rs",
    "rpc-core/src/transport/headers.rs",
    "rpc-core/src/transport/headers/about.rs",
    "rpc-core/src/transport/frames.rs",
    "rpc-core/src/transport/frames/body.rs",
    "rpc-core/src/transport/frames/call.rs",
    "rpc-core/src/transport/frames/fault.rs",
    "rpc-core/src/transport/frames/frame.rs",
    "rpc-core/src/transport/frames/hello.rs",
    "rpc-core/src/transport/frames/kind.rs",
    "rpc-core/src/transport/frames/notes.rs",
    "rpc-core/src/transport/frames/number.rs",
    "rpc-core/src/transport/frames/parts.rs",
    "rpc-core/src/transport/frames/read.rs",
    "rpc-core/src/transport/frames/runs.rs",
    "rpc-core/src/transport/frames/streams.rs",
    "rpc-core/src/transport/frames/write.rs",
    "rpc-core/src/transport/http/lines.rs",
    "rpc-core/src/error/kind.rs",
    "rpc-core/src/error/record.rs",
    "rpc-core/src/codec/envelope/write.rs",
    "rpc-core/src/codec/compact/number.rs",
    "rpc-core/src/codec/compact/reader.rs",
    "rpc-core/src/codec/compact/writer.rs",
    "rpc-core/src/cluster/view.rs",
    "rpc-server/src/http/origin.rs",
    "rpc-server/src/http/doorman.rs",
    "rpc-server/src/http/lines.rs",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the project's root").to_owned()
}

/// Every file that is or would be part of a commit, by its path from the root.
fn files() -> Vec<String> {
    let listed = Command::new("git").args(["ls-files", "-co", "--exclude-standard"]).current_dir(root()).output();
    let listed = listed.expect("git lists the files: the tests run in a checkout");
    let listed = String::from_utf8(listed.stdout).expect("names are text");
    listed.lines().filter(|name| root().join(name).is_file()).map(str::to_owned).collect()
}

/// The files written by hand in Rust, with their text.
fn sources() -> BTreeMap<String, String> {
    let by_hand =
        |name: &String| name.ends_with(".rs") && !name.contains("/golden/") && !name.contains("/compile_fail/");
    files().into_iter().filter(by_hand).map(|name| (name.clone(), text(&name))).collect()
}

fn text(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn report(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn every_file_says_first_what_it_is() {
    let says = |text: &str| text.starts_with("//!") || text.starts_with("#![doc = include_str!");
    let silent = sources().into_iter().filter(|(_, text)| !says(text));
    report(&silent.map(|(name, _)| format!("{name}: begin with a `//!` sentence")).collect::<Vec<_>>());
}

#[test]
fn no_file_is_a_house_without_rooms() {
    let code =
        |text: &str| text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count();
    let sources = sources();
    let large = sources.iter().map(|(name, text)| (name, code(text))).filter(|(_, lines)| *lines > MOST_LINES);
    report(
        &large.map(|(name, lines)| format!("{name}: {lines} lines of code, at most {MOST_LINES}")).collect::<Vec<_>>(),
    );
}

#[test]
fn no_name_says_nothing() {
    let is_empty = |name: &String| {
        let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        EMPTY_NAMES.contains(&stem)
    };
    report(
        &files()
            .into_iter()
            .filter(is_empty)
            .map(|name| format!("{name}: name it after what is in it"))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn imports_go_from_later_modules_to_earlier_ones() {
    let mut problems = Vec::new();
    for (folder, modules) in [("rpc-core/src/", CORE.as_slice()), ("rpc-server/src/", SERVER.as_slice())] {
        let rank = |module: &str| modules.iter().position(|known| *known == module);
        for (name, text) in sources().iter().filter(|(name, _)| name.starts_with(folder)) {
            let module = name[folder.len()..].split(['/', '.']).next().unwrap_or_default();
            let Some(own) = rank(module) else {
                problems.push(format!("{name}: give the module {module} its place in tests/tidy.rs"));
                continue;
            };
            for used in used_modules(text).filter(|used| rank(used).is_some_and(|rank| rank > own)) {
                problems.push(format!("{name}: {module} must not use {used}, which stands above it"));
            }
        }
    }
    report(&problems);
}

/// The modules named as `crate::module`, outside of comments.
fn used_modules(text: &str) -> impl Iterator<Item = &str> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split("crate::").skip(1)).map(|rest| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

#[test]
fn frameworks_are_named_only_where_they_belong() {
    let mut problems = Vec::new();
    // hyper serves our listener, and takes a connection from HTTP to frames at both ends.
    let upgrades =
        ["rpc-server/src/listener", "rpc-server/src/http/frames", "rpc-core/src/transport/multiplex/dial.rs"]
            .as_slice();
    for (word, homes) in [
        ("etcd_client::", ["rpc-etcd/src/"].as_slice()),
        ("reqwest::", &["rpc-core/src/transport/http"]),
        ("axum::", &["rpc-server/src/"]),
        ("hyper::", upgrades),
    ] {
        let crates = ["rpc-core/src/", "rpc-server/src/", "rpc-macros/src/"];
        let starts_with_any = |name: &str, all: &[&str]| all.iter().any(|start| name.starts_with(start));
        let own = |name: &str| starts_with_any(name, &crates) && !starts_with_any(name, homes);
        let names_it =
            |text: &str| text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(word));
        let strays = sources().into_iter().filter(|(name, text)| own(name) && names_it(text));
        problems.extend(strays.map(|(name, _)| format!("{name}: {word} belongs in {}", homes.join(" or "))));
    }
    report(&problems);
}

#[test]
fn nothing_is_left_for_later() {
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("#[ign", "ore]")];
    let mut problems = Vec::new();
    for (name, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                problems.push(format!("{name}:{}: finish it, or say it in an issue", number + 1));
            }
        }
    }
    report(&problems);
}

#[test]
fn the_protocol_was_read_again_when_the_wire_changed() {
    // FNV-1a: any change shows, nothing more is asked of it.
    let hash = WIRE
        .iter()
        .flat_map(|name| text(name).into_bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mark = format!("<!-- wire {hash:016x} -->");
    assert!(
        text("PROTOCOL.md").contains(&mark),
        "the files that make the wire have changed: read PROTOCOL.md against them ({}), then end it with\n{mark}",
        WIRE.join(", ")
    );
}

#[test]
fn architecture_is_short_and_names_files_that_exist() {
    let text = text("ARCHITECTURE.md");
    assert!(text.lines().count() < 200, "ARCHITECTURE.md has {} lines", text.lines().count());
    let known = files();
    let named =
        text.split('`').skip(1).step_by(2).filter(|word| word.ends_with(".rs") && !word.contains(['{', ' ', '*']));
    let missing = named.filter(|word| !known.iter().any(|name| name.ends_with(word)));
    report(&missing.map(|word| format!("ARCHITECTURE.md names {word}, which does not exist")).collect::<Vec<_>>());
}

#[test]
fn the_readme_names_no_file_that_does_not_exist() {
    let text = text("README.md");
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter(|link| !link.contains("://"));
    let missing = links.filter(|link| !root().join(link).exists());
    report(&missing.map(|link| format!("README.md links to {link}, which does not exist")).collect::<Vec<_>>());
}
