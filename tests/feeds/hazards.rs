//! What goes wrong on real pages, one named test each.

use numguard::feed::page::MOST_ROWS;
use numguard::feed::{PageError, ReadOptions, Verdict};
use url::Url;

use crate::{inline, mirror, numbers, read, read_with, reasons};

const TEXT: &str = "number = { select = \"b\" }";
const BOTH: &str = "number = { select = \"b\" }\nlink = { select = \"a\", attribute = \"href\", pattern = '/sms/(\\d+)', digits = \"international\" }";

fn row(text: &str) -> String {
    format!("<div class=\"n\"><b>{text}</b></div>")
}

/// A good row before, the row in question, and two good rows after.
fn among(row: &str) -> String {
    let good =
        |digits: &str| format!("<div class=\"n\"><a href=\"/sms/{digits}\"><b>+{digits}</b></a></div>");
    format!("{}{row}{}{}", good("12025550100"), good("12025550101"), good("12025550102"))
}

/// The row in question is dropped for `reason`, and the good rows stay.
fn dropped(layout: &str, row: &str, reason: &str) {
    let page = read_with(layout, &among(row));
    assert_eq!(reasons(&page), [reason], "{row}");
    assert_eq!(numbers(&page), ["+12025550100", "+12025550101", "+12025550102"], "{row}");
}

fn taken(layout: &str, row: &str, number: &str) {
    let page = read_with(layout, row);
    assert_eq!(numbers(&page), [number], "{row}: {page:?}");
}

#[test]
fn a_split_country_code_stays_with_its_number() {
    taken(TEXT, &row("+358 4573000001"), "+3584573000001");
    taken(TEXT, &row("<i>+358</i> <i>4573000001</i>"), "+3584573000001");
    taken(TEXT, &row("+1 (202) 555-0123"), "+12025550123");
    let page = read("receive-sms-free.cc", "https://receive-sms-free.cc/");
    assert_eq!(numbers(&page)[0], "+3584573000001");
    assert!(numbers(&page).iter().all(|number| number.starts_with("+3584573") || number.starts_with("+1")));
}

#[test]
fn digits_without_a_plus_are_no_number_unless_the_definition_says_what_they_are() {
    dropped(TEXT, &row("4573000001"), "NO_COUNTRY_CODE");
    taken("number = { select = \"b\", digits = \"international\" }", &row("3584573000001"), "+3584573000001");
    taken("number = { select = \"b\", digits = \"national\" }", &row("(202) 555-0123"), "+12025550123");
}

#[test]
fn text_and_link_must_agree() {
    let link =
        |href: &str, text: &str| format!("<div class=\"n\"><a href=\"{href}\"><b>{text}</b></a></div>");
    taken(BOTH, &link("/sms/12025550123/", "+1 202 555 0123"), "+12025550123");
    dropped(BOTH, &link("/sms/12025550124/", "+1 202 555 0123"), "LINK_DISAGREES");
    dropped(BOTH, &link("/sms/2025550123/", "+1 202 555 0123"), "LINK_DISAGREES");
    dropped(BOTH, &link("/info/19", "+1 202 555 0123"), "NO_LINK");
    dropped(BOTH, "<div class=\"n\"><b>+1 202 555 0123</b></div>", "NO_LINK");
}

#[test]
fn national_digits_in_a_link_agree_with_the_end_of_the_number() {
    let layout = "number = { select = \"b\" }\nlink = { select = \"a\", attribute = \"href\", pattern = 'receive-sms/(\\d+)$', digits = \"national\" }";
    let link = |href: &str| format!("<div class=\"n\"><a href=\"{href}\"><b>+1 (202) 555-0123</b></a></div>");
    taken(layout, &link("us/receive-sms/2025550123"), "+12025550123");
    for other in ["us/receive-sms/5550123", "us/receive-sms/2025550124", "us/receive-sms/12025550123"] {
        assert_eq!(reasons(&read_with(layout, &link(other))), ["LINK_DISAGREES"], "{other}");
    }
}

#[test]
fn pager_digits_and_dates_are_no_numbers() {
    // A plain pattern reads +1 234 567 8910 and a number of the United States in these.
    dropped(TEXT, &row("1 2 3 4 5 6 7 8 9 10"), "NO_COUNTRY_CODE");
    dropped(TEXT, &row("2026-02-06 37"), "NO_COUNTRY_CODE");
    let page =
        read_with(TEXT, "<ul class=\"pagination\"><li>1 2 3 4 5 6 7 8 9 10</li></ul><p>2026-02-06 37</p>");
    assert_eq!((page.rows.len(), page.dropped.len()), (0, 0));
}

#[test]
fn placeholders_are_no_numbers() {
    let body = format!(
        "<input class=\"n\" placeholder=\"+12025550150\">{}",
        among("<div class=\"n\"><input placeholder=\"+12025550150\"></div>")
    );
    let page = read_with(TEXT, &body);
    assert_eq!((numbers(&page).len(), reasons(&page)), (3, vec!["NO_NUMBER"]));
}

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
fn masked_numbers_are_dropped_and_never_filled_from_the_link() {
    for masked in [
        "+44 7xxx***",
        "415-965-****",
        "+1 202 555 01XX",
        "4xxxx3544",
        "+1 202 \u{2022}\u{2022}\u{2022} 0123",
        "+1 202 555\u{2026}",
        "&#42;&#42;20255501",
    ] {
        dropped(
            BOTH,
            &format!("<div class=\"n\"><a href=\"/sms/12025550123/\"><b>{masked}</b></a></div>"),
            "MASKED",
        );
    }
}

#[test]
fn yi_digits_are_told_and_read_only_when_asked() {
    let url = Url::parse("https://mytempsms.com/receive-sms-online/country.html?page=1").unwrap();
    let body = mirror::answer("mytempsms.com", "/receive-sms-online/country.html?page=1").body;
    let definition = inline("number = { select = \"a\" }");
    let page = definition.read(&url, &body, ReadOptions::default()).unwrap();
    assert_eq!((page.rows.len(), reasons(&page)), (0, vec!["OBFUSCATED"; 6]));
    assert!(page.dropped.iter().all(|dropped| dropped.sample.ends_with("********")), "{page:?}");
    let page = definition.read(&url, &body, ReadOptions { obfuscated: true }).unwrap();
    assert_eq!(numbers(&page).len(), 6);
}

#[test]
fn zero_width_joiners_between_digits_are_no_matter() {
    taken(TEXT, &row("+1\u{200d}2\u{200d}0\u{200b}2\u{2060}5550123"), "+12025550123");
    taken(TEXT, &row("+1&#8205;202&zwj;555&#x200b;0123"), "+12025550123");
}

#[test]
fn no_break_spaces_are_spaces() {
    taken(TEXT, &row("+1&nbsp;202\u{a0}555&#160;0123"), "+12025550123");
}

#[test]
fn full_width_and_arabic_indic_digits_are_digits() {
    taken(TEXT, &row("＋１２０２５５５０１２３"), "+12025550123");
    taken(TEXT, &row("+١٢٠٢٥٥٥٠١٢٣"), "+12025550123");
}

#[test]
fn ligature_words_of_icons_do_not_count() {
    let icon = row("+1 2025550123 <i class=\"material-icons\">content_copy</i>");
    dropped(TEXT, &icon, "NOT_A_NUMBER");
    taken("number = { select = \"b\", without = \"i\" }", &icon, "+12025550123");
    let void = row("<img src=x> +1 2025550123 <i class=\"material-icons\">content_copy<br>x</i>");
    taken("number = { select = \"b\", without = \"i\" }", &void, "+12025550123");
}

#[test]
fn the_age_behind_a_number_is_not_glued_to_it() {
    let page = read("receivesms.co", "https://www.receivesms.co/active-numbers/");
    assert_eq!(numbers(&page)[0], "+12025550100");
    assert!(page.rows.iter().all(|row| row.active.is_some()));
    dropped(TEXT, &row("+1 202-555-0123 3 days ago"), "NOT_A_NUMBER");
    dropped(TEXT, &row("+1 202-555-0123<i>37</i>"), "NOT_IN_PLAN");
}

#[test]
fn a_number_in_an_attribute_only_is_found_there() {
    taken(
        "number = { attribute = \"data-number\", digits = \"international\" }",
        "<div class=\"n\" data-number=\"12025550123\">x</div>",
        "+12025550123",
    );
    taken(
        "number = { select = \"a\", attribute = \"data-clipboard-text\" }",
        "<div class=\"n\"><a data-clipboard-text=\"&#43;1 202 555 0123\">Read</a></div>",
        "+12025550123",
    );
}

#[test]
fn ids_that_look_like_numbers_are_refused() {
    dropped(TEXT, &row("+85298765432101"), "NOT_IN_PLAN");
    dropped(TEXT, &row("+1234567890123456"), "NOT_IN_PLAN");
    dropped(TEXT, &row("+100"), "NOT_IN_PLAN");
    // Opaque row ids are no links to a number.
    dropped(BOTH, "<div class=\"n\"><a href=\"/sms/?phone=19\"><b>+1 202 555 0123</b></a></div>", "NO_LINK");
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
fn the_number_is_trusted_over_its_country_label() {
    let page = read("receive-smss.com", "https://receive-smss.com/");
    assert_eq!((page.rows.len(), page.wrong_labels), (39, 1));
    let page = read("quackr.io", "https://quackr.io/numbers.json");
    // Seven of `sw`, which is no region at all, count as no label; `uk` is one, and wrong on Swedish numbers.
    assert_eq!(page.wrong_labels, 15);
}

#[test]
fn invented_numbers_of_a_generator_are_not_collected() {
    let page = read("freephonenum.com", "https://freephonenum.com/fake-phone-number-generator");
    assert!(matches!(page.verdict, Verdict::LayoutChanged(_)) && page.rows.is_empty());
}

#[test]
fn rows_for_paying_or_registered_visitors_are_not_listed() {
    let layout = format!(
        "{TEXT}\nstates = [{{ attribute = \"class\", has = \"disabled\", is = \"gated\" }}, {{ select = \"u\", has = \"premium\", is = \"premium\" }}, {{ select = \"s\", is = \"masked\" }}, {{ has = \"offline\", is = \"offline\" }}]"
    );
    dropped(&layout, "<div class=\"n disabled\"><b>+12025550123</b></div>", "NOT_PUBLIC");
    dropped(&layout, "<div class=\"n\"><b>+12025550123</b><u>Premium</u></div>", "NOT_PUBLIC");
    dropped(&layout, "<div class=\"n\"><b>+12025550123</b><s></s></div>", "NOT_PUBLIC");
    let page = read_with(&layout, "<div class=\"n\"><b>+12025550123</b> OFFLINE</div>");
    assert_eq!(page.rows[0].state.as_str(), "offline");
    dropped(TEXT, &row("just now: log in to view"), "NOT_A_NUMBER");
}

#[test]
fn service_numbers_and_the_sites_own_are_never_listed() {
    for (number, reason) in [
        ("+18335550123", "NEVER_LISTED"),
        ("+18005550123", "NEVER_LISTED"),
        ("+19002345678", "NEVER_LISTED"),
        ("+448001111111", "NEVER_LISTED"),
        ("+44112", "NOT_IN_PLAN"),
        ("+1911", "NOT_IN_PLAN"),
        ("112", "NO_COUNTRY_CODE"),
        ("+447700900123", "NOT_IN_PLAN"),
        ("+12025550199", "OWN_CONTACT"),
    ] {
        dropped(TEXT, &row(number), reason);
    }
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
fn links_to_call_or_write_are_no_listings() {
    let layout = "number = { select = \"b\" }\nlink = { select = \"a\", attribute = \"href\", pattern = '.+', digits = \"international\" }";
    for link in ["tel:+12025550123", "TEL:12025550123", "sms:+12025550123", "https://wa.me/12025550123"] {
        let row = format!("<div class=\"n\"><a href=\"{link}\"><b>+12025550123</b></a></div>");
        assert_eq!(reasons(&read_with(layout, &row)), ["CONTACT_LINK"], "{link}");
    }
}

#[test]
fn relative_links_are_read_and_followed_from_the_page() {
    let page = read("freephonenum.com", "https://freephonenum.com/us");
    assert_eq!(numbers(&page).len(), 7);
    let more = format!("{TEXT}\n[pages]\nfollow = \"a.next\"\nonly = '^/list/\\d+'\ncap = 3");
    let links = "<a class=next href=\"list/2\">2</a><a class=next href=\"/list/3?x=1&amp;y=2#top\">3</a>\
                 <a class=next href=\"//evil.example/list/4\">4</a><a class=next href=\"/inbox/5\">5</a><a class=next>...</a>\
                 <a class=next href=\"javascript:alert(1)\">6</a><a class=next href=\"http://example.org/list/7\">7</a>\
                 <a class=next href=\"https://example.org:8443/list/8\">8</a><a class=next href=\"/list/3?x=1&amp;y=2\">3</a>";
    let page = read_with(&more, &format!("{}{links}", row("+12025550123")));
    let next: Vec<&str> = page.next.iter().map(Url::as_str).collect();
    assert_eq!(next, ["https://example.org/list/2", "https://example.org/list/3?x=1&y=2"]);
}

#[test]
fn a_number_counts_once_per_page() {
    dropped(TEXT, &row("+1 202 555 0100"), "DUPLICATE");
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
