//! `numguard feed`: lists, shows, tries out and drafts definitions, without a service.

use serde_json::Value;

use crate::served::{command, file, run};

const PAGE: &[u8] =
    b"<div class=number-boxes-item><div class=number-boxes-itemm-number>+1 202 555 0123</div>\
    <a class=number-boxes1-item-button href='/sms/12025550123/'>Open</a></div>\
    <div class=number-boxes-item><div class=number-boxes-itemm-number>+46 70 174 06 05</div>\
    <a class=number-boxes1-item-button href='/sms/46701740605/'>Open</a></div>\
    <div class=number-boxes-item><div class=number-boxes-itemm-number>+1 202 555 01**</div>\
    <a class=number-boxes1-item-button href='/sms/12025550124/'>Open\x1b[31m</a></div>";

#[test]
fn all_feeds_are_listed_with_why_some_are_off() {
    let ran = run(&["feed", "list"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let line =
        |name: &str| ran.stdout.lines().find(|line| line.trim_start().starts_with(name)).unwrap().to_owned();
    assert!(line("quackr.io").contains("1 h") && line("quackr.io").ends_with("on"), "{}", ran.stdout);
    assert!(line("smstome.com").contains("off: asks for a free account"), "{}", ran.stdout);
    let json = run(&["feed", "list", "--output", "json"]).stdout;
    let feeds: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(feeds.len() >= 20 && feeds.iter().all(|feed| feed["shipped"] == true));
    let off = feeds.iter().filter(|feed| feed["enabled"] == false);
    assert!(off.clone().count() > 3 && off.into_iter().all(|feed| feed["disabled_because"] != ""));
}

#[test]
fn a_definition_is_shown_as_it_is_written() {
    let shown = run(&["feed", "show", "castle"]);
    assert!(shown.stdout.contains("ranked = true") && shown.stdout.contains("# The thousand"), "{shown:?}");
    let unknown = run(&["feed", "show", "nothing"]);
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.stderr.contains("no feed is named nothing; numguard feed list"), "{unknown:?}");
}

#[test]
fn a_saved_page_is_tried_out() {
    let folder = tempfile::tempdir().unwrap();
    let page = file(&folder, "page.html", PAGE);
    let page = page.to_str().unwrap();
    let ran = run(&["feed", "test", "receive-smss.com", "--page", page]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for words in [
        "+12025550123",
        "+46701740605",
        "MASKED",
        "+1 20* *** ****",
        "fine; 2 numbers, 1 rows left out (1 MASKED)",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.stdout);
    }
    assert!(ran.stderr.contains("a whole run is expected to bring 15 to 200"), "{ran:?}");
    assert!(!ran.stdout.contains('\x1b') && !ran.stdout.contains("12025550124"), "{ran:?}");
    let json = run(&["feed", "test", "receive-smss.com", "--page", page, "--output", "json"]).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["numbers"][0]["number"], "+12025550123");
    assert_eq!(
        (json["left_out"][0]["reason"].as_str(), json["verdict"].as_str()),
        (Some("MASKED"), Some("fine"))
    );
}

#[test]
fn a_page_that_is_not_as_expected_fails() {
    let folder = tempfile::tempdir().unwrap();
    let good = file(&folder, "good.html", PAGE);
    for (name, content, words) in [
        ("blocked.html", &b"<title>Just a moment...</title>"[..], "blocked: Just a moment..."),
        ("changed.html", b"<p>new design</p>", "layout changed: no row of any layout"),
        ("empty.html", b"", "layout changed"),
    ] {
        let bad = file(&folder, name, content);
        let pages = [good.to_str().unwrap(), bad.to_str().unwrap()];
        let ran = run(&["feed", "test", "receive-smss.com", "--page", pages[0], pages[1]]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stdout.contains(words) && ran.stdout.contains("+12025550123"), "{ran:?}");
    }
    let missing = run(&["feed", "test", "receive-smss.com", "--page", "/no/such.html"]);
    assert!(missing.code == Some(1) && missing.stderr.contains("cannot open /no/such.html"), "{missing:?}");
    let folder = run(&["feed", "test", "receive-smss.com", "--page", folder.path().to_str().unwrap()]);
    assert!(folder.code == Some(1) && folder.stderr.contains("is a folder"), "{folder:?}");
    assert_eq!(run(&["feed", "test", "receive-smss.com"]).code, Some(2));
}

#[test]
fn regulators_files_give_ranges() {
    let folder = tempfile::tempdir().unwrap();
    let text = b"NMS Number Block: Number Block,Block Status,CP Name\n7700 900,Free,\n7418 7,Allocated,Some Holder\n";
    let page = file(&folder, "S7.csv", text);
    let ran = run(&["feed", "test", "ofcom-s7", "--page", page.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("+4474187*") && ran.stdout.contains("2 ranges, 0 rows left out"), "{ran:?}");
    let wrong = file(&folder, "other.csv", b"a,b\n");
    let ran = run(&["feed", "test", "ofcom-s7", "--page", wrong.to_str().unwrap()]);
    assert!(ran.code == Some(1) && ran.stderr.contains("no column is named NMS Number Block"), "{ran:?}");
}

#[test]
fn a_draft_is_written_edited_and_tried_out() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().to_str().unwrap();
    let printed = run(&["feed", "add", "https://www.numbers.example/list"]);
    assert!(printed.stdout.starts_with("name = \"numbers.example\""), "{printed:?}");
    let written = run(&["feed", "add", "https://www.numbers.example/list", "--feeds-dir", own]);
    assert_eq!(written.code, Some(0), "{written:?}");
    assert!(written.stderr.contains("numguard feed test"), "{written:?}");
    let again = run(&["feed", "add", "https://numbers.example/other", "--feeds-dir", own]);
    assert!(again.code == Some(1) && again.stderr.contains("is there already"), "{again:?}");
    assert!(run(&["feed", "list", "--feeds-dir", own]).stdout.contains("numbers.example"));

    let draft = folder.path().join("numbers.example.toml");
    let page = file(&folder, "p.html", b"<div class=number-card><i class=number>+1 202 555 0123</i></div>");
    let (draft, page) = (draft.to_str().unwrap(), page.to_str().unwrap());
    for name in [&["numbers.example", "--feeds-dir", own][..], &[draft]] {
        let ran = run(&[&["feed", "test", "--page", page, "--"], &name[..1]].concat());
        let ran =
            if name.len() > 1 { run(&[&["feed", "test"], name, &["--page", page]].concat()) } else { ran };
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }
    let text = std::fs::read_to_string(draft).unwrap().replace("rows = \"div.number-card\"", "row = \"div\"");
    std::fs::write(draft, text).unwrap();
    let ran = run(&["feed", "list", "--feeds-dir", own]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr.contains("numbers.example.toml: line ") && ran.stderr.contains("unknown field `row`"),
        "{ran:?}"
    );
    let ran = run(&["feed", "list", "--feeds-dir", "/no/such"]);
    assert!(ran.stderr.contains("cannot read /no/such"), "{ran:?}");
    let ran = run(&["feed", "add", "numbers.example"]);
    assert!(ran.code == Some(1) && ran.stderr.contains("expected an address such as https://"), "{ran:?}");
}

#[test]
fn a_page_comes_from_stdin_too() {
    let mut child = command(&["feed", "test", "castle", "--page", "-"]);
    child.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = child.stderr(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"+12025550123\n12025550124\n").unwrap();
    let ran: crate::served::Ran = child.wait_with_output().unwrap().into();
    assert!(ran.code == Some(0) && ran.stdout.contains("2 numbers"), "{ran:?}");
}
