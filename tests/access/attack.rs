//! What somebody tries who means harm, with a key or without.

use std::io::{Read, Write};
use std::net::TcpStream;

use tonic::Code;
use tonic_types::StatusExt;

use crate::asked::{Caller, refusal};
use crate::connections::{PREFACE, connect, frame, headers, log};
use crate::keys::{KEYS, first_key, name, refused, serve, with};
use crate::served::{Ran, Served};
use crate::waiting::until;

/// Calls that begin, with or without an empty message, and are never ended.
fn hang(served: &Served, path: &str, calls: u32, message: bool) -> TcpStream {
    let mut stream = connect(served);
    let mut bytes = PREFACE.to_vec();
    for call in 0..calls {
        let id = 2 * call + 1;
        bytes.extend(frame(1, 0x4, id, &headers(path)));
        if message {
            bytes.extend(frame(0, 1, id, &[0; 5]));
        }
    }
    stream.write_all(&bytes).unwrap();
    stream
}

#[test]
fn callers_without_a_key_take_no_permit_of_those_with_one() {
    let folder = tempfile::tempdir().unwrap();
    let key = first_key(folder.path(), "shop", "check");
    let served = serve(folder.path(), KEYS);
    // More than there are places for checks (512), for streams (1,000), and for health (1,000).
    let mut hanging: Vec<_> =
        (0..4).map(|_| hang(&served, "/grpc.health.v1.Health/Check", 190, false)).collect();
    hanging.extend((0..6).map(|_| hang(&served, "/grpc.health.v1.Health/Watch", 190, true)));
    for stream in &mut hanging {
        // Ten are taken; each of the others is refused in more than ten bytes.
        stream.read_exact(&mut [0; 1_800]).unwrap();
    }
    let (caller, stranger) = (Caller::at(&served.url, &key), Caller::at(&served.url, ""));
    assert_eq!(caller.check().map_err(|e| e.to_string()), Ok(()));
    assert_eq!(caller.stream().map_err(|e| e.to_string()), Ok(()));
    assert_eq!(stranger.health().map_err(|e| e.to_string()), Ok(()));
}

#[test]
fn a_call_that_asks_nothing_is_not_free() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), "[access]\nnumbers_per_second = 1\nburst = 20\n");
    let caller = Caller::at(&served.url, "");
    let codes: Vec<Code> = (0..60).filter_map(|_| caller.batch(0).err().map(|e| e.code())).collect();
    assert!(codes.len() > 20 && codes.iter().all(|code| *code == Code::ResourceExhausted), "{codes:?}");
    // One a second is free: a busy machine may be so late that the first is.
    let refused = (0..20).find_map(|_| caller.stream().err()).unwrap();
    let (code, message, retry) = refusal(&refused);
    assert!(code == Code::ResourceExhausted && retry.is_some(), "a stream that is opened: {message}");
}

#[test]
fn what_a_stranger_asks_for_does_not_stand_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    first_key(folder.path(), "ops", "admin");
    let served = serve(folder.path(), KEYS);
    let path = "/numguard.v1.CheckService/+447400123456?\u{9b}31m\u{202e}";
    let asking = hang(&served, path, 1, true);
    until("it is refused", || log(folder.path()).contains("a call was refused"));
    let log = log(folder.path());
    for text in ["447400123456", "\u{9b}", "\u{202e}"] {
        assert!(!log.contains(text), "{text:?} stands in the log");
    }
    drop(asking);
}

#[test]
fn a_page_token_is_good_for_its_own_query_only() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), "");
    for number in ["+447400123456", "+447400123457", "+447500123456", "+447500123457"] {
        assert_eq!(served.run(&["listing", "put", number]).code, Some(0));
    }
    let caller = Caller::at(&served.url, "");
    let good = caller.page("+4474", "").unwrap().next_page_token;
    assert_eq!(caller.page("+4474", &good).unwrap().listings[0].subject, "+447400123457");
    let other = caller.page("+4475", "").unwrap().next_page_token;
    let last = good.len() - 1;
    let altered = format!("{}{}", &good[..last], if good.ends_with('0') { '1' } else { '0' });
    // A place of another query under the seal of this one.
    let spliced = format!("{}{}", &good[..16], &other[16..]);
    for forged in [&other, &altered, &spliced, &good[..last], &good[..20], "0", "+f+f", "é", "ZZZZ"] {
        let status = caller.page("+4474", forged).err().unwrap();
        let details = status.get_error_details();
        let fields: Vec<_> =
            details.bad_request().unwrap().field_violations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!((status.code(), fields), (Code::InvalidArgument, vec!["page_token"]), "{forged}");
    }
}

/// Control characters and those that turn text round, line ends apart.
fn hostile(ran: &Ran) -> Vec<char> {
    let turns = |c: char| ('\u{202a}'..='\u{202e}').contains(&c);
    let all = format!("{}{}", ran.stdout, ran.stderr);
    all.chars().filter(|&c| (c.is_control() && c != '\n') || turns(c)).collect()
}

#[test]
fn an_operators_words_do_nothing_to_a_terminal_and_forge_no_line() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(folder.path(), "");
    let number = "+447400123456";
    let (reason, author) =
        ("\u{1b}[2Jgone\u{9b}31m\r\nfaked row \u{202e}dekcolb\u{7}", "eve\u{1b}]0;x\u{7}\nann");
    let put = served.run(&["listing", "put", number, "--reason", reason, "--author", author]);
    assert_eq!(put.code, Some(0), "{put:?}");
    let audit = folder.path().join("data");
    for verb in [
        &["check", number][..],
        &["explain", number],
        &["listing", "list"],
        &["listing", "get", number],
        &["listing", "why", number],
        &["listing", "undo", "--dry-run"],
        &["audit", "list", "--data-dir", audit.to_str().unwrap()],
        &["range", "put", "+4474*", "--reason", reason, "--author", author],
    ] {
        let ran = served.run(verb);
        assert!(ran.stdout.contains("gone"), "{verb:?} does not show the reason: {ran:?}");
        assert!(hostile(&ran).is_empty(), "{verb:?}: {ran:?}");
        assert!(!ran.stdout.lines().any(|line| line.trim_start().starts_with("faked")), "{verb:?}: {ran:?}");
    }
    let lines = std::fs::read_to_string(audit.join("audit.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 4, "two intents and two answers");
}

#[test]
fn an_id_of_a_request_is_its_clients_own_and_a_keys_text_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let (ann, bob) = (first_key(folder.path(), "ann", "admin"), first_key(folder.path(), "bob", "admin"));
    let served = serve(folder.path(), KEYS);
    let create =
        ["key", "create", "--client", "shop", "--scopes", "check", "--author", "x", "--request-id", "r-1"];
    let made = with(&served, &ann, &create);
    assert_eq!(made.code, Some(0), "{made:?}");
    let shop = made.stdout.trim();
    // Another client's request of the same id is another request.
    let bobs = with(&served, &bob, &create);
    assert_eq!(bobs.code, Some(0), "{bobs:?}");
    assert_ne!(bobs.stdout, made.stdout);
    assert_eq!(with(&served, &bob, &["key", "revoke", name(&bobs.stdout), "--yes"]).code, Some(0));
    let again = with(&served, &ann, &create);
    refused(&again, &["an earlier request of this id made", name(shop), "kept nowhere"]);
    let rotate = ["key", "rotate", name(shop), "--overlap", "0", "--author", "x", "--request-id", "r-2"];
    let fresh = with(&served, &ann, &rotate);
    assert_eq!(fresh.code, Some(0), "{fresh:?}");
    refused(&with(&served, &ann, &rotate), &["an earlier request of this id made", name(&fresh.stdout)]);
    let revoke = ["key", "revoke", name(&fresh.stdout), "--yes", "--author", "x", "--request-id", "r-3"];
    let ended = with(&served, &ann, &revoke);
    assert_eq!(with(&served, &ann, &revoke).stdout, ended.stdout, "as the first time");
    refused(&with(&served, &ann, &["key", "revoke", name(&fresh.stdout), "--yes"]), &["was revoked at"]);
    let keys = with(&served, &ann, &["key", "list", "--client", "shop"]).stdout;
    assert_eq!(keys.lines().count(), 4, "a head and three keys: {keys}");
}
