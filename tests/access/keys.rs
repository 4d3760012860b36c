//! API keys: the first one, scopes, revoking, and what those who may not call are told.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::asked::{Caller, refusal};
use crate::served::{Ran, Served, command, run};

pub(crate) const KEYS: &str = "[access]\nkeys = true\n";

/// Serves with these settings; its log goes to `folder/log`.
pub(crate) fn serve(folder: &Path, settings: &str) -> Served {
    let config = folder.join("numguard.toml");
    fs::write(&config, settings).unwrap();
    let flags = ["--no-starter-data", "--config", config.to_str().unwrap()];
    Served::logging_with(&folder.join("data"), &flags, &folder.join("log"))
}

/// The text of a key made in the store itself, before it is served.
pub(crate) fn first_key(folder: &Path, client: &str, scopes: &str) -> String {
    let data = folder.join("data");
    let ran = run(&[
        "key",
        "create",
        "--offline",
        "--data-dir",
        data.to_str().unwrap(),
        "--client",
        client,
        "--scopes",
        scopes,
    ]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("the only time"), "{ran:?}");
    ran.stdout.trim().to_owned()
}

/// A verb with a key.
pub(crate) fn with(served: &Served, key: &str, arguments: &[&str]) -> Ran {
    let mut command: Command = command(arguments);
    command.env("NUMGUARD_SERVER", &served.url).env("NUMGUARD_API_KEY", key);
    command.output().unwrap().into()
}

pub(crate) fn refused(ran: &Ran, words: &[&str]) {
    assert_eq!((ran.code, ran.stderr.lines().count()), (Some(1), 1), "{ran:?}");
    for word in words {
        assert!(ran.stderr.contains(word), "{:?} does not say {word:?}", ran.stderr);
    }
}

pub(crate) fn name(key: &str) -> &str {
    &key[..15]
}

#[test]
fn a_key_opens_what_its_scopes_say_until_it_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let admin = first_key(folder.path(), "ops", "admin");
    let served = serve(folder.path(), KEYS);
    let log = || fs::read_to_string(folder.path().join("log")).unwrap();

    let open = served.run(&["health"]);
    assert_eq!(open.stdout, "SERVING\n", "probes have no key");
    refused(
        &served.run(&["check", "+447400123456"]),
        &["Unauthenticated", "wants an API key", "--api-key-file"],
    );
    refused(&served.run(&["stats"]), &["Unauthenticated"]);
    refused(&with(&served, "ng_nonsense", &["stats"]), &["the API key does not read", "copy it again"]);

    let made = with(&served, &admin, &["key", "create", "--client", "shop", "--scopes", "check,read"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let shop = made.stdout.trim();
    assert_eq!(with(&served, shop, &["check", "+447400123456"]).code, Some(0));
    assert_eq!(with(&served, shop, &["stats"]).code, Some(0));
    let put = ["listing", "put", "+447400123456", "--author", "eve"];
    refused(&with(&served, shop, &put), &["PermissionDenied", name(shop), "of shop", "needs admin"]);
    refused(&with(&served, shop, &["key", "list"]), &["needs admin"]);
    assert_eq!(with(&served, &admin, &put).code, Some(0));

    // A key in a file, as it is kept.
    let file = folder.path().join("shop.key");
    fs::write(&file, &made.stdout).unwrap();
    let read = served.run(&["stats", "--api-key-file", file.to_str().unwrap()]);
    assert_eq!(read.code, Some(0), "{read:?}");

    refused(
        &with(&served, &admin, &["key", "revoke", shop, "--yes"]),
        &["key_id: expected the name of a key"],
    );
    refused(&with(&served, &admin, &["key", "revoke", name(shop)]), &["Revoke", "--yes"]);
    let ended = with(&served, &admin, &["key", "revoke", name(shop), "--yes"]);
    assert_eq!(ended.stdout, format!("{} of shop is revoked\n", name(shop)));
    refused(
        &with(&served, shop, &["stats"]),
        &["Unauthenticated", name(shop), "was revoked at", "a new one"],
    );
    let ended = Caller::at(&served.url, shop);
    let codes: Vec<tonic::Code> = (0..1_000).filter_map(|_| ended.check().err().map(|e| e.code())).collect();
    assert_eq!(codes, vec![tonic::Code::Unauthenticated; 1_000]);
    let reporter =
        with(&served, &admin, &["key", "create", "--client", "reporter", "--scopes", "report"]).stdout;
    let reporter = Caller::at(&served.url, reporter.trim());
    let codes: Vec<tonic::Code> =
        (0..1_000).filter_map(|_| reporter.check().err().map(|e| e.code())).collect();
    assert_eq!(codes, vec![tonic::Code::PermissionDenied; 1_000]);
    let told = |words: &str| {
        let all = log();
        all.lines().filter(|line| line.contains("a call was refused") && line.contains(words)).count()
    };
    assert_eq!(told("revoked"), 1, "told once, however often it is tried");
    assert_eq!(told("this call needs check"), 1, "and so is a scope that is missing");

    let listed = with(&served, &admin, &["key", "list"]).stdout;
    assert!(listed.contains("live") && listed.contains("revoked 20"), "{listed}");
    let record = run(&["audit", "list", "--data-dir", folder.path().join("data").to_str().unwrap()]).stdout;
    for words in
        ["key-create for admin", "tester (ops)", "key-create for check,read", "eve (ops)", "key-revoke"]
    {
        assert!(record.contains(words), "{record} does not say {words:?}");
    }
    for secret in [&admin[16..], &shop[16..]] {
        assert!(!log().contains(secret) && !record.contains(secret), "a secret is told");
        assert!(!anywhere(&folder.path().join("data"), secret), "a secret is kept");
    }
}

/// Whether any file of a folder holds a text.
fn anywhere(folder: &Path, text: &str) -> bool {
    let holds = |path: &Path| fs::read(path).unwrap().windows(text.len()).any(|part| part == text.as_bytes());
    let mut files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.any(|path| path.is_file() && holds(&path))
}

#[test]
fn a_rotated_key_and_its_successor_both_count_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let admin = first_key(folder.path(), "ops", "admin");
    let served = serve(folder.path(), KEYS);
    let made = with(&served, &admin, &["key", "rotate", name(&admin), "--overlap", "1"]);
    let fresh = made.stdout.trim();
    assert!(made.stderr.contains("the old one, counts until"), "{made:?}");
    for key in [&admin, fresh] {
        assert_eq!(with(&served, key, &["stats"]).code, Some(0));
    }
    let third = with(&served, fresh, &["key", "create", "--client", "ops", "--scopes", "read"]);
    refused(&third, &["FailedPrecondition", "two live keys", name(&admin), name(fresh)]);
    let now = with(&served, fresh, &["key", "rotate", name(fresh), "--overlap", "0"]);
    refused(&now, &["two live keys"]);
    let past = ["key", "create", "--client", "x", "--scopes", "read", "--expires", "2020-01-01"];
    refused(&with(&served, fresh, &past), &["expires_at: expected a time to come"]);
    refused(
        &with(&served, fresh, &["key", "create", "--client", "A B", "--scopes", "read"]),
        &["client: expected"],
    );
    refused(&with(&served, fresh, &["key", "revoke", "ng_000000000000", "--yes"]), &["NotFound", "key list"]);
}

#[test]
fn an_address_that_others_reach_is_served_only_on_purpose() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let public = |more: &[&str]| {
        run(&[&["serve", "--listen", "0.0.0.0:0", "--data-dir", data.to_str().unwrap()], more].concat())
    };
    refused(
        &public(&[]),
        &["others can reach", "access.tls_certificate", "access.keys", "--insecure-public"],
    );
    assert!(!data.exists());
    let served = Served::start(&data, &["--no-starter-data", "--insecure-public", "--listen", "0.0.0.0:0"]);
    let there = Caller::at(&served.url.replace("0.0.0.0", "127.0.0.1"), "");
    assert_eq!(there.reflection(), Err(tonic::Code::Unimplemented), "who is there is not told to strangers");
    let here = Served::empty(&folder.path().join("other"));
    assert_eq!(Caller::at(&here.url, "").reflection(), Ok(()));
}

#[test]
fn over_the_limit_the_answer_says_when() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) =
        (first_key(folder.path(), "one", "check"), first_key(folder.path(), "two", "check"));
    let served = serve(folder.path(), "[access]\nkeys = true\nnumbers_per_second = 1\nburst = 100\n");
    let one = Caller::at(&served.url, &first);
    assert_eq!(one.batch(60).map_err(|e| e.to_string()), Ok(60));
    let (code, message, retry) = refusal(&one.batch(60).unwrap_err());
    assert_eq!(code, tonic::Code::ResourceExhausted, "{message}");
    assert!(message.contains("over its limit"), "{message}");
    assert!(
        retry.is_some_and(|after| after.as_secs() >= 10),
        "20 are left, and one comes a second: {retry:?}"
    );
    let (_, message, retry) = refusal(&one.batch(101).unwrap_err());
    assert!(message.contains("limit of 100") && retry.is_none(), "{message}");
    assert!(one.check().is_ok(), "what was refused cost nothing");
    assert!(Caller::at(&served.url, &second).batch(100).is_ok(), "each client has its own");
}
