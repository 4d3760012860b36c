//! Parse + validity + line type: the automaton against the library; and one whole check.

use std::hint::black_box;

use numguard::core::check::check;
use numguard::core::listing::UnixTime;
use numguard::core::number;
use numguard::core::policy::Policy;
use numguard::core::signal::Context;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat};

use crate::listings::{self, Random};
use crate::process::instructions_per_operation;
use crate::table::{Table, pairs, seconds};

/// Valid numbers of every region and type, with the last digits varied.
fn numbers(count: usize) -> Vec<String> {
    let mut random = Random(11);
    let mut examples = Vec::new();
    for region in PHONE_NUMBER_UTIL.get_supported_regions() {
        if let Ok(example) = PHONE_NUMBER_UTIL.get_example_number(region) {
            examples.push(PHONE_NUMBER_UTIL.format(&example, PhoneNumberFormat::E164).into_owned());
        }
    }
    examples.sort();
    (0..count)
        .map(|_| {
            let example = &examples[random.below(examples.len() as u64) as usize];
            format!("{}{:02}", &example[..example.len() - 2], random.below(100))
        })
        .collect()
}

fn ours(text: &str) {
    let _ = black_box(number::parse(black_box(text), None));
}

fn library(text: &str) {
    if let Ok(parsed) = PHONE_NUMBER_UTIL.parse(black_box(text), None) {
        black_box(PHONE_NUMBER_UTIL.is_valid_number(&parsed));
        black_box(PHONE_NUMBER_UTIL.get_region_for_number(&parsed));
        black_box(PHONE_NUMBER_UTIL.get_number_type(&parsed));
    }
}

/// Works through the same 2,000 numbers `count` times.
pub(crate) fn role(what: &str, count: u64) {
    let numbers = numbers(2_000);
    for _ in 0..count {
        match what {
            "ours" => numbers.iter().for_each(|text| ours(text)),
            _ => numbers.iter().for_each(|text| library(text)),
        }
    }
}

/// Checks the same 2,000 numbers `count` times against 1e5 listings.
pub(crate) fn role_check(count: u64) {
    let (numbers, index, policy) = (numbers(2_000), listings::index(100_000), Policy::default());
    for _ in 0..count {
        for text in &numbers {
            black_box(check(
                &index,
                &policy,
                black_box(text),
                None,
                &Context::default(),
                UnixTime(1_780_000_000),
            ));
        }
    }
}

pub(crate) fn measure(table: &mut Table) {
    let numbers = numbers(100_000);
    numbers.iter().take(5_000).for_each(|text| library(text)); // compiles every region's patterns
    let per =
        |work: fn(&str)| seconds(|| numbers.iter().for_each(|text| work(text))) * 1e9 / numbers.len() as f64;
    let (fast, slow, ratio) = pairs(5, || per(ours), || per(library));
    let fallback =
        numbers.iter().filter(|text| number::plan::look_up(&text.as_bytes()[1..]).is_none()).count();
    let parse = |what: &'static str| {
        move |count: u64| ["parse", what, &count.to_string()].map(str::to_owned).to_vec()
    };
    let instructions = |what| instructions_per_operation(parse(what), 2, 6) / 2_000.0;
    let (fast_count, slow_count) = (instructions("ours"), instructions("library"));
    table.row(
        format!("parse + validity + line type, {:.1} % of them left to the library", 100.0 * fallback as f64 / numbers.len() as f64),
        format!(
            "{fast:.0} ns, {fast_count:.0} instructions; library {slow:.0} ns, {slow_count:.0}: 1/{:.0} and 1/{:.0}",
            1.0 / ratio,
            slow_count / fast_count
        ),
        "at most 1/20",
    );
    let check =
        instructions_per_operation(|count| vec!["check".to_owned(), count.to_string()], 2, 6) / 2_000.0;
    table.row("one check() against 1e5 listings", format!("{check:.0} instructions"), "-");
}
