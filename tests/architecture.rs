//! Holds the architecture: rooms import only rooms above them, fences stand, every file says what it
//! is for, and nothing grows out of bounds.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// Top to bottom: a room may import those before it.
const ROOMS: &[&str] = &[
    "metric",
    "number",
    "listing",
    "allocation",
    "index",
    "signal",
    "policy",
    "burst",
    "check",
    "backtest",
    "decisions",
    "feed",
    "store",
    "collect",
    "sync",
    "outcome",
    "audit",
    "access",
    "rpc",
    "telemetry",
    "config",
    "app",
    "cli",
];

/// Rooms that do no I/O and read no clock.
const PURE: [&str; 9] =
    ["number", "listing", "allocation", "signal", "policy", "burst", "check", "backtest", "feed"];

/// Words in code, and the only places under src/ where they may stand.
const FENCES: &[(&str, &[&str])] = &[
    ("redis::", &["store/redis/", "store/mod.rs"]),
    ("reqwest", &["collect/"]),
    ("redb::", &["store/embedded/"]),
    ("tonic", &["rpc/", "cli/client.rs", "cli/channel.rs", "cli/keyring.rs", "telemetry/traces.rs"]),
    ("hyper", &["rpc/"]),
    ("x509_cert", &["access/"]),
    ("prost", &["rpc/", "cli/"]),
    ("rlibphonenumber", &["number/library.rs", "telemetry/mod.rs"]),
    ("figment", &["config/"]),
    ("anyhow", &["app/", "cli/"]),
    ("clap", &["cli/"]),
    ("SystemTime", &["rpc/mod.rs"]),
    ("prometheus::", &["metric.rs", "telemetry/"]),
    ("axum", &["telemetry/"]),
    ("opentelemetry", &["telemetry/", "rpc/spans.rs"]),
];

fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    assert!(files.len() > 50, "the sources were not found");
    files
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap().display().to_string();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// The room a file belongs to, or nothing for main.rs and lib.rs.
fn room(file: &str) -> Option<usize> {
    let name = file.split('/').next().unwrap().trim_end_matches(".rs");
    ROOMS.iter().position(|room| *room == name)
}

/// The file's code without comments, texts of documentation and unit tests.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap();
    let lines = code.lines().map(|line| line.split("//").next().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

/// The rooms that code names after `crate::`, braces included.
fn imported(code: &str) -> Vec<String> {
    let word = |text: &str| {
        text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()
    };
    let mut rooms = Vec::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(group) => {
                let group = group.split('}').next().unwrap();
                rooms.extend(group.split(',').map(word));
            }
            None => rooms.push(word(rest)),
        }
    }
    rooms
}

#[test]
fn rooms_import_only_rooms_above_them() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let Some(own) = room(&file) else { continue };
        for name in imported(&code(&text)) {
            match ROOMS.iter().position(|room| *room == name) {
                Some(other) if other > own => wrong.push(format!("{file} imports {name}, which is below it")),
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_folder_and_file_of_src_is_a_room() {
    for (file, _) in sources() {
        let root = matches!(file.as_str(), "main.rs" | "lib.rs");
        assert!(root || room(&file).is_some(), "src/{file} belongs to no room of tests/architecture.rs");
    }
}

#[test]
fn fences_stand() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let code = code(&text);
        for (word, places) in FENCES {
            if code.contains(word) && !places.iter().any(|place| file.starts_with(place)) {
                wrong.push(format!("src/{file} says {word}; only {places:?} may"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pure_rooms_do_no_io_and_read_no_clock() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let pure = room(&file).is_some_and(|own| PURE.contains(&ROOMS[own]));
        for word in
            ["std::fs", "std::net", "std::time", "tokio", "async fn", "std::env", "tracing", "crate::metric"]
        {
            if pure && code(&text).contains(word) {
                wrong.push(format!("src/{file} says {word}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for_and_stays_readable() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        if !text.starts_with("//! ") {
            wrong.push(format!("src/{file} has no //! head"));
        }
        if text.lines().count() > 400 {
            wrong.push(format!("src/{file} has {} lines: split it by meaning", text.lines().count()));
        }
        if ["util", "helper", "manager", "common", "misc"].iter().any(|word| file.contains(word)) {
            wrong.push(format!("src/{file} is named after nothing"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_checks_themselves_see_what_is_wrong() {
    assert_eq!(imported("use crate::{number::Number, cli}; crate::index::Index"), ["number", "cli", "index"]);
    assert!(code("a // crate::cli\n#[cfg(test)] mod t { crate::cli }").trim() == "a");
}
