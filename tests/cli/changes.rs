//! Operators' changes: allowed, explained, asked for twice, and taken back.

use numguard::rpc::pb;
use numguard::rpc::pb::admin_service_client::AdminServiceClient;
use serde_json::Value;

use crate::served::{Ran, Served, file};

const NUMBER: &str = "+447400123456";
const OTHER: &str = "+447400123457";
const RANGE: &str = "+4474001*";

fn good(ran: Ran) -> String {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.stdout
}

fn refused(ran: &Ran, words: &[&str]) {
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for word in words {
        assert!(ran.stderr.contains(word), "{ran:?} does not say {word:?}");
    }
}

/// A server on which one feed saw two neighbours.
fn served(folder: &tempfile::TempDir) -> Served {
    let served = Served::empty(&folder.path().join("data"));
    let list =
        format!("e164,first_seen,last_seen\n{NUMBER},2026-05-01,2026-11-20\n{OTHER},2026-06-01,2026-11-21\n");
    let list = file(folder, "public.csv", list.as_bytes());
    good(served.run(&["import", list.to_str().unwrap()]));
    served
}

/// Everything that is listed, without the times of decisions, which an undo renews.
fn listed(served: &Served) -> Vec<Value> {
    let exported = good(served.run(&["export"]));
    let mut listed: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for listing in &mut listed {
        if let Some(decision) = listing["decision"].as_object_mut() {
            decision.remove("decided_at");
        }
    }
    listed
}

fn verdict(served: &Served, number: &str) -> String {
    let ran = served.run(&["check", "-o", "json", number]);
    serde_json::from_str::<Value>(&ran.stdout).unwrap()["verdict"].as_str().unwrap().to_owned()
}

#[test]
fn each_change_is_taken_back_to_what_was_before() {
    let folder = tempfile::tempdir().unwrap();
    let served = served(&folder);
    good(served.run(&["listing", "put", NUMBER, "--reason", "case 1", "--author", "ann"]));
    let begun = listed(&served);
    let changes: [&[&str]; 6] = [
        &["listing", "put", OTHER, "--allow"],
        &["allow", "put", NUMBER, "--reason", "wrong", "--expires", "30d"],
        &["range", "put", RANGE],
        &["listing", "delete", NUMBER],
        &["listing", "delete", "--yes", NUMBER, OTHER, "+12025550123"],
        &["listing", "delete", "--decisions-only", NUMBER],
    ];
    for change in changes {
        good(served.run(change));
        let changed = listed(&served);
        assert_ne!(changed, begun, "{change:?}");
        let dry = good(served.run(&["listing", "undo", "--dry-run"]));
        assert!(dry.contains("would take back line "), "{dry}");
        assert_eq!(listed(&served), changed, "a dry run");
        good(served.run(&["listing", "undo", "--yes", "--author", "bob"]));
        assert_eq!(listed(&served), begun, "{change:?}");
        good(served.run(&["listing", "undo", "--yes"]));
        assert_eq!(listed(&served), changed, "{change:?}: an undo is a change too");
        good(served.run(&["listing", "undo", "--yes"]));
        assert_eq!(listed(&served), begun, "{change:?}");
    }
    let audit = folder.path().join("data/audit.jsonl");
    let record = good(served.run(&["audit", "list", "-o", "json", audit.to_str().unwrap()]));
    let undone = record.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let undone: Vec<Value> = undone.filter(|line| line["undoes"] != 0 && line["author"] == "bob").collect();
    assert!(undone.len() >= 6 && undone.iter().all(|line| line["request_id"] != ""), "{undone:?}");
}

#[test]
fn one_change_of_many_is_found_by_line_or_subject_and_not_over_a_later_one() {
    let folder = tempfile::tempdir().unwrap();
    let served = served(&folder);
    good(served.run(&["allow", "put", NUMBER, "--author", "ann"])); // line 1
    good(served.run(&["listing", "put", OTHER])); // line 3
    let table = good(served.run(&["listing", "undo", NUMBER]));
    assert!(
        table.contains("ALLOW by ann; seen by public") && table.contains("took back line 1 by ann"),
        "{table}"
    );
    assert!(good(served.run(&["listing", "get", OTHER])).contains("BLOCK"), "the other stays");
    good(served.run(&["allow", "put", OTHER]));
    refused(
        &served.run(&["listing", "undo", "--line", "3"]),
        &["FailedPrecondition", "subject 1 of 1 was changed after line 3", "nothing is taken back"],
    );
    refused(&served.run(&["listing", "undo", "--line", "99"]), &["no change of that line", "audit list"]);
    refused(&served.run(&["listing", "undo", "+12025550123"]), &["no change of the subject"]);
    good(served.run(&["listing", "delete", "--yes", NUMBER, OTHER]));
    refused(&served.run(&["listing", "undo"]), &["Change 2 listings back?", "--yes"]);
    assert!(listed(&served).is_empty(), "not without being asked");
}

#[test]
fn a_repeated_request_answers_as_the_first_time_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let served = served(&folder);
    let put = ["allow", "put", NUMBER, "--reason", "first", "--request-id", "r1"];
    let first = good(served.run(&put));
    good(served.run(&["listing", "delete", NUMBER, "--request-id", "r2"]));
    assert_eq!(good(served.run(&put)), first);
    assert_eq!(served.run(&["listing", "get", NUMBER]).code, Some(1), "it stays deleted");
    let again = good(served.run(&["listing", "delete", NUMBER, "--request-id", "r2"]));
    assert_eq!(again, "deleted 1 of 1\n", "as the first time");
    refused(
        &served.run(&["listing", "put", NUMBER, "--request-id", "r1"]),
        &["InvalidArgument", "request_id: was given to another request"],
    );
    refused(
        &served.run(&["listing", "put", NUMBER, "--request-id", "a b"]),
        &["request_id: expected at most 64"],
    );
    // A restart forgets nothing, and what was refused may be tried again.
    refused(
        &served.run(&["listing", "undo", "--line", "99", "--request-id", "r3"]),
        &["no change of that line"],
    );
    good(served.run(&["allow", "put", NUMBER, "--request-id", "r3"]));
    assert_eq!(served.terminate(), Some(0));
    let served = Served::empty(&folder.path().join("data"));
    good(served.run(&["listing", "delete", NUMBER, "--request-id", "r4"]));
    assert_eq!(good(served.run(&put)), first);
    assert_eq!(served.run(&["listing", "get", NUMBER]).code, Some(1));
}

#[test]
fn an_allow_listing_counts_at_once_and_is_taken_away_without_what_feeds_saw() {
    let folder = tempfile::tempdir().unwrap();
    let served = served(&folder);
    assert_eq!(verdict(&served, NUMBER), "BLOCK");
    let put = ["allow", "put", NUMBER, "--reason", "a subscriber", "--author", "ann", "--expires", "90d"];
    assert!(good(served.run(&put)).contains("ALLOW by ann until "));
    assert_eq!(verdict(&served, NUMBER), "ALLOW");
    let allowed = good(served.run(&["allow", "list"]));
    assert!(allowed.contains(NUMBER) && !allowed.contains(OTHER), "{allowed}");
    refused(&served.run(&["allow", "delete", OTHER]), &["+447400123457 has no allow listing"]);
    good(served.run(&["listing", "put", OTHER]));
    refused(
        &served.run(&["allow", "delete", OTHER]),
        &["has no allow listing, but: BLOCK", "--decisions-only"],
    );
    good(served.run(&["allow", "put", OTHER]));
    refused(&served.run(&["allow", "delete", NUMBER, OTHER]), &["Take 2 allow listings away?", "--yes"]);
    good(served.run(&["allow", "delete", "--yes", NUMBER, OTHER]));
    assert_eq!(verdict(&served, NUMBER), "BLOCK", "the feed's word counts again");
}

#[test]
fn an_owner_is_told_who_lists_the_number_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (served, data) = (served(&folder), folder.path().join("data"));
    let ask = |served: &Served, number: &str| served.run(&["listing", "why", "--as-owner", number]);
    refused(&ask(&served, NUMBER), &["Unimplemented", "owner.enabled"]);
    assert_eq!(served.terminate(), Some(0));

    let config = file(&folder, "owner.toml", b"[owner]\nenabled = true\ncalls_per_minute = 7\n");
    let served = Served::start(&data, &["--no-starter-data", "--config", config.to_str().unwrap()]);
    let list = "e164,first_seen,last_seen\n+447400123456,2026-03-01,2026-03-02\n";
    good(served.run_with(&["import", "--feed", "receive-smss.com", "-"], list.as_bytes()));
    good(served.run(&["range", "put", RANGE, "--reason", "case 7", "--author", "ann"]));
    let told = good(ask(&served, "+44 7400 123456"));
    let today = good(served.run(&["export"])).split("decided_at\":\"").nth(1).unwrap()[..10].to_owned();
    let expected = format!(
        "listed since 2026-03-01 by the public page receive-smss.com\nlisted since 2026-03-01 by a list that is \
         not public\nlisted since {today} by an operator of this service\n"
    );
    assert_eq!(told, expected, "no name of a private list, of an operator or of a range");
    let neighbour = good(ask(&served, "+447400299999"));
    assert_eq!(neighbour, "not listed\n", "neighbours are not told");
    good(served.run(&["allow", "put", NUMBER]));
    assert_eq!(good(ask(&served, NUMBER)), "not listed\n");
    refused(&ask(&served, "hello"), &["InvalidArgument", "number: not a phone number"]);
    let last = (0..20).map(|_| ask(&served, NUMBER)).find(|ran| ran.code != Some(0)).unwrap();
    refused(&last, &["ResourceExhausted", "too many questions"]);
}

#[test]
fn why_tells_who_says_so_and_since_when() {
    let folder = tempfile::tempdir().unwrap();
    let served = served(&folder);
    good(served.run(&["range", "put", RANGE, "--reason", "case 7", "--author", "ann"]));
    let json = good(served.run(&["listing", "why", "-o", "json", NUMBER]));
    let why: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&why["verdict"], &why["ranges"][0]["subject"]), (&"BLOCK".into(), &RANGE.into()), "{why}");
    assert_eq!(why["listing"]["sightings"][0]["first_seen"], "2026-05-01T00:00:00Z", "{why}");
    assert_eq!(
        (&why["neighbours"][0]["subject"], &why["neighbours_among"]),
        (&OTHER.into(), &10.into()),
        "{why}"
    );
    let table = good(served.run(&["listing", "why", NUMBER]));
    for words in
        ["BLOCK_LISTED", "the number", "public", "2026-05-01", "2026-11-20", RANGE, "ann", "case 7", OTHER]
    {
        assert!(table.contains(words), "{words}: {table}");
    }
    let nothing = good(served.run(&["listing", "why", "+12025550123"]));
    assert!(nothing.contains("neither the number nor a range that holds it is listed"), "{nothing}");
    assert!(nothing.contains("no other number is listed among the 100,000 around it"), "{nothing}");
    refused(&served.run(&["listing", "why", "hello"]), &["not a phone number"]);
    let covering = good(served.run(&["range", "list", "--covering", NUMBER]));
    assert!(covering.contains(RANGE), "{covering}");
    let covering = good(served.run(&["range", "list", "--covering", "+447500123456"]));
    assert!(!covering.contains(RANGE), "{covering}");
}

/// Undoes the first put while another put is on its way: it is refused, or it was there before.
#[test]
fn an_undo_never_takes_back_what_was_decided_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::empty(&folder.path().join("data"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let put = |reason: String| pb::PutListingRequest {
        subject: NUMBER.to_owned(),
        decision: Some(pb::Decision { action: pb::Action::Block.into(), reason, ..Default::default() }),
        request_id: String::new(),
    };
    let undo = |line, dry_run| pb::UndoChangeRequest { line, dry_run, ..Default::default() };
    let mut undone = 0;
    for round in 0..60 {
        let last = runtime.block_on(async {
            let mut ann = AdminServiceClient::connect(served.url.clone()).await.unwrap();
            let mut bob = ann.clone();
            ann.put_listing(put(format!("first {round}"))).await.unwrap();
            let line = ann.undo_change(undo(0, true)).await.unwrap().into_inner().line;
            let second = async {
                tokio::time::sleep(std::time::Duration::from_micros(100 * round)).await;
                bob.put_listing(put(format!("second {round}"))).await.unwrap();
            };
            let (first, ()) = tokio::join!(ann.undo_change(undo(line, false)), second);
            undone += u32::from(first.is_ok());
            ann.get_listing(pb::GetListingRequest { subject: NUMBER.to_owned() }).await.unwrap().into_inner()
        });
        let decision = last.listing.and_then(|listing| listing.decision).unwrap_or_default();
        assert_eq!(decision.reason, format!("second {round}"), "{undone} undone");
    }
    assert!(undone > 0, "no undo was in time");
}
