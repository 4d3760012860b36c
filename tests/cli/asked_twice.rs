//! Whatever an operator asks for twice with one id is done once, answered twice and recorded once.

use numguard::clock::now;
use numguard::rpc::pb;
use serde_json::Value;

use crate::allocation::{s7, small};
use crate::outcomes::report;
use crate::served::{Ran, Served, file};

fn good(ran: Ran) -> String {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.stdout
}

#[test]
fn whatever_is_asked_twice_with_one_id_is_done_once() {
    let folder = tempfile::tempdir().unwrap();
    let config = small(&folder);
    let served = Served::start(folder.path(), &["--no-starter-data", "--config", &config]);
    report(&served, pb::OutcomeKind::AbuseConfirmed, &["+447911123456", "+447911123457"]);
    report(&served, pb::OutcomeKind::FalsePositive, &["+447911123458", "+447911123459"]);
    let blocks = s7(&[("7400 12", "Allocated", "One Ltd"), ("7400 13", "Free", "")]);
    let blocks = file(&folder, "S7.csv", &blocks);
    let list = file(&folder, "mine.csv", b"e164\n+447400123456\n");
    let (blocks, list) = (blocks.to_str().unwrap(), list.to_str().unwrap());
    // An import of feeds' rows alone is no operator's word, and not on record.
    let changes: [(&[&str], &str); 13] = [
        (&["import", list], ""),
        (&["listing", "put", "+447400123456"], "put"),
        (&["allow", "put", "+447400123457"], "put"),
        (&["allow", "delete", "+447400123457"], "withdraw"),
        (&["listing", "delete", "+447400123456"], "delete"),
        (&["admin", "accept-shrink", "--yes"], "accept_shrink"),
        (&["allocation", "import", "ofcom-s7", blocks], "import_allocation"),
        (&["allocation", "delete", "ofcom-s7", "--yes"], "delete_allocation"),
        (&["feed", "pause", "castle"], "pause_feed"),
        (&["feed", "resume", "castle"], "resume_feed"),
        (
            &["outcome", "undo", "--client", "anonymous", "--number", "+447911123456", "--yes"],
            "undo_outcomes",
        ),
        (&["review", "accept", "+447911123458"], "accept_review"),
        (&["review", "dismiss", "+447911123459"], "dismiss_review"),
    ];
    let audit = ["audit", "list", "-o", "json", "--data-dir", folder.path().to_str().unwrap()];
    let recorded = |id: &str| -> Vec<Value> {
        let lines = good(served.run(&audit));
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["request_id"] == id).collect()
    };
    for (at, (change, action)) in changes.iter().enumerate() {
        let id = format!("r-{at}");
        let asked = [change, &["--author", "ann", "--request-id", &id][..]].concat();
        let first = good(served.run(&asked));
        if change[0] == "import" {
            // The list has no times: a second later the same rows come with others.
            let began = now();
            while now() == began {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        }
        let second = good(served.run(&asked));
        // What is asked beforehand, as how much would be undone, may differ.
        if change[0] != "outcome" {
            assert_eq!(first, second, "{change:?}");
        }
        let mut lines = recorded(&id);
        // An accepted review is two words: the listing, and that the review is closed.
        lines.retain(|line| line["action"] == *action);
        assert_eq!(lines.len(), usize::from(!action.is_empty()), "{change:?}: {lines:?}");
        assert!(lines.iter().all(|line| line["author"] == "ann"), "{lines:?}");
        let other = [change, &["--author", "eve", "--request-id", &id][..]].concat();
        let other = served.run(&other);
        assert!(other.stderr.contains("request_id: was given to another request"), "{change:?}: {other:?}");
    }
    // Another import that ends in the same words is another request.
    let longer = file(&folder, "other.csv", b"e164\n+447400123499\n");
    let other = served.run(&["import", longer.to_str().unwrap(), "--author", "ann", "--request-id", "r-0"]);
    assert!(other.stderr.contains("request_id: was given to another request"), "{other:?}");
}

#[test]
fn what_takes_away_much_asks_first() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::empty(folder.path());
    for verb in [
        &["listing", "delete", "+447400123456", "+447400123457"][..],
        &["range", "delete", "+4474001*", "+4474002*"],
        &["allocation", "delete", "ofcom-s7"],
        &["feed", "rollback", "castle", "--to", "0"],
        &["feed", "quarantine", "reject", "castle", "1"],
        &["admin", "accept-shrink"],
        &["key", "revoke", "ng_0123456789ab"],
    ] {
        let ran = served.run(verb);
        assert_eq!(ran.code, Some(1), "{verb:?}: {ran:?}");
        assert!(ran.stderr.contains("--yes"), "{verb:?}: {ran:?}");
    }
}
