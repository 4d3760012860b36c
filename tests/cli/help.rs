//! Every help text, so that the command line never changes by accident.
//! `INSTA_UPDATE=always cargo test --test cli` takes over what is printed now.

use crate::served::{Served, command, run};

/// Calls `each` with every verb and its help, from the top: none can be forgotten.
pub(crate) fn each_verb(each: &mut dyn FnMut(&[&str], &str)) {
    below(&[], each);
}

fn below(verb: &[&str], each: &mut dyn FnMut(&[&str], &str)) {
    let ran = run(&[verb, &["--help"]].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{verb:?}");
    each(verb, &ran.stdout);
    let names = ran.stdout.split("Commands:\n").nth(1).unwrap_or_default();
    // A verb is two columns in; the rest of its text further, if it takes a second line.
    let names = names.lines().take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
    for name in names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help") {
        below(&[verb, &[name]].concat(), each);
    }
}

#[test]
fn help_texts() {
    let mut all = String::new();
    each_verb(&mut |verb, help| all.push_str(&format!("$ numguard {} --help\n{help}\n", verb.join(" "))));
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

fn doctor(served: &Served, flags: &[&str]) -> (Option<i32>, Vec<serde_json::Value>) {
    let ran = served.run(&[&["doctor", "-o", "json"], flags].concat());
    let findings = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (ran.code, findings)
}

#[test]
fn the_doctor_tells_what_is_wrong_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let served = Served::empty(&data);
    served.run(&["listing", "put", "+447400123456"]);
    let flags = ["--data-dir", data.to_str().unwrap()];
    let (code, findings) = doctor(&served, &flags);
    assert_eq!(code, Some(0), "{findings:?}");
    for what in
        ["configuration", "policy", "feeds", "saved index", "audit record", "store", "service", "index"]
    {
        assert!(findings.iter().any(|finding| finding["what"] == what), "{what}: {findings:?}");
    }
    // What is bad, and what is to be done about it.
    let record = data.join("audit.jsonl");
    let told = |served: &Served, flags: &[&str], what: &str| {
        let (code, findings) = doctor(served, flags);
        let found = findings.into_iter().find(|finding| finding["what"] == what && finding["is"] == "BAD");
        assert_eq!(code, Some(1), "{what}");
        let found = found.unwrap_or_else(|| panic!("{what} is not bad"));
        format!("{} -> {}", found["found"].as_str().unwrap(), found["to_do"].as_str().unwrap())
    };
    let mode = |mode| std::os::unix::fs::PermissionsExt::from_mode(mode);
    std::fs::set_permissions(&record, mode(0o644)).unwrap();
    assert!(told(&served, &flags, "audit record").contains("others may read it (mode 644)"));
    std::fs::set_permissions(&record, mode(0o600)).unwrap();
    let text = std::fs::read_to_string(&record).unwrap();
    std::fs::write(&record, text.replacen("BLOCK", "ALLOW", 1)).unwrap();
    assert!(told(&served, &flags, "audit record").contains("numguard audit verify"));
    let wrong = folder.path().join("wrong.toml");
    std::fs::write(&wrong, "lisen = 5\n").unwrap();
    assert!(told(&served, &["--config", wrong.to_str().unwrap()], "configuration").contains("lisen"));
    std::fs::write(&wrong, "[redis]\nurl = \"redis://127.0.0.1:9\"\n").unwrap();
    assert!(told(&served, &["--config", wrong.to_str().unwrap()], "store").contains("is it running"));
    std::fs::write(&wrong, format!("data_dir = {:?}\n", record.join("x"))).unwrap();
    assert!(
        told(&served, &["--config", wrong.to_str().unwrap()], "data folder")
            .contains("audit.jsonl is no folder")
    );
    assert!(
        told(&served, &["--redis", "redis://127.0.0.1:9"], "store").contains("is it running"),
        "as for serve"
    );
    let nobody = ["--data-dir", data.to_str().unwrap(), "--server", "http://127.0.0.1:9"];
    let nobody = run(&[&["doctor"], &nobody[..]].concat());
    assert_eq!(nobody.code, Some(1), "a service that is named should be there: {nobody:?}");
    let table = served.run(&["doctor"]);
    assert!(table.stdout.contains("WHAT") && table.stdout.contains(" bad\n"), "{table:?}");
}

#[test]
fn top_shows_one_view_for_scripts() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::empty(folder.path());
    served.run(&["check", "+447400123456"]);
    let ran = served.run(&["top", "--once", "--every", "1"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for words in ["per second", "(1 since its start)", "follows the store", "FEED", "policy default-"] {
        assert!(ran.stdout.contains(words), "{ran:?} does not say {words:?}");
    }
    assert!(!ran.stdout.contains('\x1b'), "no escapes where there is no terminal");
    assert_eq!(served.run(&["top", "--every", "0"]).code, Some(2));
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
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "configuration and policy default-3 are right\n"));
    assert!(run(&["config", "default"]).stdout.contains("listen = \"127.0.0.1:50051\""));
    assert!(run(&["config", "policy"]).stdout.contains("[thresholds]"));
    let shown = command(&["config", "show"]).env("NUMGUARD_LOG__FORMAT", "json").output().unwrap();
    assert!(String::from_utf8_lossy(&shown.stdout).contains("format = \"json\""));
}
