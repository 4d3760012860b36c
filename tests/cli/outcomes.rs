//! Outcomes as a platform reports them and as an operator looks at them.

use numguard::rpc::pb;
use numguard::rpc::pb::check_service_client::CheckServiceClient;
use serde_json::Value;

use crate::served::{Ran, Served};

#[track_caller]
fn done(ran: Ran) -> String {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.stdout
}

fn check(served: &Served, number: &str) -> Value {
    let ran = served.run(&["check", "--output", "json", number]);
    serde_json::from_str(ran.stdout.trim()).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

/// Reports over gRPC, as a platform does; how many are stored and how many count.
pub(crate) fn report(served: &Served, kind: pb::OutcomeKind, numbers: &[&str]) -> (u32, u32) {
    let outcome = |number: &&str| pb::Outcome {
        number: (*number).to_owned(),
        kind: kind.into(),
        check_id: "f098e187-00000007".to_owned(),
        correlation_id: String::new(),
        occurred_at: None,
    };
    let outcomes = numbers.iter().map(outcome).collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let answer = runtime.block_on(async {
        let mut client = CheckServiceClient::connect(served.url.clone()).await.unwrap();
        client.report_outcomes(pb::ReportOutcomesRequest { outcomes }).await.unwrap().into_inner()
    });
    (answer.stored, answer.counted)
}

#[test]
fn abuse_is_listed_shown_and_undone_on_record() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::empty(folder.path());
    let number = "+447911123456";
    assert_eq!(report(&served, pb::OutcomeKind::AbuseConfirmed, &[number, number]), (2, 2));
    let answer = check(&served, number);
    assert_eq!(answer["verdict"], "CHALLENGE", "{answer}");
    let evidence = answer["reasons"].to_string();
    assert!(
        evidence.contains("PUBLIC_INBOX") && evidence.contains("seen by client anonymous on"),
        "{evidence}"
    );

    let listed = done(served.run(&["outcome", "list", "--output", "json", "--number", number]));
    let kept: Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&kept["client"], &kept["outcome"], &kept["counted"]),
        (&"anonymous".into(), &"ABUSE_CONFIRMED".into(), &true.into())
    );
    assert_eq!(done(served.run(&["outcome", "list", "--client", "acme", "-o", "json"])), "");

    let undo = ["outcome", "undo", "--client", "anonymous"];
    let refused = served.run(&["outcome", "undo", "--client", "acme", "--yes"]);
    assert!(
        refused.code == Some(1) && refused.stderr.contains("acme reported nothing of that"),
        "{refused:?}"
    );
    assert!(done(served.run(&[&undo[..], &["--dry-run"]].concat())).contains("would undo 2 outcomes"));
    assert_eq!(served.run(&undo).code, Some(1), "nobody said yes");
    assert!(
        done(served.run(&[&undo[..], &["--yes"]].concat()))
            .contains("undid 2 outcomes of anonymous, changing 1 number")
    );
    assert_eq!(check(&served, number)["verdict"], "ALLOW");
    assert_eq!(served.stats()["store"]["numbers"], 0);
    let record = done(served.run(&["audit", "list", "--data-dir", folder.path().to_str().unwrap()]));
    assert!(record.contains("outcomes of anonymous from") && record.contains("done: 2 undone"), "{record}");
    assert!(record.contains("tester"), "{record}");
}

#[test]
fn a_false_positive_is_reviewed_and_an_allow_listing_counts_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::empty(folder.path());
    let [right, wrong] = ["+447911123456", "+447911123457"];
    for number in [right, wrong] {
        done(served.run(&["listing", "put", number, "--reason", "a ring"]));
    }
    assert_eq!(report(&served, pb::OutcomeKind::FalsePositive, &[right, wrong]), (2, 0));
    assert_eq!(check(&served, wrong)["verdict"], "BLOCK", "a client's word alone changes nothing");
    let reviews = done(served.run(&["review", "list"]));
    assert!(
        reviews.contains(wrong) && reviews.contains("anonymous") && reviews.contains("BLOCK"),
        "{reviews}"
    );

    let accepted =
        done(served.run(&["review", "accept", wrong, "--reason", "a teacher", "--expires", "90d"]));
    assert!(accepted.contains("allowed, review closed"), "{accepted}");
    let answer = check(&served, wrong);
    assert_eq!(answer["verdict"], "ALLOW");
    assert!(answer["reasons"].to_string().contains("by tester"), "{answer}");
    assert!(
        done(served.run(&["review", "dismiss", right, "--reason", "a ring all the same"])).contains("stands")
    );
    assert_eq!(check(&served, right)["verdict"], "BLOCK");
    assert_eq!(done(served.run(&["review", "list", "--output", "json"])), "");
    let gone = served.run(&["review", "accept", wrong]);
    assert!(gone.code == Some(1) && gone.stderr.contains("no review of this number is open"), "{gone:?}");
    let record = done(served.run(&["audit", "list", "--data-dir", folder.path().to_str().unwrap()]));
    assert!(record.contains("accept review"), "{record}");
    assert!(record.contains("done: a ring all the same"), "{record}");
    let whole = done(served.run(&["audit", "verify", "--data-dir", folder.path().to_str().unwrap()]));
    assert!(whole.contains("the chain is whole"), "{whole}");
}
