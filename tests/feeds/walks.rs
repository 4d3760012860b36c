//! From page to page: stops past the end, on repeated pages, at the cap, when blocked; one host only.

use numguard::feed::{Definition, ReadOptions, Walk};
use url::Url;

use crate::{mirror, shipped};

/// Walks the mirror; the paths that were fetched and how many new numbers each gave.
fn walk(definition: &Definition) -> Vec<(String, usize)> {
    let mut walk = Walk::new(definition);
    let mut steps = Vec::new();
    while let Some(step) = walk.next_step() {
        assert!(steps.len() < 1_000, "endless");
        let target = step.url[url::Position::BeforePath..].to_owned();
        let answer = mirror::answer(step.url.host_str().unwrap(), &target);
        let page = definition.read(&step.url, &answer.body, ReadOptions::default()).unwrap();
        steps.push((target, walk.took(&step, &page)));
    }
    assert_eq!(walk.pages() as usize, steps.len());
    steps
}

fn paths(steps: &[(String, usize)]) -> Vec<&str> {
    steps.iter().map(|(path, _)| path.as_str()).collect()
}

#[test]
fn the_page_past_the_end_ends_the_walk() {
    let steps = walk(&shipped("receive-sms-free.cc"));
    assert_eq!(
        steps,
        [("/".to_owned(), 23), ("/regions/2.html".to_owned(), 12), ("/regions/3.html".to_owned(), 0)]
    );
}

#[test]
fn one_page_repeated_for_any_number_ends_the_walk() {
    let steps = walk(&shipped("temporary-phone-number.com"));
    let expected = [
        "/UK-Phone-Number/",
        "/US-Phone-Number/",
        "/UK-Phone-Number/page2",
        "/US-Phone-Number/page2",
        "/UK-Phone-Number/page3",
    ];
    assert_eq!(paths(&steps), expected);
    assert_eq!(steps[4].1, 0);
}

#[test]
fn a_first_page_whose_previous_is_itself_is_read_once() {
    let steps = walk(&shipped("temp-number.com"));
    assert_eq!(steps.iter().map(|step| step.1).sum::<usize>(), 80);
    let mut once = paths(&steps);
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), steps.len(), "{steps:?}");
    assert!(paths(&steps).contains(&"/countries/united-kingdom/3"), "{steps:?}");
}

#[test]
fn a_gap_without_a_link_is_no_page_and_inboxes_are_not_followed() {
    let steps = walk(&shipped("sms24.me"));
    assert_eq!(
        paths(&steps),
        ["/en/numbers", "/en/countries/us", "/en/numbers/page/2", "/en/numbers/page/20"]
    );
}

#[test]
fn pages_that_differ_in_case_only_are_one() {
    let text =
        crate::definitions_text("urls = [\"https://example.org/us/\", \"https://example.org/US\"]", "");
    let definition = Definition::parse("x", &text).unwrap();
    let mut walk = Walk::new(&definition);
    assert!(walk.next_step().is_some() && walk.next_step().is_none());
}

#[test]
fn an_endless_site_stops_at_the_cap() {
    let text = crate::definitions_text(
        "urls = [\"https://example.org/us\"]",
        "[pages]\ntemplate = \"{start}?page={page}\"\ncap = 7\n",
    );
    let definition = Definition::parse("x", &text).unwrap();
    let mut walk = Walk::new(&definition);
    let mut pages = Vec::new();
    while let Some(step) = walk.next_step() {
        let body = format!("<div class=n><b>+{}</b></div>", mirror::us(pages.len()));
        let page = definition.read(&step.url, body.as_bytes(), ReadOptions::default()).unwrap();
        assert_eq!(walk.took(&step, &page), 1);
        pages.push(step.url.to_string());
    }
    assert_eq!((pages.len(), pages[6].as_str()), (7, "https://example.org/us?page=7"));
}

#[test]
fn a_blocked_page_ends_the_whole_run() {
    let definition = shipped("receivesms.co");
    let mut walk = Walk::new(&definition);
    let step = walk.next_step().unwrap();
    let body = mirror::answer("www.receivesms.co", "/challenge").body;
    let page = definition.read(&step.url, &body, ReadOptions::default()).unwrap();
    assert_eq!(walk.took(&step, &page), 0);
    assert_eq!(walk.next_step(), None, "the second address is left alone too");
}

#[test]
fn links_to_another_host_are_never_walked() {
    let more = "[pages]\nfollow = \"a\"\nonly = '^/'\ncap = 9\n";
    let text = crate::definitions_text("urls = [\"https://example.org/list\"]", more);
    let definition = Definition::parse("x", &text).unwrap();
    let mut walk = Walk::new(&definition);
    let step = walk.next_step().unwrap();
    let body = "<div class=n><b>+12025550123</b></div><a href=\"https://169.254.169.254/\">x</a><a href=\"//other.example/\">y</a>";
    let mut page = definition.read(&step.url, body.as_bytes(), ReadOptions::default()).unwrap();
    assert_eq!(page.next, []);
    page.next = vec![Url::parse("https://other.example/").unwrap()];
    walk.took(&step, &page);
    assert_eq!(walk.next_step(), None);
}
