//! Counts what plain `cargo check` says of the compile-fail cases, each an example of one crate.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use serde_json::Value;

/// How many errors each of the `cases` has.
///
/// The crate's dependencies are checked in the workspace's own target directory, where they mostly are already.
pub(crate) fn errors<'a>(cases: impl Iterator<Item = &'a str>) -> BTreeMap<String, usize> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = tests.parent().expect("the workspace is around its tests");
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let target = temporary.parent().expect("the temporary directory is in the target directory");
    let folder = tempfile::tempdir_in(temporary).expect("a directory for the crate");

    fs::create_dir(folder.path().join("examples")).expect("a directory for the cases");
    let mut counts = BTreeMap::new();
    for case in cases {
        let from = tests.join("compile_fail").join(case).with_extension("rs");
        fs::copy(from, folder.path().join("examples").join(case).with_extension("rs")).expect("a case copied");
        counts.insert(case.to_owned(), 0);
    }
    fs::write(folder.path().join("Cargo.toml"), manifest(workspace)).expect("a manifest written");
    fs::copy(workspace.join("Cargo.lock"), folder.path().join("Cargo.lock")).expect("the lock file copied");

    let mut check = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    check.current_dir(folder.path()).arg("check").args(["--offline", "--examples", "--keep-going"]);
    let output = check.arg("--message-format=json").arg("--target-dir").arg(target).output().expect("cargo runs");
    let messages = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    for message in messages.map(|line| serde_json::from_slice::<Value>(line).expect("a message")) {
        let error = &message["message"];
        // The last message of each crate only says how many there were.
        if error["level"] == "error" && error["spans"].as_array().is_some_and(|spans| !spans.is_empty()) {
            let case = message["target"]["name"].as_str().unwrap_or_default();
            *counts.entry(case.to_owned()).or_default() += 1;
        }
    }
    counts
}

/// With the profiles of the workspace, so that what it has checked fits.
fn manifest(workspace: &Path) -> String {
    let whole = fs::read_to_string(workspace.join("Cargo.toml")).expect("the workspace's manifest");
    let sections = whole
        .split("\n[")
        .filter(|section| section.starts_with("profile.dev]") || section.starts_with("profile.dev.package.rpc-"));
    let profiles: String = sections.map(|section| format!("[{section}\n")).collect();
    format!(
        "[package]\nname = \"counted\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dev-dependencies]\nwherever = {{ path = {workspace:?} }}\nserde = {{ version = \"1\", features = [\"derive\"] }}\n\n{profiles}"
    )
}
