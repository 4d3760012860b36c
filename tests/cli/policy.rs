//! Named policies and context, from a file through the service to an answer; and what `validate` says.

use numguard::core::policy::DEFAULT;

use crate::served::{Served, file, run};

/// The built-in policy with two named ones and a pair of regions.
fn text() -> String {
    format!(
        "{DEFAULT}\n[[weights.region_mismatch]]\nnumber = \"GB\"\nip = \"NG\"\nweight = 0.6\n\n\
         [policy.payout]\nthresholds.challenge = 10\n\n[policy.watch]\nthresholds.block = 101\n\
         shadow = [\"LINE_TYPE\"]\n"
    )
}

#[test]
fn a_check_names_its_policy_and_the_answer_tells_which_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let policy = file(&folder, "policy.toml", text().as_bytes());
    let flags = ["--no-starter-data", "--policy", policy.to_str().unwrap()];
    let served = Served::start(&folder.path().join("data"), &flags);
    let voip = "+33912345678";
    for (name, verdict, version) in [
        ("", "ALLOW", "default-3"),
        ("default", "ALLOW", "default-3"),
        ("payout", "CHALLENGE", "default-3/payout"),
        ("watch", "ALLOW", "default-3/watch"),
    ] {
        let ran = served.run(&["check", "-o", "json", voip, "--policy", name]);
        let told: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!((&told["verdict"], &told["policy_version"]), (&verdict.into(), &version.into()), "{told}");
    }
    let unknown = served.run(&["check", voip, "--policy", "no-such"]);
    assert!(unknown.code == Some(1) && unknown.stderr.contains("default, payout, watch"), "{unknown:?}");

    let list = served.run(&["policy", "list"]);
    assert!(list.code == Some(0) && list.stdout.contains("default-3/watch"), "{list:?}");
    let shown = served.run(&["policy", "show", "payout"]);
    let settings: toml::Table = shown.stdout.parse().unwrap();
    assert_eq!(settings["thresholds"]["challenge"].as_integer(), Some(10));
    assert_eq!(settings["thresholds"]["block"].as_integer(), Some(85), "taken over");
    assert_eq!(served.run(&["policy", "show", "no-such"]).code, Some(1));
}

#[test]
fn explain_tells_what_a_signal_on_trial_would_do() {
    let folder = tempfile::tempdir().unwrap();
    let policy = file(&folder, "policy.toml", text().as_bytes());
    let flags = ["--no-starter-data", "--policy", policy.to_str().unwrap()];
    let served = Served::start(&folder.path().join("data"), &flags);
    let ran = served.run(&["explain", "+447400123456", "--ip-region", "NG"]);
    assert!(ran.stdout.starts_with("+447400123456  ALLOW"), "{ran:?}");
    assert!(ran.stdout.contains("a number of GB from an address in NG"), "{ran:?}");
    let trial = "REGION_MISMATCH is on trial: with a say it would be CHALLENGE 60";
    assert!(ran.stdout.contains(trial), "{ran:?}");
    // The same address, and a business on a wholesaler's range.
    let ran = served.run(&["explain", "+447418612345", "--ip-region", "NG", "--account", "business"]);
    assert!(ran.stdout.contains("CHALLENGE") && ran.stdout.contains("(RANGE_HOLDER)"), "{ran:?}");
    for (flag, value, field) in
        [("--ip-region", "Peru", "context.ip_region"), ("--last-verified", "2105-01-01", "last_verified_at")]
    {
        let ran = served.run(&["explain", "+447418612345", flag, value]);
        assert!(ran.code == Some(1) && ran.stderr.contains(field), "{ran:?}");
    }
}

#[test]
fn validate_names_file_line_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let good = file(&folder, "good.toml", text().as_bytes());
    let good = good.to_str().unwrap();
    let ran = run(&["policy", "validate", good]);
    let right = format!("{good} is right: default-3, default-3/payout, default-3/watch\n");
    assert_eq!((ran.code, ran.stdout), (Some(0), right));

    let bad = text()
        .replace("thresholds.challenge = 10", "thresholds.challenge = 90")
        .replace("VOIP = 0.15", "VOIP = 0");
    let line = |start: &str| bad.lines().position(|line| line.starts_with(start)).unwrap() + 1;
    let path = file(&folder, "bad.toml", bad.as_bytes());
    let path = path.to_str().unwrap();
    let ran = run(&["policy", "validate", path]);
    let expected = format!(
        "{path}:{}: error: policy.payout.thresholds.block is 85: expected at least thresholds.challenge",
        line("block = 85")
    );
    assert!(ran.code == Some(1) && ran.stdout.contains(&expected), "{expected}\n{ran:?}");
    let expected = format!("{path}:{}: warning: weights.line_types.VOIP is 0", line("VOIP = 0"));
    assert!(ran.stdout.contains(&expected) && ran.stderr.contains("1 errors"), "{expected}\n{ran:?}");
    let served = run(&["serve", "--policy", path, "--data-dir", folder.path().join("x").to_str().unwrap()]);
    assert!(served.code == Some(1) && served.stderr.contains("thresholds.block is 85"), "{served:?}");
    assert_eq!(run(&["policy", "validate", "/no/such"]).code, Some(1));
}

#[test]
fn a_changed_policy_file_counts_at_once_and_a_wrong_one_never() {
    let folder = tempfile::tempdir().unwrap();
    let policy = file(&folder, "policy.toml", text().as_bytes());
    let log = folder.path().join("log");
    let flags = ["--no-starter-data", "--policy", policy.to_str().unwrap()];
    let served = Served::logging_with(&folder.path().join("data"), &flags, &log);
    let version = || -> String {
        let ran = served.run(&["check", "-o", "json", "+33912345678"]);
        let told: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        format!("{} {}", told["policy_version"].as_str().unwrap(), told["verdict"].as_str().unwrap())
    };
    let said = |words: &str| std::fs::read_to_string(&log).unwrap().matches(words).count();
    let until = |what: &dyn Fn() -> bool| {
        for _ in 0..600 {
            if what() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("still not so after a minute: {}", std::fs::read_to_string(&log).unwrap());
    };
    let usual = version();
    assert!(usual.ends_with(" ALLOW"), "{usual}");

    // A ConfigMap's way: another file takes the name.
    let strict = text().replacen("challenge = 50", "challenge = 10", 1);
    let strict = strict.replacen("version = \"default-", "version = \"strict-", 1);
    std::fs::write(folder.path().join("next"), &strict).unwrap();
    std::fs::rename(folder.path().join("next"), &policy).unwrap();
    until(&|| version().starts_with("strict-") && version().ends_with(" CHALLENGE"));
    assert!(served.run(&["policy", "list"]).stdout.contains("strict-"));

    std::fs::write(&policy, "version = \"half").unwrap();
    until(&|| said("the old policy stays in force") == 1);
    std::thread::sleep(std::time::Duration::from_secs(5));
    assert_eq!(said("the old policy stays in force"), 1, "told once");
    assert!(version().starts_with("strict-"));

    std::fs::write(&policy, text()).unwrap();
    until(&|| version() == usual);
}
