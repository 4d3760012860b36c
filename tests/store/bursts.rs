//! What one process counts, the others on the store know a second later; and without the store each
//! counts for itself.

use std::fs;
use std::path::Path;

use crate::served::Served;
use crate::servers::{Flavor, Reply, Server, wait_until};

fn serve(folder: &Path, redis: &str) -> Served {
    fs::create_dir_all(folder).unwrap();
    let config = folder.join("numguard.toml");
    fs::write(&config, "[bursts]\nenabled = true\nwindow_minutes = 60\n").unwrap();
    Served::start(folder, &["--no-starter-data", "--redis", redis, "--config", config.to_str().unwrap()])
}

fn reasons(served: &Served, words: &[&str], number: &str) -> String {
    let ran = served.run(&[&["check", "--output", "json", number], words].concat());
    let answer: serde_json::Value =
        serde_json::from_str(ran.stdout.trim()).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    answer["reasons"].to_string()
}

#[test]
fn replicas_know_what_the_others_counted() {
    let Some(server) = Server::start(Flavor::Redis7, &[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["a", "b"].map(|name| serve(&folder.path().join(name), &server.url()));
    // Four on each side: neither alone has the eight that make a burst.
    for (served, last) in [(&a, "01"), (&a, "13"), (&a, "25"), (&a, "37"), (&b, "49"), (&b, "51"), (&b, "63")]
    {
        assert_eq!(reasons(served, &["--sign-up"], &format!("+4479111234{last}")), "[]");
    }
    assert_eq!(reasons(&b, &["--sign-up"], "+447911123475"), "[]");
    let burst = |served: &Served| reasons(served, &[], "+447911123499").contains("8 numbers of its 100");
    wait_until("b knows", || burst(&b), || server.log());
    wait_until("a knows", || burst(&a), || server.log());
    // A process that has just come is told; one whose store has gone counts for itself.
    let c = serve(&folder.path().join("c"), &server.url());
    wait_until("c is told", || burst(&c), || server.log());
    let boards = server.command(&["KEYS", "*board*"]);
    assert!(!boards.array().is_empty());
    for board in boards.array() {
        let Reply::Int(ttl) = server.command(&["TTL", board.text()]) else { panic!("{board:?}") };
        assert!((1..=3 * 1_800).contains(&ttl), "{board:?} stays {ttl} s");
        let seats = server.command(&["HLEN", board.text()]);
        assert!(matches!(seats, Reply::Int(1..=2)), "one seat per process that counted: {seats:?}");
    }
    server.kill9();
    wait_until("a counts for itself", || !burst(&a), || server.log());
    for last in 40..44 {
        reasons(&a, &["--sign-up"], &format!("+4479111234{last}"));
    }
    assert!(burst(&a), "its own four before and four now");
}
