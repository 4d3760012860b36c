//! Feeds that fetch a regulator's file: stored as a whole, or held back as a whole.

use numguard::collect::{FeedState, ImportAsked, RunOutcome};
use numguard::store::{allocation, allocation_head};

use crate::world::{World, status, told};

const FEED: &str = "regulator.example";

fn definition() -> (String, String) {
    let text = format!(
        "name = \"{FEED}\"\ntitle = \"A regulator\"\ngroup = \"regulator\"\nterms = \"none\"\n\
         urls = [\"http://{FEED}/ranges.csv\"]\ninterval_minutes = 10080\npace_seconds = 1\n\
         band = {{ min = 2, max = 100 }}\n\
         [holders]\ncountry_code = 44\nprefix = [\"block\"]\nholder = \"who\"\n"
    );
    (format!("{FEED}.toml"), text)
}

fn file(blocks: usize) -> String {
    let rows = (0..blocks).map(|at| format!("740{at},X Ltd\n"));
    format!("block,who\n{}", rows.collect::<String>())
}

#[tokio::test]
async fn a_run_fetches_and_stores_a_regulators_file() {
    let world = World::with(&[definition()]);
    let collector = world.collector("a");
    let load = async || allocation_head(world.store.as_ref()).await.unwrap().of(&FEED.parse().unwrap());
    let says = |body: String| world.says("200 OK", "content-type: text/csv\r\n", body);
    says(file(8));
    let dry = collector.run(FEED, true).await.unwrap();
    assert_eq!((told(&dry), load().await), (("dry run", 8, 0, 0, 0), None));
    let run = collector.run(FEED, false).await.unwrap();
    assert_eq!(told(&run), ("stored", 8, 0, 0, 0));
    let first = load().await.unwrap();
    let stored = allocation(world.store.as_ref(), &FEED.parse().unwrap(), first).await.unwrap().unwrap();
    assert_eq!((stored.stats().held_ranges, world.all().await.len()), (1, 0), "one hand, and no listing");
    let fine = status(&collector, FEED).await;
    assert_eq!((fine.state, fine.last_stored.map(|(_, rows)| rows)), (FeedState::Idle, Some(8)));
    // Half of it gone, not that file at all, and a site that says no.
    for (body, outcome, words) in [
        (file(4), RunOutcome::Quarantined, "allocation import regulator.example FILE --accept"),
        (file(1), RunOutcome::Quarantined, "1 ranges: the definition expects 2 to 100"),
        ("<html></html>".to_owned(), RunOutcome::LayoutChanged, "HTML in place of a list"),
        ("a,b\n1,2\n".to_owned(), RunOutcome::LayoutChanged, "no column is named block"),
    ] {
        says(body);
        let report = collector.run(FEED, false).await.unwrap();
        assert_eq!(report.summary.outcome, outcome, "{}", report.summary.note);
        assert!(report.summary.note.contains(words), "{}", report.summary.note);
        assert_eq!(load().await, Some(first), "{words}");
    }
    world.says("403 Forbidden", "", "");
    assert_eq!(collector.run(FEED, false).await.unwrap().summary.outcome, RunOutcome::Blocked);
    says(file(9));
    assert_eq!(collector.run(FEED, false).await.unwrap().summary.outcome, RunOutcome::Stored);
    assert_ne!(load().await, Some(first));
    assert_eq!(status(&collector, FEED).await.failing_since, None);
}

#[tokio::test]
async fn a_regulators_file_that_a_person_loads_is_data_of_its_feed() {
    let world = World::with(&[definition()]);
    let collector = world.collector("a");
    let stored = async || {
        let status = status(&collector, FEED).await;
        (status.last_stored.map(|(_, rows)| rows), status.failing_since.is_some())
    };
    world.says("403 Forbidden", "", "");
    collector.run(FEED, false).await.unwrap();
    assert_eq!(stored().await, (None, true));
    let files = || vec![("ranges.csv".to_owned(), file(8).into_bytes())];
    let trial = ImportAsked { dry_run: true, ..ImportAsked::default() };
    collector.import_allocation(FEED, files(), trial).await.unwrap();
    assert_eq!(stored().await, (None, true), "a trial changes nothing");
    collector.import_allocation(FEED, files(), ImportAsked::default()).await.unwrap();
    assert_eq!(stored().await, (Some(8), false));
    assert!(collector.delete_allocation(FEED).await.unwrap());
    assert_eq!(stored().await, (None, false));
}
