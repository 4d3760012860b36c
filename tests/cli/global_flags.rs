//! Flags that all verbs share: taken before and after the verb, listed once in its help, and refused
//! where they would have no effect.

use crate::help::each_verb;
use crate::served::{Ran, Served, command, run};

/// The global flags as `--help` prints them.
const FLAGS: [&str; 10] = [
    "--output <OUTPUT>",
    "--yes ",
    "--author <NAME>",
    "--request-id <ID>",
    "--server <URL>",
    "--timeout <SECONDS>",
    "--api-key-file <FILE>",
    "--ca <FILE>",
    "--cert <FILE>",
    "--cert-key <FILE>",
];

/// Lines that a help may have at 80 columns.
const SCREEN: usize = 60;

/// Lines that the help of `check` may have at 80 columns.
const SCREEN_OF_CHECK: usize = 50;

/// Lines that the list of all verbs may have at 80 columns; each new verb is a line.
const SCREEN_OF_ALL: usize = 75;

/// A command line that is printed 80 columns wide.
fn narrow(arguments: &[&str]) -> Ran {
    command(arguments).env("COLUMNS", "80").output().unwrap().into()
}

#[test]
fn every_help_fits_a_screen_and_lists_global_options_once() {
    let mut verbs = 0;
    each_verb(&mut |verb, _| {
        let help = narrow(&[verb, &["--help"]].concat()).stdout;
        let lines = help.lines().count();
        let most = match verb {
            [] => SCREEN_OF_ALL,
            ["check"] => SCREEN_OF_CHECK,
            _ => SCREEN,
        };
        assert!(lines <= most, "{verb:?} prints {lines} lines:\n{help}");
        // clap does not break the line of usage.
        let mut wide = help.lines().filter(|line| line.chars().count() > 80 && !line.starts_with("Usage: "));
        assert_eq!(wide.next(), None, "{verb:?}:\n{help}");
        let (own, global) = help.split_once("\nGlobal options:\n").unwrap_or((&help, ""));
        for flag in FLAGS {
            assert!(
                !own.contains(&format!("  {flag}")),
                "{verb:?}: {flag} is no option of the verb:\n{help}"
            );
            assert!(global.matches(flag).count() <= 1, "{verb:?}: {flag} is listed twice:\n{help}");
        }
        assert!(!global.contains("Global options"), "{verb:?}:\n{help}");
        verbs += 1;
    });
    assert!(verbs > 60, "the walk reached {verbs} verbs");
    let all = narrow(&["--help"]).stdout;
    assert!(all.starts_with("Virtual-number abuse detector"), "{all}");
    for flag in FLAGS {
        assert_eq!(all.matches(flag).count(), 1, "{flag}:\n{all}");
    }
    for (verb, shown, hidden) in [
        (&["check"][..], &["--server", "--output"][..], &["--author", "--request-id", "--yes"][..]),
        (&["listing", "put"], &["--server", "--author", "--request-id"], &["--output", "--yes"]),
        (&["listing", "undo"], &["--server", "--author", "--output", "--yes"], &[]),
        (&["policy", "validate"], &["--output"], &["--server", "--timeout", "--ca"]),
        (&["config", "check"], &[], &["--server", "--output"]),
        (&["listing"], &[], &["--server", "--output", "--author"]),
    ] {
        let help = run(&[verb, &["--help"]].concat()).stdout;
        for flag in shown {
            assert!(help.contains(&format!("{flag} ")), "{verb:?} {flag}:\n{help}");
        }
        for flag in hidden {
            assert!(!help.contains(&format!("{flag} ")), "{verb:?} {flag}:\n{help}");
        }
    }
}

/// A verb with a global flag before it, after it, and between a noun and its verb.
fn places<'a>(verb: &[&'a str], flag: &[&'a str]) -> Vec<Vec<&'a str>> {
    let (noun, rest) = verb.split_at(1);
    vec![[flag, verb].concat(), [verb, flag].concat(), [noun, flag, rest].concat()]
}

#[test]
fn each_global_flag_is_taken_before_and_after_the_verb() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::empty(folder.path());
    let nobody = "http://127.0.0.1:9";
    let check = ["check", "+447400123456"];
    for (flag, code, words) in [
        (["--output", "json"], 0, "{\"input\":\"+447400123456\""),
        (["-o", "json"], 0, "{\"input\":\"+447400123456\""),
        (["--output", "xml"], 2, "invalid value 'xml' for '--output <OUTPUT>'"),
        (["--server", nobody], 1, "no numguard answers at http://127.0.0.1:9"),
        (["--timeout", "20"], 0, "+447400123456"),
        (["--timeout", "x"], 2, "invalid value 'x' for '--timeout <SECONDS>'"),
        (["--api-key-file", "/nowhere/key"], 1, "/nowhere/key"),
        (["--ca", "ca.pem"], 1, "is not TLS, so certificates are of no use"),
        (["--cert", "own.pem"], 2, "--cert-key <FILE>"),
        (["--cert-key", "own.key"], 2, "--cert <FILE>"),
    ] {
        for arguments in places(&check, &flag) {
            let ran = served.run(&arguments);
            assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
            assert!(format!("{}{}", ran.stdout, ran.stderr).contains(words), "{arguments:?}: {ran:?}");
        }
    }
    let put = ["listing", "put", "+447400123456"];
    for (at, arguments) in places(&put, &["--author", "ann"]).iter().enumerate() {
        let ran = served.run(arguments);
        assert!(ran.stdout.contains("BLOCK by ann"), "{at} {arguments:?}: {ran:?}");
    }
    // The first of them makes the change, and the others repeat it.
    let mut answers =
        places(&put, &["--request-id", "one"]).into_iter().map(|arguments| served.run(&arguments));
    let first = answers.next().unwrap();
    assert_eq!(first.code, Some(0), "{first:?}");
    for again in answers {
        assert_eq!((again.code, &again.stdout), (Some(0), &first.stdout), "{again:?}");
    }
    let delete = ["listing", "delete", "+447400123456", "+447400123457"];
    assert_eq!(served.run(&delete).code, Some(1), "nobody is asked, so nothing is deleted");
    for arguments in places(&delete, &["--yes"]) {
        assert_eq!(served.run(&arguments).code, Some(0), "{arguments:?}");
    }
}

#[test]
fn a_flag_beats_the_environment_and_the_last_place_wins() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::empty(folder.path());
    let nobody = "http://127.0.0.1:9";
    let health = |arguments: &[&str], environment: &str| {
        command(arguments).env("NUMGUARD_SERVER", environment).status().unwrap().code()
    };
    let url = served.url.as_str();
    assert_eq!(health(&["health"], url), Some(0));
    assert_eq!(health(&["--server", url, "health"], nobody), Some(0));
    assert_eq!(health(&["health", "--server", url], nobody), Some(0));
    assert_eq!(health(&["--server", nobody, "health", "--server", url], nobody), Some(0));
    assert_eq!(health(&["--server", nobody, "health", "--wrong"], url), Some(1), "as probes exit");
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    let begun = std::time::Instant::now();
    assert_eq!(health(&["--timeout", "1", "health"], &silent), Some(3), "no answer in time");
    assert!(begun.elapsed().as_secs() < 20, "the time before the verb counts, not the usual 30 s");
}

#[test]
fn a_verb_refuses_flags_that_would_have_no_effect() {
    for (verb, flag, why) in [
        (&["config", "check"][..], &["--server", "http://127.0.0.1:9"][..], "asks no service"),
        (&["man"], &["--timeout", "5"], "asks no service"),
        (&["key", "list", "--offline"], &["--server", "http://127.0.0.1:9"], "asks no service"),
        (&["completions", "bash"], &["--ca", "ca.pem"], "asks no service"),
        (&["check", "+447400123456"], &["--author", "ann"], "makes no change that is recorded"),
        (&["stats"], &["--request-id", "one"], "makes no change that is recorded"),
        (&["listing", "put", "+447400123456"], &["-o", "json"], "has one form only"),
        (&["export"], &["--output", "table"], "has one form only"),
    ] {
        for arguments in [[flag, verb].concat(), [verb, flag].concat()] {
            let ran = run(&arguments);
            assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{arguments:?}: {ran:?}");
            assert!(ran.stderr.contains("unexpected argument"), "{arguments:?}: {ran:?}");
            assert!(ran.stderr.contains(why), "{arguments:?}: {ran:?}");
        }
    }
    // Where nothing is asked, `--yes` has its effect already.
    assert_eq!(run(&["--yes", "config", "check"]).code, Some(0));
}

/// Compose files and shared settings leave variables empty; a user's name may be any bytes.
#[test]
fn an_empty_or_odd_variable_stops_no_verb_that_does_not_use_it() {
    use std::os::unix::ffi::OsStrExt;
    let odd = std::ffi::OsStr::from_bytes(b"\xff");
    let names = [
        "NUMGUARD_CA",
        "NUMGUARD_CERT",
        "NUMGUARD_CERT_KEY",
        "NUMGUARD_API_KEY_FILE",
        "NUMGUARD_SERVER",
        "USER",
    ];
    for name in names {
        for value in [std::ffi::OsStr::new(""), odd] {
            let ran =
                |arguments: &[&str]| -> Ran { command(arguments).env(name, value).output().unwrap().into() };
            let checked = ran(&["config", "check"]);
            assert_eq!(checked.code, Some(0), "{name} {value:?}: {checked:?}");
            let serve = ran(&["serve", "--config", "/nowhere"]);
            assert!(
                serve.code == Some(1) && serve.stderr.contains("/nowhere"),
                "{name} {value:?}: {serve:?}"
            );
            let listed = ran(&["audit", "list", "--data-dir", "/nowhere"]);
            assert_ne!(listed.code, Some(2), "{name} {value:?}: {listed:?}");
        }
    }
}

#[test]
fn what_the_environment_says_stops_no_verb_that_asks_no_service() {
    let ran = |arguments: &[&str]| -> Ran {
        let set = [("NUMGUARD_SERVER", "nowhere"), ("NUMGUARD_CERT", "own.pem"), ("NUMGUARD_CA", "ca.pem")];
        command(arguments).envs(set).output().unwrap().into()
    };
    assert_eq!(ran(&["config", "check"]).code, Some(0));
    let check = ran(&["check", "+447400123456"]);
    assert!(check.code == Some(2) && check.stderr.contains("--cert-key <FILE>"), "{check:?}");
    for noun in [&[][..], &["listing"], &["feed", "quarantine"]] {
        let ran = ran(noun);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{noun:?}: {ran:?}");
        assert!(ran.stderr.contains("\nCommands:\n"), "{noun:?} prints its help: {ran:?}");
    }
}
