//! What goes wrong with numbers in rows, one named test each.

use numguard::feed::ReadOptions;
use url::Url;

use crate::{inline, mirror, numbers, read, read_with, reasons, shipped};

pub(crate) const TEXT: &str = "number = { select = \"b\" }";
pub(crate) const BOTH: &str = "number = { select = \"b\" }\nlink = { select = \"a\", attribute = \"href\", pattern = '/sms/(\\d+)', digits = \"international\" }";

pub(crate) fn row(text: &str) -> String {
    format!("<div class=\"n\"><b>{text}</b></div>")
}

/// A good row before, the row in question, and two good rows after.
pub(crate) fn among(row: &str) -> String {
    let good =
        |digits: &str| format!("<div class=\"n\"><a href=\"/sms/{digits}\"><b>+{digits}</b></a></div>");
    format!("{}{row}{}{}", good("12025550100"), good("12025550101"), good("12025550102"))
}

/// The row in question is dropped for `reason`, and the good rows stay.
pub(crate) fn dropped(layout: &str, row: &str, reason: &str) {
    let page = read_with(layout, &among(row));
    assert_eq!(reasons(&page), [reason], "{row}");
    assert_eq!(numbers(&page), ["+12025550100", "+12025550101", "+12025550102"], "{row}");
}

pub(crate) fn taken(layout: &str, row: &str, number: &str) {
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
fn direction_marks_around_a_number_are_no_matter() {
    let layout = "number = { select = \"b\", digits = \"international\" }";
    taken(layout, &row("\u{202a}+12025550123\u{202c}"), "+12025550123");
    taken(layout, &row("\u{200e}12025550123"), "+12025550123");
}

#[test]
fn text_without_end_is_cut_off_and_is_no_number() {
    dropped(TEXT, &row(&format!("+12025550123{}", " ".repeat(5_000))), "NOT_A_NUMBER");
    dropped(TEXT, &row(&"+1 202 <i></i>".repeat(50_000)), "NOT_A_NUMBER");
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
fn the_number_is_trusted_over_its_country_label() {
    let page = read("receive-smss.com", "https://receive-smss.com/");
    assert_eq!((page.rows.len(), page.wrong_labels), (39, 1));
    // Those numbers are offline on the mirror, and would not be rows.
    let url = Url::parse("https://quackr.io/numbers.json").unwrap();
    let body = String::from_utf8(mirror::answer("quackr.io", "/numbers.json").body).unwrap();
    let body = body.replace("Offline", "Online");
    let page = shipped("quackr.io").read(&url, body.as_bytes(), ReadOptions::default()).unwrap();
    // Seven of `sw`, which is no region at all, count as no label; `uk` is one, and wrong on Swedish numbers.
    assert_eq!(page.wrong_labels, 15);
}

#[test]
fn rows_that_are_offline_or_for_paying_or_registered_visitors_are_not_listed() {
    let layout = format!(
        "{TEXT}\nstates = [{{ attribute = \"class\", has = \"disabled\", is = \"gated\" }}, {{ select = \"u\", has = \"premium\", is = \"premium\" }}, {{ select = \"s\", is = \"masked\" }}, {{ has = \"offline\", is = \"offline\" }}]"
    );
    dropped(&layout, "<div class=\"n disabled\"><b>+12025550123</b></div>", "NOT_PUBLIC");
    dropped(&layout, "<div class=\"n\"><b>+12025550123</b><u>Premium</u></div>", "NOT_PUBLIC");
    dropped(&layout, "<div class=\"n\"><b>+12025550123</b><s></s></div>", "NOT_PUBLIC");
    dropped(&layout, "<div class=\"n\"><b>+12025550123</b> OFFLINE</div>", "OFFLINE");
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
fn links_to_call_or_write_are_no_listings() {
    let layout = "number = { select = \"b\" }\nlink = { select = \"a\", attribute = \"href\", pattern = '.+', digits = \"international\" }";
    for link in ["tel:+12025550123", "TEL:12025550123", "sms:+12025550123", "https://wa.me/12025550123"] {
        let row = format!("<div class=\"n\"><a href=\"{link}\"><b>+12025550123</b></a></div>");
        assert_eq!(reasons(&read_with(layout, &row)), ["CONTACT_LINK"], "{link}");
    }
}

#[test]
fn a_number_counts_once_per_page() {
    dropped(TEXT, &row("+1 202 555 0100"), "DUPLICATE");
}
