//! What goes wrong with whole pages, one named test each.

use numguard::feed::page::MOST_ROWS;
use numguard::feed::{PageError, ReadOptions, Verdict};
use url::Url;

use crate::hazards::{BOTH, TEXT, among, dropped, row, taken};
use crate::{inline, numbers, read, read_with, reasons};

#[test]
fn scripts_styles_and_comments_hold_no_rows() {
    let inside = row("+12025550150");
    for (open, close) in [
        ("<script>", "</script>"),
        ("<style>", "</style>"),
        ("<!-- ", " -->"),
        ("<textarea>", "</textarea>"),
        ("<title>", "</title>"),
        ("<noscript>", "</noscript>"),
        ("<iframe>", "</iframe>"),
        ("<a title='", "'></a>"),
    ] {
        let page = read_with(TEXT, &among(&format!("{open}{inside}{close}")));
        assert!(!numbers(&page).contains(&"+12025550150".to_owned()), "{open}");
        assert_eq!(numbers(&page).len(), 3, "{open}");
    }
    dropped(TEXT, "<div class=\"n\"><b><script>+12025550150</script></b></div>", "NO_NUMBER");
}

#[test]
fn a_missing_page_with_status_200_changes_nothing() {
    let page = read_with(TEXT, "<h1>404</h1><p>Nothing here, call +1 202 555 0150</p>");
    assert!(matches!(page.verdict, Verdict::LayoutChanged(_)) && page.rows.is_empty());
    for body in ["", "   ", "\u{0}\u{0}\u{0}", "not html at all +12025550150"] {
        assert!(matches!(read_with(TEXT, body).verdict, Verdict::LayoutChanged(_)), "{body:?}");
    }
}

#[test]
fn a_challenge_or_log_in_is_blocked() {
    for body in [
        "<title>Just a moment...</title>",
        "<title>Attention Required! | Cloudflare</title>",
        "<p>正在进行安全验证</p>",
        "<noscript>ENABLE JavaScript and cookies to continue</noscript>",
        "<p>These numbers are for members only</p>",
        "<form id=\"login\"></form>",
    ] {
        let more = format!("{TEXT}\n[blocked]\nphrases = [\"members only\"]\nselectors = [\"#login\"]");
        let page = read_with(&more, body);
        assert!(matches!(page.verdict, Verdict::Blocked(_)), "{body}: {:?}", page.verdict);
    }
}

#[test]
fn the_challenge_script_on_a_normal_page_proves_nothing() {
    let script = "<script src=\"/cdn-cgi/challenge-platform/scripts/main.js\"></script>";
    let page = read_with(TEXT, &format!("{script}{}", among("")));
    assert_eq!((page.verdict.as_str(), page.rows.len()), ("fine", 3));
    let page = read_with(&format!("{TEXT}\nframe = \"#list\""), &format!("{script}<div id=\"list\"></div>"));
    assert_eq!(page.verdict, Verdict::Empty);
}

#[test]
fn layout_drift_is_loud_and_publishes_nothing() {
    // The class of the number changed, the rows did not.
    let drifted: String =
        (0..9).map(|_| "<div class=\"n\"><b class=\"msgg\"></b><u>+12025550123</u></div>").collect();
    let page = read_with(TEXT, &drifted);
    assert!(
        matches!(&page.verdict, Verdict::LayoutChanged(why) if why.starts_with("9 of 9 rows")),
        "{page:?}"
    );
    // More than half: the rest is not trusted either.
    let page = read_with(TEXT, &format!("{}{drifted}", row("+12025550123")));
    assert!(matches!(page.verdict, Verdict::LayoutChanged(_)) && page.rows.is_empty());
    assert_eq!(read_with(TEXT, "<div class=\"m\"><b>+12025550123</b></div>").rows, []);
}

#[test]
fn json_that_turned_into_html_is_no_empty_list() {
    let url = Url::parse("https://quackr.io/numbers.json").unwrap();
    let quackr = crate::shipped("quackr.io");
    for (body, verdict) in [
        ("<html><body>+12025550123</body></html>", "layout changed"),
        ("\u{feff}\n <!doctype html>", "layout changed"),
        ("<title>Just a moment...</title>", "blocked"),
        ("{\"error\": \"12025550123\"}", "layout changed"),
        ("[{\"number\":\"12025550123\",\"status\":\"Online\"}", "layout changed"),
        ("\"12025550123\"", "layout changed"),
        ("", "layout changed"),
        ("[]", "empty"),
        ("[{\"number\":\"12025550123\",\"status\":\"Online\"}]", "fine"),
    ] {
        let page = quackr.read(&url, body.as_bytes(), ReadOptions::default()).unwrap();
        assert_eq!(page.verdict.as_str(), verdict, "{body}: {page:?}");
        assert_eq!(page.rows.len(), usize::from(verdict == "fine"), "{body}");
    }
    let castle = crate::shipped("castle");
    let page = castle.read(&url, b"<html>\n+12025550123\n</html>", ReadOptions::default()).unwrap();
    assert_eq!(page.verdict.as_str(), "layout changed");
}

#[test]
fn an_unknown_state_is_not_guessed() {
    let url = Url::parse("https://quackr.io/numbers.json").unwrap();
    let body = b"[{\"number\":\"12025550123\",\"status\":\"Reserved\"},{\"number\":\"12025550124\",\"status\":\"Online\"}]";
    let page = crate::shipped("quackr.io").read(&url, body, ReadOptions::default()).unwrap();
    assert_eq!((numbers(&page), reasons(&page)), (vec!["+12025550124".to_owned()], vec!["UNKNOWN_STATE"]));
}

#[test]
fn invented_numbers_of_a_generator_are_not_collected() {
    let page = read("freephonenum.com", "https://freephonenum.com/fake-phone-number-generator");
    assert!(matches!(page.verdict, Verdict::LayoutChanged(_)) && page.rows.is_empty());
}

#[test]
fn numbers_in_head_foot_and_menu_are_the_sites_own() {
    for (open, close) in [("<header>", "</header>"), ("<footer><p>", "</p></footer>"), ("<nav>", "</nav>")] {
        dropped(TEXT, &format!("{open}{}{close}", row("+12025550150")), "OUTSIDE_LISTING");
    }
    // A heading inside a card is part of the card.
    taken(
        "number = { select = \"b\" }",
        "<div class=\"n\"><header><b>+12025550123</b></header></div>",
        "+12025550123",
    );
}

#[test]
fn relative_links_are_read_and_followed_from_the_page() {
    let page = read("freephonenum.com", "https://freephonenum.com/us");
    assert_eq!(numbers(&page).len(), 7);
    let more = format!("{TEXT}\n[pages]\nfollow = \"a.next\"\nonly = '^/list/\\d+'\ncap = 3");
    let links = "<a class=next href=\"list/2\">2</a><a class=next href=\"/list/3?x=1&amp;y=2#top\">3</a>\
                 <a class=next href=\"//evil.example/list/4\">4</a><a class=next href=\"/inbox/5\">5</a><a class=next href=\"/list/12025550123\">5</a><a class=next>...</a>\
                 <a class=next href=\"javascript:alert(1)\">6</a><a class=next href=\"http://example.org/list/7\">7</a>\
                 <a class=next href=\"https://example.org:8443/list/8\">8</a><a class=next href=\"/list/3?x=1&amp;y=2\">3</a>";
    let page = read_with(&more, &format!("{}{links}", row("+12025550123")));
    let next: Vec<&str> = page.next.iter().map(Url::as_str).collect();
    assert_eq!(next, ["https://example.org/list/2", "https://example.org/list/3?x=1&y=2"]);
}

#[test]
fn rows_never_mix() {
    // No end tags: a row ends where the next begins, and its text never reaches the next one.
    let page = read_with(
        TEXT,
        "<div class=n><b>+1 202 555<div class=n><b>+12025550101</b></div><div class=n><b>+12025550102</b>",
    );
    assert_eq!(numbers(&page), ["+12025550101", "+12025550102"]);
    let page =
        read_with(TEXT, "<div class=n><div class=n><b>+12025550101</b></div><b>+12025550102</b></div>");
    assert_eq!((numbers(&page), reasons(&page)), (vec!["+12025550101".to_owned()], vec!["NO_NUMBER"]));
}

#[test]
fn samples_and_errors_never_show_a_number() {
    let page =
        read_with(TEXT, &among(&row("+447700900123 and +1 202 555 0123 or ꀁꀂꀃꀄꀅꀆ ٤٤٧٤٠٠١٢٣٤٥٦")));
    let told = format!("{page:?}");
    for digits in ["447700900123", "2025550123", "0900", "5550", "ꀄ", "٠٠"] {
        assert!(!told.contains(digits), "{told}");
    }
}

#[test]
fn half_a_megabyte_of_nested_tags_is_refused_or_read_in_bounded_memory() {
    let size = 512 * 1024;
    for piece in [
        "<ul><li>",
        "<div class=n>",
        "<div class=n><b>",
        "<b>",
        "<a href=x><b>",
        "</b>",
        "<footer><div class=n>",
        "<",
        "<div class=n a=\"",
        "&",
        "<!--",
        "<script>",
        "<table><tr><td>",
        "<svg><b>",
        "<select><option>",
        "<div class=n></div></p>",
    ] {
        let body = piece.repeat(size / piece.len());
        let began = std::time::Instant::now();
        let read = inline(&format!("{BOTH}\nframe = \"div div\"")).read(
            &Url::parse("https://example.org/list").unwrap(),
            body.as_bytes(),
            ReadOptions::default(),
        );
        match read {
            Ok(page) => assert!(page.rows.is_empty(), "{piece}"),
            Err(error) => assert_eq!(error, PageError::TooMuchMemory, "{piece}"),
        }
        // Quadratic readers take 13 s and more for a quarter of it; this is no stopwatch.
        assert!(began.elapsed().as_secs() < 60, "{piece}: {:?}", began.elapsed());
    }
    let nested = "<ul><li>".repeat(size / 8);
    let read = inline(TEXT).read(
        &Url::parse("https://example.org/").unwrap(),
        nested.as_bytes(),
        ReadOptions::default(),
    );
    assert_eq!(read, Err(PageError::TooMuchMemory), "the memory cap holds at 128,000 open elements");
}

#[test]
fn more_rows_than_the_cap_are_refused_in_every_form() {
    let url = Url::parse("https://example.org/list").unwrap();
    let html = "<div class=n></div>".repeat(MOST_ROWS + 1);
    assert_eq!(inline(TEXT).read(&url, html.as_bytes(), ReadOptions::default()), Err(PageError::TooManyRows));
    let text = "+1\n".repeat(MOST_ROWS + 1);
    assert_eq!(
        crate::shipped("castle").read(&url, text.as_bytes(), ReadOptions::default()),
        Err(PageError::TooManyRows)
    );
    let json = format!("[{}1]", "1,".repeat(MOST_ROWS));
    assert_eq!(
        crate::shipped("quackr.io").read(&url, json.as_bytes(), ReadOptions::default()),
        Err(PageError::TooManyRows)
    );
}
