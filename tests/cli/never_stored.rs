//! A feed of which nothing was ever stored, as the operator of a service meets it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::mirror::{self, Answer, Mirror};
use crate::served::Served;

const FEED: &str = "own.example";

/// A definition and a configuration of an operator, who runs the feed by hand.
fn own_feed(folder: &Path, mirror: &Mirror) -> PathBuf {
    let feeds = folder.join("feeds");
    std::fs::create_dir_all(&feeds).unwrap();
    let definition = format!(
        "name = \"{FEED}\"\ntitle = \"A list\"\ngroup = \"own\"\nterms = \"ours\"\n\
         urls = [\"http://{FEED}.mirror.test/list.txt\"]\ninterval_minutes = 60\npace_seconds = 1\n\
         band = {{ min = 2, max = 100 }}\n[text]\ndigits = \"international\"\n"
    );
    std::fs::write(feeds.join("own.toml"), definition).unwrap();
    let config = folder.join("numguard.toml");
    let text = format!(
        "[collect]\ncontact_url = \"https://contact.example/numguard\"\nproxy = \"http://{}\"\nfeeds_dir = {feeds:?}\n",
        mirror.address
    );
    std::fs::write(&config, text).unwrap();
    config
}

#[test]
fn the_doctor_says_which_feed_never_stored_anything_since_when_why_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let moved_here = Arc::new(AtomicBool::new(false));
    let there = Arc::clone(&moved_here);
    let mirror = Mirror::of(folder.path(), move |host, target| {
        let listed = host == FEED && target == "/list.txt" && there.load(Ordering::SeqCst);
        let body: String = (0..9).map(|at| format!("+{}\n", mirror::se(at))).collect();
        let headers = vec![("content-type", "text/plain".to_owned())];
        let list = Answer { status: 200, headers, body: body.into_bytes() };
        (Duration::ZERO, if listed { list } else { mirror::answer(host, target) })
    });
    let (config, data) = (own_feed(folder.path(), &mirror), folder.path().join("data"));
    let [config, data] = [&config, &data].map(|path| path.to_str().unwrap());
    let served = Served::start(Path::new(data), &["--no-starter-data", "--config", config]);
    let bad = || -> Vec<(String, String)> {
        let ran = served.run(&["doctor", "-o", "json", "--data-dir", data, "--config", config]);
        let findings = ran.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let bad: Vec<Value> = findings.filter(|finding| finding["is"] == "BAD").collect();
        assert_eq!(ran.code, Some(i32::from(!bad.is_empty())), "{ran:?}");
        let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
        bad.iter().map(|finding| (text(finding, "found"), text(finding, "to_do"))).collect()
    };
    assert_eq!(bad(), [], "it has not been run");

    served.run(&["feed", "run", FEED]);
    let found = bad();
    assert_eq!(found.len(), 1, "{found:?}");
    let (found, to_do) = &found[0];
    assert!(found.starts_with("own.example: nothing is stored, and no run since 20"), "{found}");
    assert!(found.ends_with("Z (just now) has succeeded: the site answers 404"), "{found}");
    assert!(to_do.contains("check its address: numguard feed show own.example"), "{to_do}");
    let status = served.run(&["feed", "status", "-o", "json"]).stdout;
    let own = status.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let own = own.into_iter().find(|feed| feed["feed"] == FEED).unwrap();
    assert!(own["last_stored"].is_null() && own["failing_since"].is_string(), "{own}");

    served.run(&["feed", "pause", FEED]);
    assert_eq!(bad(), [], "somebody has seen to it");
    served.run(&["feed", "resume", FEED]);
    assert_eq!(bad().len(), 1);
    moved_here.store(true, Ordering::SeqCst);
    let ran = served.run(&["feed", "run", FEED]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(bad(), []);
}
