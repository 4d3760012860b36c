//! Every help text, so that the command line never changes by accident.
//! `INSTA_UPDATE=always cargo test --test cli` takes over what is printed now.

use crate::served::{Served, command, run};

/// The help text of a verb, and of all verbs below it: none can be forgotten.
fn help(verb: &[&str], all: &mut String) {
    let ran = run(&[verb, &["--help"]].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{verb:?}");
    all.push_str(&format!("$ numguard {} --help\n{}\n", verb.join(" "), ran.stdout));
    let below = ran.stdout.split("Commands:\n").nth(1).unwrap_or_default();
    // A verb stands two columns in; the rest of its text further, if it takes a second line.
    let below = below.lines().take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
    for name in below.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help") {
        help(&[verb, &[name]].concat(), all);
    }
}

#[test]
fn help_texts() {
    let mut all = String::new();
    help(&[], &mut all);
    for known in ["numguard check", "numguard feed quarantine release", "numguard listing undo"] {
        assert!(all.contains(&format!("$ {known} --help")), "the walk did not reach {known}");
    }
    insta::assert_snapshot!("help", all);
}

#[test]
fn version_and_completions() {
    assert_eq!(run(&["--version"]).stdout, format!("numguard {}\n", env!("CARGO_PKG_VERSION")));
    for shell in ["bash", "zsh", "fish"] {
        let ran = run(&["completions", shell]);
        assert!(ran.code == Some(0) && ran.stdout.contains("listing"), "{shell}: {ran:?}");
    }
}

#[test]
fn manual_pages_are_printed_and_written_for_each_verb() {
    let printed = run(&["man"]);
    assert!(printed.code == Some(0) && printed.stdout.contains(".TH numguard 1"), "{printed:?}");
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(&["man", "--dir", folder.path().to_str().unwrap()]).code, Some(0));
    for page in ["numguard.1", "numguard-check.1", "numguard-feed-quarantine-release.1"] {
        let page = std::fs::read_to_string(folder.path().join(page)).unwrap();
        assert!(page.contains(".SH OPTIONS") && page.contains("NAME"), "{page}");
    }
}

/// So that it can stand in place of grpc_health_probe.
#[test]
fn health_exits_as_probes_do() {
    assert_eq!(run(&["health", "--wrong"]).code, Some(1));
    assert_eq!(run(&["health", "--help"]).code, Some(0));
    assert_eq!(run(&["health", "--server", "http://127.0.0.1:9"]).code, Some(2));
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    assert_eq!(run(&["health", "--timeout", "1", "--server", &url]).code, Some(3));
    let folder = tempfile::tempdir().unwrap();
    // No store and no saved index: alive, and not serving.
    let redis = Served::start(folder.path(), &["--redis", "redis://127.0.0.1:9"]);
    let ran = redis.run(&["health"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), "NOT_SERVING\n"), "{ran:?}");
    drop(redis);
    let served = Served::empty(&folder.path().join("own"));
    let ran = served.run(&["health", "--service", "numguard.v1.CheckService"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "SERVING\n"), "{ran:?}");
    assert_eq!(served.run(&["health", "--service", "no.such.Service"]).code, Some(3));
}

#[test]
fn a_wrong_command_line_exits_with_2() {
    for wrong in [
        &["chekc"][..],
        &[],
        &["check"],
        &["serve", "--listen", "nowhere"],
        &["check", "--output", "xml", "+1"],
    ] {
        let ran = run(wrong);
        assert_eq!(ran.code, Some(2), "{wrong:?}: {ran:?}");
        assert!(ran.stderr.contains("Usage") || ran.stderr.contains("--help"), "{wrong:?}: {ran:?}");
    }
}

#[test]
fn the_default_configuration_and_policy_check_out() {
    let ran = run(&["config", "check"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "configuration and policy default-2 are right\n"));
    assert!(run(&["config", "default"]).stdout.contains("listen = \"127.0.0.1:50051\""));
    assert!(run(&["config", "policy"]).stdout.contains("[thresholds]"));
    let shown = command(&["config", "show"]).env("NUMGUARD_LOG__FORMAT", "json").output().unwrap();
    assert!(String::from_utf8_lossy(&shown.stdout).contains("format = \"json\""));
}
