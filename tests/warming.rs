//! What the number library compiles is compiled off the workers, once, and only for what is asked.
//!
//! Compiling is seen by its allocations: a pattern costs several hundred, a number that is read some
//! dozens. They are counted by thread.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::sync::Arc;
use std::time::Duration;

use allocation_counter::measure;
use numguard::core::check::check;
use numguard::core::index::{Builder, Index, Position, Published};
use numguard::core::listing::UnixTime;
use numguard::core::number::{Region, parse_if_warm, plan};
use numguard::core::policy::{InForce, Policies, Policy};
use numguard::core::signal::Context;
use numguard::operate::outcomes::{OutcomeOptions, Outcomes};
use numguard::rpc::{CheckParts, CheckRpc, pb};
use numguard::store::{Embedded, EmbeddedOptions, Store};
use numguard::sync::{Sync, SyncOptions};
use pb::check_service_server::CheckService;
use tonic::Request;

/// Reading a number allocates less, and compiling the smallest pattern more.
const MOST_OF_READING: u64 = 150;

/// Calls and their answers on one thread, the caches of patterns that it uses first included; the library's
/// own start alone allocates ten times as much.
const MOST_OF_CALLS: u64 = 5_000;

const NOW: UnixTime = UnixTime(1_780_000_000);

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(b'0' + self.below(10) as u8)).collect()
    }
}

/// A default region and a text as people and attackers write them: with all digits at random, or some
/// digits of a number that is in use changed.
fn text(random: &mut Random, region: &str, code: &str, used: &[&str]) -> String {
    let length = 3 + random.below(12 - code.len());
    let mut national: Vec<u8> = match random.below(3) {
        0 => random.digits(length).into_bytes(),
        _ => used[random.below(used.len())].as_bytes().to_vec(),
    };
    for _ in 0..random.below(4) {
        let at = random.below(national.len());
        national[at] = b'0' + random.below(10) as u8;
    }
    let national = String::from_utf8(national).unwrap();
    match random.below(6) {
        0 if region == "US" => format!("011 {code} {national}"),
        0 => format!("00{code} {national}"),
        1 => format!("0{national}"),
        2 => format!("+{code} (0) {national}"),
        3 => format!("+{code}{national}"),
        _ => national,
    }
}

/// A number with its calling code and, behind that, mostly a prefix for calls within the country: only the
/// library can judge those.
fn with_prefix(random: &mut Random, code: u16) -> String {
    const PREFIXES: [&str; 13] = ["0", "1", "8", "9", "01", "06", "15", "90", "183", "044", "045", "", ""];
    let (prefix, length) = (PREFIXES[random.below(PREFIXES.len())], 3 + random.below(11));
    let mut text = format!("+{code}{prefix}{}", random.digits(length));
    text.truncate(16);
    text
}

/// Reads the text and has compiled what is missing, one thing after the other; the most allocations of a
/// try.
fn read(text: &str, region: Option<Region>) -> u64 {
    let mut most = 0;
    for round in 0.. {
        let mut cold = None;
        let counted = measure(|| cold = parse_if_warm(text, region).err()).count_total;
        assert!(counted < MOST_OF_READING, "{text:?} in {region:?}, round {round}: {counted} allocations");
        most = most.max(counted);
        let Some(cold) = cold else { break };
        cold.warm();
        assert!(cold.is_warm() && round < 5, "{text:?} in {region:?} is cold still");
    }
    most
}

#[test]
fn reading_a_number_compiles_nothing_whether_it_is_warm_or_not() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut most = 0;
    // Countries that nobody has asked for yet, behind the prefixes of other countries; one number is longer
    // than any.
    for (region, text) in [
        ("GB", "00 64 2112 3456 7890 1234 5678"),
        ("US", "011 36 20 123 4567"),
        ("AU", "0011 48 512 345 678"),
        ("SG", "018 90 501 234 56 78"),
        ("JP", "010 20 1001 234567"),
        ("BR", "00 21 351 912 345 678"),
        ("FI", "99533 32 470 123 456"),
    ] {
        most = most.max(read(text, Region::new(region)));
    }
    for (region, code, used) in [
        ("GB", "44", &["7400123456", "2079460018", "8001111", "5600123456"][..]),
        ("JE", "44", &["7797712345", "1534456789"]),
        ("US", "1", &["2025550123", "8002345678", "9002345678"]),
        ("JM", "1", &["8762101234", "6585230123"]),
        ("IT", "39", &["3123456789", "0212345678", "892123", "1991234"]),
        ("AU", "61", &["412345678", "1300123456", "180123456", "147101234"]),
        ("AR", "54", &["91123456789", "1123456789", "8102345678"]),
        ("BR", "55", &["11961234567", "1123456789", "40041234"]),
        ("RU", "7", &["9123456789", "8001234567"]),
        ("FI", "358", &["412345678", "131234567", "9950123"]),
        ("SG", "65", &["81234567", "18001234567"]),
        ("001", "882", &["3421234567", "39012345678", "15261253015"]),
    ] {
        for _ in 0..400 {
            let text = text(&mut random, region, code, used);
            most = most.max(read(&text, Region::new(region)));
        }
    }
    let codes = (1..1_000).filter(|code| plan::country_code(u64::from(*code) * 1_000) == *code);
    for code in codes {
        for _ in 0..60 {
            most = most.max(read(&with_prefix(&mut random, code), None));
        }
    }
    // A limit that compiling stays below would prove nothing: the smallest pattern of all is a prefix.
    let smallest = measure(|| drop(regex::Regex::new("^(?:00)").unwrap())).count_total;
    assert!(smallest > MOST_OF_READING, "compiling takes {smallest} allocations, reading {most}");
    eprintln!("compiling takes {smallest} allocations or more, reading {most} at most");
}

/// Checks with the default policies, trust and no log.
fn check_service(store: Arc<dyn Store>, published: Arc<Published>, sync: &Sync) -> CheckRpc {
    let policies = InForce::from(Arc::new(Policies::default()));
    let options = OutcomeOptions::default();
    CheckRpc::new(CheckParts {
        outcomes: Outcomes::new(store, Arc::clone(&published), policies.clone(), options),
        published,
        policies,
        freshness: sync.freshness(),
        progress: sync.progress(),
        windows: None,
        decisions: None,
    })
}

async fn service(index: Index) -> CheckRpc {
    let folder = tempfile::tempdir().unwrap();
    let options = EmbeddedOptions { data_dir: folder.path().to_owned(), cache_bytes: 1 << 20 };
    let store: Arc<dyn Store> = Arc::new(Embedded::open(&options).unwrap());
    let published = Arc::new(Published::default());
    let hour = Duration::from_secs(3_600);
    let options = SyncOptions {
        snapshot: folder.path().join("s"),
        max_shrink: 1.0,
        save_every: hour,
        reconcile_every: hour,
        clock: || NOW,
    };
    let (sync, _) = Sync::start(Arc::clone(&store), Arc::clone(&published), options).await.unwrap();
    published.publish(index);
    check_service(store, published, &sync)
}

/// A number in national form, of a region that no other test asks for.
fn request(region: &str, number: &str) -> pb::CheckNumberRequest {
    pb::CheckNumberRequest {
        number: number.to_owned(),
        default_region: region.to_owned(),
        dry_run: true,
        ..Default::default()
    }
}

fn index() -> Index {
    let mut builder = Builder::default();
    let sighting = |feed: &str| numguard::core::listing::Sighting::new(feed.parse().unwrap(), NOW, NOW, 2);
    builder.add("+254712345678".parse().unwrap(), &numguard::core::listing::Listing::seen(sighting("a")));
    builder.finish(Position::default())
}

/// Number and verdict as a check that compiles on its own thread gives them.
fn expected(index: &Index, request: &pb::CheckNumberRequest) -> (String, String) {
    let (policy, region) = (Policy::default(), Region::new(&request.default_region));
    let answer = check(index, &policy, &request.number, region, &Context::default(), numguard::clock::now());
    let number = answer.parsed.map(|parsed| parsed.number.as_e164()).unwrap_or_default();
    (number, format!("VERDICT_{}", answer.judgement.verdict.as_str()))
}

fn got(answer: &pb::CheckNumberResponse) -> (String, String) {
    (answer.number.clone(), answer.verdict().as_str_name().to_owned())
}

#[test]
fn no_call_compiles_on_its_worker_and_each_answers_as_a_check_that_does() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let service = runtime.block_on(service(index()));
    let batch: Vec<pb::CheckNumberRequest> = [
        ("KE", "0712 345678"),
        ("", "+447400123456"),
        ("TZ", "0621 234567"),
        ("UG", "0712 345678"),
        ("KE", "0712 345679"),
        ("ZM", "+54 11 2345 6789"),
        ("ZM", "00 54 9 11 2345 6789"),
        ("", "no number"),
    ]
    .map(|(region, number)| request(region, number))
    .into();
    let mut answers = Vec::new();
    let counted = measure(|| {
        runtime.block_on(async {
            let one = async |request| service.check_number(Request::new(request)).await.unwrap().into_inner();
            // A call that waits for its region, and one on the same worker that waits for nothing.
            let (cold, warm) =
                tokio::join!(one(request("RW", "0720 123 456")), one(request("", "+447400123456")));
            answers.extend([(request("RW", "0720 123 456"), cold), (request("", "+447400123456"), warm)]);
            let asked = pb::ExplainNumberRequest { request: Some(request("BI", "79 56 12 34")) };
            let explained = service.explain_number(Request::new(asked)).await.unwrap().into_inner();
            answers.push((request("BI", "79 56 12 34"), explained.response.unwrap()));
            let asked = pb::BatchCheckNumbersRequest { requests: batch.clone() };
            let answered = service.batch_check_numbers(Request::new(asked)).await.unwrap().into_inner();
            answers.extend(batch.iter().cloned().zip(answered.responses));
        });
    });
    assert_eq!(answers.len(), 3 + batch.len());
    assert!(counted.count_total < MOST_OF_CALLS, "{} allocations on the worker", counted.count_total);
    eprintln!("{} allocations on the worker, of {MOST_OF_CALLS}", counted.count_total);
    let index = index();
    for (request, answer) in &answers {
        assert_eq!(got(answer), expected(&index, request), "{:?}", request.number);
    }
    assert_ne!(got(&answers[3].1).1, "VERDICT_ALLOW", "the listed number was found");
}
