//! Long runs of mutated inputs through every parser, one test per form:
//! `TESTED_FUZZ_SECONDS=600 cargo test --release --test feeds fuzz -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use numguard::collect::web::RobotsRules;
use numguard::core::listing::UnixTime;
use numguard::feed::{Definition, Reading, Shape, read_holders};

use crate::mirror;
use crate::properties::{ALL, PIECES, every_definition_holds};

/// No shipped definition is of a CSV list.
const CSV: &str = "name = 'example'\ntitle = 'Example'\ngroup = 'example'\nterms = 'none'\n\
    urls = ['https://example.org/list']\ninterval_minutes = 60\nband = { min = 1, max = 9 }\n\
    [csv]\nnumber = 'e164'\ndigits = 'international'\nactive = 'seen_on'\n";

/// A small generator of its own, so that a run can be repeated by its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit.max(1) as u64).unwrap()
    }
}

/// Cuts, repeats, swaps, overwrites and inserts.
fn mutate(body: &mut Vec<u8>, pieces: &[&str], dice: &mut Dice) {
    for _ in 0..=dice.below(8) {
        let at = dice.below(body.len() + 1);
        let end = (at + dice.below(64)).min(body.len());
        match dice.below(6) {
            0 => body.truncate(at),
            1 => drop(body.drain(at..end)),
            2 => {
                let part = body[at..end].to_vec();
                let times = dice.below(20);
                body.splice(at..at, part.repeat(times));
            }
            3 => body[at..end].reverse(),
            4 => body[at..end].fill_with(|| u8::try_from(dice.below(256)).unwrap()),
            _ => {
                let piece = pieces[dice.below(pieces.len())].bytes();
                body.splice(at..at, piece);
            }
        }
        body.truncate(64 * 1024);
    }
}

/// Mutates the seeds for as long as is asked, and keeps the input on which `holds` panics.
fn fuzz(form: &str, seeds: &[Vec<u8>], pieces: &[&str], holds: impl Fn(&[u8], &mut Dice)) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let (seconds, seed) = (number("TESTED_FUZZ_SECONDS").unwrap_or(10), number("TESTED_FUZZ_SEED"));
    let seed = seed.unwrap_or(20_260_601);
    let mut dice = Dice(seed);
    let (began, mut runs, mut slowest) = (Instant::now(), 0u64, Duration::ZERO);
    while began.elapsed() < Duration::from_secs(seconds) {
        let mut body = seeds[dice.below(seeds.len())].clone();
        mutate(&mut body, pieces, &mut dice);
        let begun = Instant::now();
        let held = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| holds(&body, &mut dice)));
        slowest = slowest.max(begun.elapsed());
        if held.is_err() {
            let path = std::env::temp_dir().join(format!("numguard-fuzz-{form}-{seed}-{runs}"));
            std::fs::write(&path, &body).unwrap();
            panic!("run {runs} of seed {seed} failed; the input is {}", path.display());
        }
        runs += 1;
    }
    eprintln!("{form}: {runs} runs in {seconds} s, seed {seed}, the slowest {slowest:?}: nothing failed");
}

/// Pages of the mirror that are read as JSON, or those that are not.
fn pages(json: bool) -> Vec<Vec<u8>> {
    let answers = mirror::PAGES.iter().map(|(host, target)| mirror::answer(host, target).body);
    answers.filter(|body| body.starts_with(b"[") || body.starts_with(b"{") == json).collect()
}

/// Definitions of one form, three at a time: the more pages, the more is found.
fn three_of(wanted: fn(&Definition) -> bool) -> impl Fn(&[u8], &mut Dice) {
    let all: Vec<Definition> = ALL.iter().filter(|definition| wanted(definition)).cloned().collect();
    move |body, dice| {
        let from = dice.below(all.len().saturating_sub(2));
        every_definition_holds(&all[from..all.len().min(from + 3)], body);
    }
}

#[test]
#[ignore = "long: set TESTED_FUZZ_SECONDS"]
fn mutated_html() {
    fuzz("html", &pages(false), PIECES, three_of(|definition| !definition.html.is_empty()));
}

#[test]
#[ignore = "long: set TESTED_FUZZ_SECONDS"]
fn mutated_json() {
    fuzz("json", &pages(true), PIECES, three_of(|definition| !definition.json.is_empty()));
}

/// CSV and text as feeds bring them, as operators import them, and as regulators publish them.
#[test]
#[ignore = "long: set TESTED_FUZZ_SECONDS"]
fn mutated_csv_and_text() {
    let seeds = [
        "seen_on,e164\n2026-01-02,+12025550123\n2026-01-03,\"+46701740605\"\n",
        "number;first_seen;last_seen;count\n+12025550123;2026-01-02;2026-01-09;3\n",
        "+46701740605\n+12025550101\n# a comment\n12025550102\n",
        "NMS Number Block: Number Block,Block Status,CP Name\r\n7000 0,Allocated,\"A, Ltd\"\r\n7390 1,Free,\r\n",
        "EZABPQM;Tranche_Debut;Tranche_Fin;Mn\u{e9}mo;Territoire\n01056;0105600000;0105699999;FRTE;M\u{e9}tropole\n",
        "NPA,NXX,X,Company\n202,555,A,Nobody\n212,555,1,Somebody\n",
    ];
    let seeds = seeds.map(|text| text.as_bytes().to_vec());
    let pieces = [
        "\"", "\"\"", ",", ";", "\t", "\n", "\r", "\r\n", "+", "e164", "number", "202", "0", "\u{feff}", "'",
    ];
    let csv = Definition::parse("example.toml", CSV).unwrap();
    let feed_of =
        three_of(|definition| definition.text.is_some() || matches!(definition.shape(), Shape::Holders(_)));
    let now = UnixTime(1_780_000_000);
    fuzz("csv", &seeds, &pieces, |body, dice| {
        every_definition_holds(std::slice::from_ref(&csv), body);
        feed_of(body, dice);
        for definition in ALL.iter() {
            if let Shape::Holders(shape) = definition.shape() {
                let read = read_holders(shape, body).map(|read| read.rows.len()).unwrap_or_default();
                assert!(read <= body.len() * 10, "{}", definition.name);
            }
        }
        let reading = Reading { feed: "fuzz".parse().unwrap(), default_region: None, now };
        let _ = numguard::feed::read(body, &reading, &mut |row| {
            if let Err(bad) = row {
                assert!(!bad.reason.contains("2025550123"), "{}", bad.reason);
            }
        });
    });
}

/// Whatever stands in it, a path is judged the same however it is spelt, and no delay is for ever.
#[test]
#[ignore = "long: set TESTED_FUZZ_SECONDS"]
fn mutated_robots() {
    let seeds = [
        "User-agent: *\nDisallow: /sms/\nDisallow: /inbox\nCrawl-delay: 10\n",
        "User-Agent: numguard\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif\n\nUser-agent: *\nDisallow: /\n",
        "\u{feff}user-agent: a\nuser-agent: numguard/1.0\nDisallow: /*.php$\nAllow: /%7Euser/*?x=*\nSitemap: https://a.example/s.xml\n",
    ];
    let seeds = seeds.map(|text| text.as_bytes().to_vec());
    let pieces = [
        "*",
        "$",
        "%",
        "%2",
        "%7e",
        "%C3%A4",
        "\u{e4}",
        "/",
        "?",
        "#",
        "\n",
        "\r",
        ":",
        " ",
        "Disallow: ",
        "Allow:",
        "User-agent: *",
        "numguard",
        "Crawl-delay: 99999999999999999999",
        "/*/*/*/*/*/*/*/*$",
    ];
    let long = "/a".repeat(1_000);
    let paths = [("/~user/list?x=1", "/%7Euser/list?x=1"), ("/\u{e4}/b", "/%C3%A4/b"), (&long, &long)];
    fuzz("robots", &seeds, &pieces, |body, _| {
        let rules = RobotsRules::read(body);
        assert!(rules.crawl_delay().is_none_or(|delay| delay <= Duration::from_secs(3_600)));
        for (plain, escaped) in paths {
            assert_eq!(rules.allow(plain), rules.allow(escaped), "{plain}");
        }
    });
}
