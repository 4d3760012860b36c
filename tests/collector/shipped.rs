//! Every shipped feed that is on, run once against the mirror of its site.

use std::sync::Arc;

use numguard::check::check;
use numguard::collect::{Collector, RunOutcome};
use numguard::feed::definition::SHIPPED;
use numguard::feed::{Catalogue, Definition};
use numguard::policy::Policy;

use crate::mirror;
use crate::site::{Asked, Reply};
use crate::world::{World, clock};

/// The shipped definitions that are on, over plain HTTP, as fast as may be, and with a band for the
/// mirror's few rows.
fn on() -> Vec<(String, String)> {
    let own = |(file, text): &(&str, &str)| {
        let definition = Definition::parse(file, text).unwrap();
        let set = |line: &str| match line.split_once(" = ").map(|(key, _)| key) {
            Some("band") => "band = { min = 2, max = 199000 }".to_owned(),
            Some("pace_seconds") => "pace_seconds = 1".to_owned(),
            _ => line.replace("https://", "http://"),
        };
        let text: Vec<String> = text.lines().map(set).collect();
        let text = text.join("\n").replace("\nband =", &format!("{}\nband =", pace(text_has_pace(&text))));
        definition.enabled.then_some(((*file).to_owned(), text))
    };
    SHIPPED.iter().filter_map(own).collect()
}

fn text_has_pace(lines: &[String]) -> bool {
    lines.iter().any(|line| line.starts_with("pace_seconds"))
}

fn pace(there: bool) -> &'static str {
    if there { "" } else { "\npace_seconds = 1" }
}

fn mirrored(asked: &Asked) -> Reply {
    let answer = mirror::answer(asked.host.split(':').next().unwrap(), &asked.path);
    let headers: String = answer.headers.iter().map(|(key, value)| format!("{key}: {value}\r\n")).collect();
    crate::site::answer(&format!("{} Said", answer.status), &headers, answer.body)
}

#[tokio::test]
async fn every_feed_that_is_on_stores_its_mirror_and_no_inbox_is_asked_for() {
    let own = on();
    assert!(own.len() >= 9, "{}", own.len());
    let world = World::served(&own, mirrored);
    let collector = world.collector("a");
    let names: Vec<String> = Catalogue::new(&own)
        .unwrap()
        .entries()
        .iter()
        .filter(|entry| entry.definition.enabled)
        .map(|entry| entry.definition.name.to_string())
        .collect();
    let mut runs = tokio::task::JoinSet::new();
    for name in names.clone() {
        // Two lists are on one host, and wait for each other.
        let collector: Collector = collector.clone();
        runs.spawn(async move {
            loop {
                match collector.run(&name, false).await {
                    Err(numguard::collect::CollectError::Held(_)) => {
                        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    }
                    done => return (name, done.unwrap()),
                }
            }
        });
    }
    let mut rows = 0;
    while let Some(done) = runs.join_next().await {
        let (name, report) = done.unwrap();
        assert_eq!(report.summary.outcome, RunOutcome::Stored, "{name}: {}", report.summary.note);
        assert!(report.summary.rows >= 5, "{name}: {}", report.summary.rows);
        rows += report.summary.rows;
    }
    assert!(rows > 500, "{rows}");
    let asked: Vec<String> =
        world.site.log().iter().map(|asked| format!("{}{}", asked.host, asked.path)).collect();
    for url in &asked {
        let path = url.split_once('/').unwrap().1;
        let digits = path.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
        assert!(digits < 7 && !path.contains("inbox") && !path.contains("sms/"), "{url}");
    }
    let robots = asked.iter().filter(|url| url.ends_with("/robots.txt")).count();
    assert_eq!(robots, names.len() - 1, "once a host: {asked:?}");
    let index = world.index().await;
    let policy = Policy::default();
    let number = format!("+{}", mirror::us(1));
    let found = check(&index, &policy, &number, None, clock());
    assert!(format!("{:?}", found.judgement).contains("receive"), "the evidence names the site");
    assert!(Arc::strong_count(&world.catalogue) > 0);
}
