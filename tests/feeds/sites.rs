//! Every shipped definition against every page of its mirror: how many rows, and what was left out.

use std::collections::BTreeMap;

use numguard::feed::{DropReason, ReadOptions, Shape};
use url::Url;

use crate::{mirror, numbers, read};

/// Feed, address, rows, what was left out, verdict.
const EXPECTED: [(&str, &str, usize, &str, &str); 47] = [
    ("receive-smss.com", "https://receive-smss.com/", 39, "2 NOT_PUBLIC", "fine"),
    ("receive-smss.com", "https://receive-smss.com/?layout=2021", 41, "", "fine"),
    ("sms24.me", "https://sms24.me/en/numbers", 13, "1 NEVER_LISTED, 1 NOT_IN_PLAN", "fine"),
    ("sms24.me", "https://sms24.me/en/numbers/page/2", 15, "", "fine"),
    ("sms24.me", "https://sms24.me/en/numbers/page/20", 15, "", "fine"),
    ("sms24.me", "https://sms24.me/en/countries/us", 13, "1 NEVER_LISTED, 1 NOT_IN_PLAN", "fine"),
    ("quackr.io", "https://quackr.io/numbers.json", 39, "1 DUPLICATE, 5 NOT_IN_PLAN, 15 OFFLINE", "fine"),
    ("quackr.io", "https://quackr.io/numbers.json?variant=shell", 0, "", "layout changed"),
    ("quackr.io", "https://quackr.io/numbers.json?variant=empty", 0, "", "empty"),
    ("temp-number.com", "https://temp-number.com/countries/united-kingdom", 20, "", "fine"),
    ("temp-number.com", "https://temp-number.com/countries/united-kingdom/2", 20, "", "fine"),
    ("temp-number.com", "https://temp-number.com/countries/united-kingdom/3", 20, "", "fine"),
    ("temp-number.com", "https://temp-number.com/countries/united-kingdom/4", 0, "", "layout changed"),
    ("temp-number.com", "https://temp-number.com/countries/united-states", 20, "", "fine"),
    ("temp-number.com", "https://temp-number.com/countries/netherlands", 0, "", "layout changed"),
    ("smstome.com", "https://smstome.com/country/netherlands", 20, "", "fine"),
    ("smstome.com", "https://smstome.com/country/netherlands?page=2", 20, "", "fine"),
    ("smstome.com", "https://smstome.com/country/netherlands?variant=2026", 20, "", "fine"),
    ("smstome.com", "https://smstome.com/country/netherlands?variant=gate", 0, "", "blocked"),
    ("receive-sms-free.cc", "https://receive-sms-free.cc/", 23, "1 OFFLINE", "fine"),
    ("receive-sms-free.cc", "https://receive-sms-free.cc/?layout=old", 10, "", "fine"),
    ("receive-sms-free.cc", "https://receive-sms-free.cc/regions/2.html", 12, "", "fine"),
    ("receive-sms-free.cc", "https://receive-sms-free.cc/regions/3.html", 0, "", "empty"),
    ("receive-sms-free.cc", "https://receive-sms-free.cc/regions/99.html", 0, "", "layout changed"),
    ("freephonenum.com", "https://freephonenum.com/us", 7, "3 NOT_PUBLIC", "fine"),
    ("freephonenum.com", "https://freephonenum.com/ca", 7, "3 NOT_PUBLIC", "fine"),
    ("freephonenum.com", "https://es.freephonenum.com/us", 7, "3 NOT_PUBLIC", "fine"),
    ("freephonenum.com", "https://freephonenum.com/fake-phone-number-generator", 0, "", "layout changed"),
    ("jiemahao.com", "https://jiemahao.com/phone-numbers/", 7, "3 NOT_PUBLIC", "fine"),
    ("onlinesim.io", "https://onlinesim.io/api/getFreePhoneList?lang=en", 8, "", "fine"),
    ("onlinesim.io", "https://onlinesim.io/api/getFreeList?lang=en&country=49", 6, "", "fine"),
    ("onlinesim.io", "https://onlinesim.io/api/getFreeList?lang=en&country=1", 0, "", "empty"),
    ("receivesms.co", "https://www.receivesms.co/active-numbers/", 20, "", "fine"),
    ("receivesms.co", "https://www.receivesms.co/active-numbers/?layout=2022", 20, "", "fine"),
    ("receivesms.co", "https://www.receivesms.co/us-phone-numbers/us/", 20, "", "fine"),
    ("receivesms.co", "https://www.receivesms.co/us-phone-numbers/us/2/", 8, "", "fine"),
    ("receive-sms-online.info", "https://receive-sms-online.info/", 12, "1 NO_NUMBER", "fine"),
    ("sms-receive.net", "https://sms-receive.net/", 12, "1 NO_NUMBER", "fine"),
    ("sms-online.co", "https://sms-online.co/receive-free-sms", 7, "", "fine"),
    ("temporary-phone-number.com", "https://temporary-phone-number.com/UK-Phone-Number/", 24, "", "fine"),
    ("temporary-phone-number.com", "https://temporary-phone-number.com/UK-Phone-Number/page2", 6, "", "fine"),
    ("temporary-phone-number.com", "https://temporary-phone-number.com/US-Phone-Number/", 10, "", "fine"),
    (
        "temporary-phone-number.com",
        "https://temporary-phone-number.com/countrys/",
        0,
        "3 NOT_A_NUMBER",
        "layout changed",
    ),
    ("7sim.net", "https://7sim.net/", 9, "", "fine"),
    ("7sim.net", "https://7sim.net/?layout=tabs", 9, "", "fine"),
    (
        "ip1sms",
        "https://raw.githubusercontent.com/iP1SMS/disposable-phone-numbers/HEAD/number-list.json",
        300,
        "1 NOT_IN_PLAN",
        "fine",
    ),
    (
        "castle",
        "https://raw.githubusercontent.com/castle/disposable-phone-numbers/HEAD/disposable-phone-numbers.txt",
        90,
        "",
        "fine",
    ),
];

#[test]
fn every_shipped_definition_reads_its_mirror() {
    for (feed, address, rows, dropped, verdict) in EXPECTED {
        let page = read(feed, address);
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for dropped in &page.dropped {
            *reasons.entry(dropped.reason.as_str()).or_default() += 1;
        }
        let told: Vec<String> = reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        let found = (page.rows.len(), told.join(", "), page.verdict.as_str());
        assert_eq!(found, (rows, dropped.to_owned(), verdict), "{address}: {:?}", page.verdict);
    }
}

#[test]
fn every_shipped_site_has_a_page_and_a_challenge_blocks_it() {
    let catalogue = &*crate::CATALOGUE;
    assert!(catalogue.entries().len() >= 20);
    for entry in catalogue.entries() {
        let definition = &entry.definition;
        if matches!(definition.shape(), Shape::Holders(_)) {
            continue;
        }
        let name = definition.name.as_str();
        assert!(EXPECTED.iter().any(|(feed, ..)| *feed == name), "{name} has no mirror");
        let first = &definition.urls[0];
        let page = read(name, first.as_str());
        assert!(!page.rows.is_empty(), "{name}: its first address gives nothing");
        let challenge = mirror::answer(first.host_str().unwrap(), "/challenge").body;
        let page = definition.read(first, &challenge, ReadOptions::default()).unwrap();
        assert_eq!((page.verdict.as_str(), page.rows.len()), ("blocked", 0), "{name}");
    }
}

#[test]
fn numbers_of_the_frame_are_never_rows() {
    for (host, target) in mirror::PAGES {
        let url = Url::parse(&format!("https://{host}{target}")).unwrap();
        let body = mirror::answer(host, target).body;
        for entry in crate::CATALOGUE.entries() {
            let Ok(page) = entry.definition.read(&url, &body, ReadOptions::default()) else { continue };
            for number in numbers(&page) {
                let digits = number.trim_start_matches('+');
                let around = ["491713920099", "12025550198", "12025550197", "12025550196", "12025550195"];
                let rest = ["12025550194", "12025550193", "12025550192", "12025550188", "12025550177"];
                let frame = around.contains(&digits) || rest.contains(&digits);
                // The open list's fixture holds all of area 202.
                assert!(
                    !frame || entry.definition.name.as_str() == "ip1sms",
                    "{} takes {number} of {url}",
                    entry.file
                );
            }
        }
    }
}

#[test]
fn states_and_times_come_along() {
    let page = read("receive-sms-free.cc", "https://receive-sms-free.cc/");
    let states: Vec<&str> = page.rows.iter().map(|row| row.state.as_str()).take(4).collect();
    assert_eq!(states, ["online", "online", "online", "online"]);
    assert_eq!(page.dropped.iter().filter(|row| row.reason == DropReason::Offline).count(), 1);
    let now = numguard::core::listing::UnixTime(1_780_000_000);
    assert_eq!(page.rows[0].seen(now).1.0, now.0 - 60);
    assert_eq!(page.rows[4].seen(now).1.0, now.0 - 30 * 86_400);
    let page = read("quackr.io", "https://quackr.io/numbers.json");
    assert_eq!(page.dropped.iter().filter(|row| row.reason == DropReason::Offline).count(), 15);
    assert_eq!(page.rows[0].seen(now), (numguard::core::listing::UnixTime(1_767_312_000), now));
    assert_eq!(
        page.rows[1].seen(now).0,
        numguard::core::listing::UnixTime(1_767_312_000),
        "seconds and milliseconds"
    );
    let page = read(
        "ip1sms",
        "https://raw.githubusercontent.com/iP1SMS/disposable-phone-numbers/HEAD/number-list.json",
    );
    assert_eq!(page.rows[0].seen(now).1.day().to_string(), "2026-01-01");
    let page = read(
        "castle",
        "https://raw.githubusercontent.com/castle/disposable-phone-numbers/HEAD/disposable-phone-numbers.txt",
    );
    assert_eq!(
        (page.rows[0].ordinal, numbers(&page)[0].as_str()),
        (1, "+46701740694"),
        "the order is the rank"
    );
}
