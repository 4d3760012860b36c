//! The numbering plan against two libraries: the automaton and rlibphonenumber against PyPI
//! `phonenumbers` of the same metadata version, on 200,000 generated numbers of all regions.
//!
//! `tests/run` writes the oracle's answers (`oracle.py`) and names the file in PLAN_ORACLE.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::fs;

use numguard::core::number::{self, ParseError, Region, plan};
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat};

fn oracle() -> Option<Vec<Vec<String>>> {
    let Ok(path) = std::env::var("PLAN_ORACLE") else {
        eprintln!("SKIPPED: PLAN_ORACLE names no file; tests/run makes one");
        return None;
    };
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    Some(text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect())
}

fn rows<'a>(all: &'a [Vec<String>], kind: &str) -> Vec<Vec<&'a str>> {
    let of_kind = all.iter().filter(|row| row[0] == kind);
    of_kind.map(|row| row[1..].iter().map(String::as_str).collect()).collect()
}

/// e164, region, line type, validity; empty where it is not a number.
fn ours(text: &str, region: &str) -> Vec<String> {
    match number::parse(text, Region::new(region)) {
        Ok(parsed) => vec![
            parsed.number.as_e164(),
            parsed.facts.region.as_str().to_owned(),
            parsed.facts.line_type.as_str().to_owned(),
            parsed.facts.validity.as_str().to_owned(),
        ],
        Err(_) => vec![String::new(); 4],
    }
}

#[test]
fn the_plan_is_of_the_oracles_version() {
    if let Some(all) = oracle() {
        assert_eq!(rows(&all, "V"), [[plan::metadata_version()]]);
    }
}

#[test]
fn plain_digits_agree_with_the_oracle() {
    let Some(all) = oracle() else { return };
    let rows = rows(&all, "N");
    assert!(rows.len() >= 200_000, "{} rows", rows.len());
    let (mut wrong, mut left_to_the_library) = (Vec::new(), 0);
    for row in &rows {
        left_to_the_library += usize::from(plan::look_up(row[0].as_bytes()).is_none());
        // What stripping a prefix leaves may have more than the 15 digits of E.164.
        let expected = if row[1].len() > 16 { vec![""; 4] } else { row[1..].to_vec() };
        let found = ours(&format!("+{}", row[0]), "");
        if found != expected {
            wrong.push(format!("{}: {found:?}, the oracle says {expected:?}", row[0]));
        }
    }
    assert!(wrong.is_empty(), "{} disagree, the first: {:#?}", wrong.len(), &wrong[..wrong.len().min(10)]);
    // Random digits behind country codes meet prefixes more often than real numbers do.
    assert!(left_to_the_library * 10 < rows.len(), "{left_to_the_library} left to the library");
    eprintln!("{} numbers, 0 disagree, {left_to_the_library} were left to the library", rows.len());
}

#[test]
fn rlibphonenumber_agrees_with_the_oracle() {
    let Some(all) = oracle() else { return };
    let mut wrong = Vec::new();
    for row in rows(&all, "N") {
        let parsed = PHONE_NUMBER_UTIL.parse(format!("+{}", row[0]), None);
        let found = match &parsed {
            Ok(number) => vec![
                PHONE_NUMBER_UTIL.format(number, PhoneNumberFormat::E164).into_owned(),
                PHONE_NUMBER_UTIL.get_region_for_number(number).map(|r| r.to_string()).unwrap_or_default(),
                (PHONE_NUMBER_UTIL.is_valid_number(number)).to_string(),
            ],
            Err(_) => vec![String::new(), String::new(), "false".to_owned()],
        };
        let expected = [row[1], row[2], if row[4] == "VALID" { "true" } else { "false" }];
        if found != expected {
            wrong.push(format!("{}: {found:?}, the oracle says {expected:?}", row[0]));
        }
    }
    assert!(wrong.is_empty(), "{} disagree, the first: {:#?}", wrong.len(), &wrong[..wrong.len().min(10)]);
}

#[test]
fn typed_numbers_agree_with_the_oracle() {
    let Some(all) = oracle() else { return };
    let rows = rows(&all, "T");
    assert!(rows.len() >= 10_000, "{} rows", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        let found = ours(row[0], row[1]);
        if found != row[2..] {
            wrong.push(format!("{:?} in {}: {found:?}, the oracle says {:?}", row[0], row[1], &row[2..]));
        }
    }
    assert!(wrong.is_empty(), "{} disagree, the first: {:#?}", wrong.len(), &wrong[..wrong.len().min(10)]);
}

#[test]
fn every_error_has_its_own_name() {
    let all = [
        ParseError::Empty,
        ParseError::NotANumber,
        ParseError::NoCountryCode,
        ParseError::UnknownRegion,
        ParseError::UnknownCountryCode,
        ParseError::TooShort,
        ParseError::TooLong,
    ];
    let mut names: Vec<&str> = all.iter().map(|error| error.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all.len());
}
