//! An original mirror of public-inbox sites, made here from notes on their shapes: no byte of theirs.
//!
//! [`answer`] is all a server needs: host and target in, status, headers and body out; [`Mirror`] is
//! that server, and `folder` what a `numguard serve` needs to collect from it. Numbers are
//! reserved for fiction where the region has such a range and the library takes it (US, SE, DE, AU);
//! those of FI, NL and GB are for loopback only.

mod cards;
pub(crate) mod folder;
mod lists;
mod numbers;
mod pages;
mod proxy;

pub(crate) use numbers::{de, fi, gb, nl, se, us};
pub(crate) use proxy::{Asked, Mirror};

/// What the mirror answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn new(status: u16, kind: &str, body: String) -> Self {
        Self { status, headers: vec![("content-type", kind.to_owned())], body: body.into_bytes() }
    }

    fn html(body: String) -> Self {
        Self::new(200, "text/html; charset=utf-8", body)
    }

    fn json(body: String) -> Self {
        Self::new(200, "application/json", body)
    }
}

/// Every page that holds something of interest: host and target.
pub(crate) const PAGES: [(&str, &str); 52] = [
    ("receive-smss.com", "/"),
    ("receive-smss.com", "/?layout=2021"),
    ("sms24.me", "/en/numbers"),
    ("sms24.me", "/en/numbers/page/2"),
    ("sms24.me", "/en/numbers/page/20"),
    ("sms24.me", "/en/countries/us"),
    ("sms24.me", "/ru/numbers"),
    ("quackr.io", "/numbers.json"),
    ("quackr.io", "/numbers.json?variant=shell"),
    ("quackr.io", "/numbers.json?variant=empty"),
    ("temp-number.com", "/countries/united-kingdom"),
    ("temp-number.com", "/countries/united-kingdom/2"),
    ("temp-number.com", "/countries/united-kingdom/3"),
    ("temp-number.com", "/countries/united-kingdom/4"),
    ("temp-number.com", "/countries/united-states"),
    ("temp-number.com", "/countries/netherlands"),
    ("smstome.com", "/country/netherlands"),
    ("smstome.com", "/country/netherlands?page=2"),
    ("smstome.com", "/country/finland"),
    ("smstome.com", "/country/netherlands?variant=gate"),
    ("smstome.com", "/country/netherlands?variant=2026"),
    ("receive-sms-free.cc", "/"),
    ("receive-sms-free.cc", "/?layout=old"),
    ("receive-sms-free.cc", "/regions/2.html"),
    ("receive-sms-free.cc", "/regions/3.html"),
    ("receive-sms-free.cc", "/regions/99.html"),
    ("freephonenum.com", "/us"),
    ("freephonenum.com", "/ca"),
    ("es.freephonenum.com", "/us"),
    ("freephonenum.com", "/fake-phone-number-generator"),
    ("jiemahao.com", "/phone-numbers/"),
    ("onlinesim.io", "/api/getFreePhoneList?lang=en"),
    ("onlinesim.io", "/api/getFreeList?lang=en&country=49"),
    ("onlinesim.io", "/api/getFreeList?lang=en&country=1"),
    ("www.receivesms.co", "/active-numbers/"),
    ("www.receivesms.co", "/active-numbers/?layout=2022"),
    ("www.receivesms.co", "/us-phone-numbers/us/"),
    ("www.receivesms.co", "/us-phone-numbers/us/2/"),
    ("receive-sms-online.info", "/"),
    ("sms-receive.net", "/"),
    ("sms-online.co", "/receive-free-sms"),
    ("temporary-phone-number.com", "/UK-Phone-Number/"),
    ("temporary-phone-number.com", "/UK-Phone-Number/page2"),
    ("temporary-phone-number.com", "/US-Phone-Number/"),
    ("temporary-phone-number.com", "/countrys/"),
    ("7sim.net", "/"),
    ("7sim.net", "/?layout=tabs"),
    ("online-sms.org", "/"),
    ("raw.githubusercontent.com", "/iP1SMS/disposable-phone-numbers/HEAD/number-list.json"),
    ("raw.githubusercontent.com", "/iP1SMS/disposable-phone-numbers/master/number-list.json"),
    ("raw.githubusercontent.com", "/castle/disposable-phone-numbers/HEAD/disposable-phone-numbers.txt"),
    ("raw.githubusercontent.com", "/castle/disposable-phone-numbers/master/disposable-phone-numbers.txt"),
];

/// What `host` answers to `target` (path and query).
pub(crate) fn answer(host: &str, target: &str) -> Answer {
    match target {
        "/robots.txt" => {
            return Answer::new(
                200,
                "text/plain",
                "User-agent: *\nDisallow: /sms/\nDisallow: /inbox\n".to_owned(),
            );
        }
        "/challenge" => return pages::challenge(),
        _ => {}
    }
    let found = match host {
        "receive-smss.com" => cards::receive_smss(target),
        "sms24.me" => cards::sms24(target),
        "temp-number.com" => cards::temp_number(target),
        "smstome.com" => cards::smstome(target),
        "receive-sms-free.cc" => cards::receive_sms_free(target),
        "freephonenum.com" | "es.freephonenum.com" => cards::freephonenum(target),
        "sms-online.co" => cards::sms_online(target),
        "quackr.io" => lists::quackr(target),
        "onlinesim.io" => lists::onlinesim(target),
        "raw.githubusercontent.com" => lists::open_lists(target),
        "jiemahao.com" => pages::jiemahao(target),
        "www.receivesms.co" => pages::receivesms_co(target),
        "receive-sms-online.info" | "sms-receive.net" => pages::receive_sms_online(target),
        "temporary-phone-number.com" => pages::temporary_phone_number(target),
        "7sim.net" | "online-sms.org" => pages::seven_sim(target),
        "mytempsms.com" => pages::mytempsms(target),
        _ => None,
    };
    found.unwrap_or_else(|| Answer::new(404, "text/html", pages::frame("Not found", "<h1>404</h1>")))
}

#[test]
fn every_listed_page_is_there_and_all_are_small() {
    let mut bytes = 0;
    for (host, target) in PAGES {
        let answer = answer(host, target);
        assert!([200, 404, 429].contains(&answer.status), "{host}{target}: {}", answer.status);
        assert!(answer.status != 404 || target.contains("99"), "{host}{target} is missing");
        bytes += answer.body.len();
    }
    assert!(bytes < 400_000, "{bytes}");
    assert_eq!(answer("receive-smss.com", "/nothing").status, 404);
    for (_, target) in PAGES.iter().filter(|(_, target)| target.contains("/HEAD/")) {
        let elsewhere = target.replace("/HEAD/", "/main/");
        assert_eq!(answer("raw.githubusercontent.com", &elsewhere).status, 404, "{elsewhere}");
    }
    assert_eq!(answer("unknown.example", "/").status, 404);
}
