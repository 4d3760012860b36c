//! TLS and mTLS: whatever is wrong with a certificate is named, by the service and by the client.

use std::fs;
use std::net::TcpStream;
use std::path::Path;

use crate::certificates::{Authority, Files, Valid};
use crate::served::{Ran, Served, command, run};
use crate::waiting::until;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Serves with these `[access]` settings; its log goes to `folder/log`.
fn serve(folder: &Path, settings: &str) -> Served {
    let config = folder.join("numguard.toml");
    fs::write(&config, settings).unwrap();
    let flags = ["--no-starter-data", "--config", text(&config)];
    Served::logging_with(&folder.join("data"), &flags, &folder.join("log"))
}

/// The URL by a name instead of an address.
fn by_name(served: &Served) -> String {
    served.url.replace("127.0.0.1", "localhost")
}

fn health(url: &str, flags: &[&str]) -> Ran {
    run(&[&["health", "--server", url], flags].concat())
}

fn refused(ran: &Ran, words: &[&str]) {
    assert!(ran.code.is_some_and(|code| code != 0), "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
    for word in words {
        assert!(ran.stderr.contains(word), "{:?} does not say {word:?}", ran.stderr);
    }
}

#[test]
fn a_client_that_trusts_the_authority_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let files = authority.sign("server", &["localhost", "127.0.0.1"], Valid::Now);
    let served = serve(folder.path(), &files.settings());
    assert!(served.url.starts_with("https://"), "{}", served.banner);
    let ca = authority.ca();
    for url in [served.url.clone(), by_name(&served)] {
        let ran = health(&url, &["--ca", text(&ca)]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "SERVING\n"), "{ran:?}");
    }
    let plain = served.url.replace("https", "http");
    refused(&health(&plain, &[]), &["did not answer to the end", "is this its URL"]);
    refused(&health(&plain, &["--ca", text(&ca)]), &["is not TLS", "expected https://"]);
    refused(&health(&served.url, &[]), &["nobody we trust has signed", "--ca FILE"]);
    refused(&health(&served.url, &["--ca", "/no/such.pem"]), &["cannot read /no/such.pem"]);
    refused(
        &health(&served.url, &["--ca", text(&files.key)]),
        &["server.key: expected a PEM file with a CERTIFICATE"],
    );
}

#[test]
fn a_certificate_that_the_client_cannot_take_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let files = authority.sign("server", &["numguard.example"], Valid::Now);
    let served = serve(folder.path(), &files.settings());
    let ca = authority.ca();
    refused(
        &health(&by_name(&served), &["--ca", text(&ca)]),
        &["is not for localhost", "numguard.example", "--server"],
    );
    // The service refuses to start with an expired one, so it has expired while it was served.
    let mut late = command(&["health", "--server", &served.url, "--ca", text(&ca)]);
    let Some(mut late) = in_the_year_5000(&mut late) else { return };
    refused(&late.output().unwrap().into(), &["has expired", "on the service"]);
}

/// The same command by a clock that is far ahead; nothing where faketime is missing.
fn in_the_year_5000(command: &mut std::process::Command) -> Option<std::process::Command> {
    let found = std::process::Command::new("faketime").arg("--version").output().is_ok();
    if !found {
        assert!(std::env::var_os("TESTED_FAKETIME_REQUIRED").is_none(), "faketime is missing");
        crate::clock::skipped();
        return None;
    }
    let mut later = std::process::Command::new("faketime");
    later.arg("5000-01-01 00:00:00").arg(command.get_program()).args(command.get_args());
    Some(later)
}

#[test]
fn what_serve_cannot_use_is_named_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let good = authority.sign("good", &["localhost"], Valid::Now);
    let other = authority.sign("other", &["localhost"], Valid::Now);
    let old = authority.sign("old", &["localhost"], Valid::Past);
    let early = authority.sign("early", &["localhost"], Valid::Future);
    let junk = folder.path().join("junk.pem");
    fs::write(&junk, "not a certificate").unwrap();
    let with = |certificate: &Path, key: &Path| Files { certificate: certificate.into(), key: key.into() };
    let missing = folder.path().join("missing.pem");
    for (files, words) in [
        (old.clone(), ["old.pem", "expired at 2020-01-01"]),
        (early.clone(), ["early.pem", "is valid from 2100-01-01"]),
        (with(&missing, &good.key), ["cannot read", "missing.pem"]),
        (with(&good.certificate, &missing), ["cannot read", "missing.pem"]),
        (with(&junk, &good.key), ["junk.pem", "expected a certificate in PEM"]),
        (with(&good.certificate, &junk), ["junk.pem", "expected a private key"]),
        (with(&good.certificate, &other.key), ["good.pem and", "the key is not the certificate's"]),
    ] {
        let config = folder.path().join("numguard.toml");
        fs::write(&config, files.settings()).unwrap();
        let data = folder.path().join("data");
        let ran =
            run(&["serve", "--listen", "127.0.0.1:0", "--data-dir", text(&data), "--config", text(&config)]);
        refused(&ran, &words);
        assert!(!data.exists(), "nothing was made for a certificate that is wrong");
    }
}

#[test]
fn a_client_without_a_certificate_is_turned_away() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let stranger = Authority::new(&folder.path().join("strangers"));
    let files = authority.sign("server", &["127.0.0.1"], Valid::Now);
    let ca = authority.ca();
    let settings = format!("{}tls_client_authority = {:?}\n", files.settings(), text(&ca));
    let served = serve(folder.path(), &settings);
    let with = |served: &Served, client: &Files| {
        let (certificate, key) = (text(&client.certificate), text(&client.key));
        health(&served.url, &["--ca", text(&ca), "--cert", certificate, "--cert-key", key])
    };
    let good = with(&served, &authority.sign("client", &["shop"], Valid::Now));
    assert_eq!((good.code, good.stdout.as_str()), (Some(0), "SERVING\n"), "{good:?}");
    // The probes of a load balancer connect and go: they are told once, and hide nobody's trouble.
    let log = || fs::read_to_string(folder.path().join("log")).unwrap();
    for _ in 0..20 {
        TcpStream::connect(served.url.trim_start_matches("https://")).unwrap();
    }
    until("a probe is told", || log().contains("handshake eof"));
    // With TLS 1.3 the service judges when the client is talking already, so the client may see no
    // more than that it was cut off. The service's log says why: ten times a minute, and a client tries
    // several times, so each case has a service for itself.
    let turned_away = |why: &str, call: &dyn Fn(&Served) -> Ran| {
        let folder = tempfile::tempdir().unwrap();
        let served = serve(folder.path(), &settings);
        refused(&call(&served), &["certificate", "--cert"]);
        let log = || fs::read_to_string(folder.path().join("log")).unwrap();
        until(why, || log().contains("no TLS with a peer") && log().contains(why));
    };
    turned_away("peer sent no certificates", &|served| health(&served.url, &["--ca", text(&ca)]));
    for (why, client) in [
        ("UnknownIssuer", stranger.sign("client", &["shop"], Valid::Now)),
        ("certificate expired", authority.sign("old", &["shop"], Valid::Past)),
        ("certificate not valid yet", authority.sign("early", &["shop"], Valid::Future)),
    ] {
        turned_away(why, &|served| with(served, &client));
    }
    let reported = log().matches("handshake eof").count();
    assert_eq!(reported, 1, "the probes are reported once");
}

#[test]
fn a_new_certificate_is_taken_over_and_a_wrong_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let files = authority.sign("server", &["before.example"], Valid::Now);
    let served = serve(folder.path(), &files.settings());
    let ca = authority.ca();
    let names = || health(&by_name(&served), &["--ca", text(&ca)]).stderr;
    let log = || fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(names().contains("before.example"), "{}", names());

    fs::write(&files.certificate, "half a cert").unwrap();
    until("refused", || log().contains("the old certificate stays in use"));
    assert!(names().contains("before.example"));
    authority.sign("server", &["gone.example"], Valid::Past);
    until("refused", || log().contains("expired at 2020-01-01"));
    assert!(names().contains("before.example"));

    authority.sign("server", &["after.example"], Valid::Now);
    until("taken over", || names().contains("after.example"));
    let told = log().matches("expected a certificate in PEM").count();
    assert_eq!(told, 1, "each wrong file is told once");
}
