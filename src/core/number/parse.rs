//! Text as people and platforms write it -> an E.164 number and its plan facts.
//!
//! Plain `+digits` takes the automaton and allocates nothing; all else is tidied and given to the
//! library. Must not repair a number: masks, letters and leftovers are refused by name.

use super::library::{self, Cold, Unread};
use super::plan::{self, Region, Validity};
use super::{Number, ParseError, Parsed};

/// A text longer than this (bytes) is refused unread; the longest number with separators in
/// three-byte digits stays well below.
const LONGEST_TEXT: usize = 120;

/// Parses `text`; `default_region` is used for national forms only.
///
/// What the library lacks is compiled here and now, which takes up to 50 ms: a thread on which others
/// wait uses [`parse_if_warm`].
pub fn parse(text: &str, default_region: Option<Region>) -> Result<Parsed, ParseError> {
    loop {
        match parse_if_warm(text, default_region) {
            Ok(parsed) => return parsed,
            Err(cold) => cold.warm(),
        }
    }
}

/// Parses `text` as [`parse`] does, but compiles nothing: it names what the library has to compile first.
/// Ask again after that; one text may need several things.
pub fn parse_if_warm(text: &str, default_region: Option<Region>) -> Result<Result<Parsed, ParseError>, Cold> {
    if let Some(parsed) = parse_plain(text) {
        return Ok(parsed);
    }
    match parse_typed(text, default_region) {
        Ok(parsed) => Ok(Ok(parsed)),
        Err(Unread::Error(error)) => Ok(Err(error)),
        Err(Unread::Cold(cold)) => Err(cold),
    }
}

/// What the fast path leaves.
fn parse_typed(text: &str, default_region: Option<Region>) -> Result<Parsed, Unread> {
    if text.len() > LONGEST_TEXT {
        let is_long = text.chars().all(is_number_part);
        return Err(if is_long { ParseError::TooLong } else { ParseError::NotANumber }.into());
    }
    let tidy = tidy(text)?;
    if tidy.starts_with('+') {
        return parse_plus(&tidy);
    }
    if default_region.is_some_and(|region| !region.is_known()) {
        return Err(ParseError::UnknownRegion.into());
    }
    let international = tidy.strip_prefix("00").map(|rest| format!("+{rest}"));
    match (default_region, international) {
        (None, None) => Err(ParseError::NoCountryCode.into()),
        (None, Some(plus)) => parse_plus(&plus),
        (Some(_), None) => library::parse(&tidy, default_region),
        // 00 dials abroad nearly everywhere, but not in the United States: ask the region first.
        (Some(_), Some(plus)) => match library::parse(&tidy, default_region) {
            Ok(parsed) if parsed.facts.validity == Validity::Valid => Ok(parsed),
            Err(Unread::Cold(cold)) => Err(Unread::Cold(cold)),
            national => match parse_plus(&plus) {
                Err(Unread::Error(_)) => national,
                abroad => abroad,
            },
        },
    }
}

/// Parses a tidied text that begins with a plus.
fn parse_plus(plus: &str) -> Result<Parsed, Unread> {
    match parse_plain(plus) {
        Some(parsed) => parsed.map_err(Unread::Error),
        None => library::parse(plus, None),
    }
}

/// Parses digits that are known to carry their country code, such as the open lists' keys.
pub fn parse_digits(digits: &str) -> Result<Parsed, ParseError> {
    let digits = digits.trim();
    if digits.starts_with('+') { parse(digits, None) } else { parse(&format!("+{digits}"), None) }
}

/// The fast path: `+` and ASCII digits. `None` where the text has another form or the automaton is
/// not sure.
fn parse_plain(text: &str) -> Option<Result<Parsed, ParseError>> {
    let digits = text.strip_prefix('+')?.as_bytes();
    if digits.len() > 15 {
        return digits.iter().all(u8::is_ascii_digit).then_some(Err(ParseError::TooLong));
    }
    let (value, facts) = plan::walk(digits).filter(|_| !digits.is_empty())?;
    let facts = facts?;
    if facts.country_code == 0 {
        return Some(Err(ParseError::UnknownCountryCode));
    }
    // Every country code is followed by two digits at least.
    let shortest = facts.country_code.ilog10() as usize + 3;
    if digits.len() < shortest {
        return Some(Err(ParseError::TooShort));
    }
    let number = Number::from_digits(value).map_err(|_| ParseError::NotANumber);
    Some(number.map(|number| Parsed { number, facts }))
}

/// Reduces a typed text to an optional plus and ASCII digits.
fn tidy(text: &str) -> Result<String, ParseError> {
    let mut tidy = String::with_capacity(text.len());
    let mut blank = true;
    for c in text.chars() {
        blank &= c.is_whitespace() || is_invisible(c);
        match c {
            '+' | '\u{ff0b}' if tidy.is_empty() => tidy.push('+'),
            _ if is_separator(c) || is_invisible(c) => {}
            _ => tidy.push(ascii_digit(c).ok_or(ParseError::NotANumber)?),
        }
    }
    match tidy.trim_start_matches('+').len() {
        0 if blank => Err(ParseError::Empty),
        0 => Err(ParseError::NotANumber),
        16.. if tidy.starts_with('+') => Err(ParseError::TooLong),
        _ => Ok(tidy),
    }
}

fn is_number_part(c: char) -> bool {
    c == '+' || c == '\u{ff0b}' || is_separator(c) || is_invisible(c) || ascii_digit(c).is_some()
}

fn is_separator(c: char) -> bool {
    // Spaces of every width, the hyphen and dash family, and what people group digits with.
    c == ' '
        || matches!(c, '\t' | '\n' | '\r' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
        || matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}')
        || matches!(c, '(' | ')' | '[' | ']' | '\u{ff08}' | '\u{ff09}' | '.' | '/' | '\u{b7}' | '\u{ff0e}')
}

/// Joiners and direction marks that copying from a web page leaves between digits.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// ASCII, full-width, Arabic-Indic, Persian, Devanagari and Bengali digits.
fn ascii_digit(c: char) -> Option<char> {
    const ZEROS: [char; 6] = ['0', '\u{ff10}', '\u{660}', '\u{6f0}', '\u{966}', '\u{9e6}'];
    ZEROS.iter().find_map(|&zero| {
        let value = u32::from(c).checked_sub(u32::from(zero))?;
        char::from_digit(value, 10)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, region: &str) -> Result<String, &'static str> {
        parse(text, Region::new(region)).map(|p| p.number.as_e164()).map_err(ParseError::name)
    }

    #[test]
    fn what_people_type() {
        for (text, region, e164) in [
            ("+447400123456", "", "+447400123456"),
            ("+44 7400 123456", "", "+447400123456"),
            ("+44 (0)7400-123456", "", "+447400123456"),
            ("00447400123456", "", "+447400123456"),
            ("0044 7400 123456", "US", "+447400123456"),
            ("07400 123456", "GB", "+447400123456"),
            ("(202) 555-0123", "US", "+12025550123"),
            ("011 44 7400 123456", "US", "+447400123456"),
            ("06 12.34.56.78", "FR", "+33612345678"),
            ("+1\u{a0}202\u{a0}555\u{2011}0123", "", "+12025550123"),
            (
                "\u{ff0b}\u{ff14}\u{ff14}\u{ff17}\u{ff14}\u{ff10}\u{ff10}\u{ff11}\u{ff12}\u{ff13}\u{ff14}\u{ff15}\u{ff16}",
                "",
                "+447400123456",
            ),
            ("+٤٤٧٤٠٠١٢٣٤٥٦", "", "+447400123456"),
            ("+44\u{200d}7400\u{200d}123456", "", "+447400123456"),
            ("\u{202a}+447400123456\u{202c}", "", "+447400123456"),
            ("02 1234 5678", "IT", "+390212345678"),
            (" +447400123456\n", "", "+447400123456"),
        ] {
            assert_eq!(read(text, region), Ok(e164.to_owned()), "{text:?} in {region:?}");
        }
    }

    #[test]
    fn what_is_not_a_number() {
        let long = "5".repeat(10_000_000);
        for (text, region, name) in [
            ("", "", "EMPTY"),
            (" \u{a0}\t", "", "EMPTY"),
            ("+", "", "NOT_A_NUMBER"),
            ("hello", "", "NOT_A_NUMBER"),
            ("+1 800 FLOWERS", "", "NOT_A_NUMBER"),
            ("+44 7400 1234**", "", "NOT_A_NUMBER"),
            ("+44 7400 12345x", "", "NOT_A_NUMBER"),
            ("++447400123456", "", "NOT_A_NUMBER"),
            ("4474+00123456", "GB", "NOT_A_NUMBER"),
            ("+4474\u{0}00123456", "", "NOT_A_NUMBER"),
            ("📞+447400123456", "", "NOT_A_NUMBER"),
            ("07400 123456", "", "NO_COUNTRY_CODE"),
            ("07400 123456", "UK", "UNKNOWN_REGION"),
            ("+0447400123456", "", "UNKNOWN_COUNTRY_CODE"),
            ("+21012345678", "", "UNKNOWN_COUNTRY_CODE"),
            ("+4", "", "UNKNOWN_COUNTRY_CODE"),
            ("+44", "", "TOO_SHORT"),
            ("+1234567890123456", "", "TOO_LONG"),
            ("+44 740012345678901", "", "TOO_LONG"),
            (&long, "GB", "TOO_LONG"),
        ] {
            let shown = &text[..text.len().min(40)];
            assert_eq!(read(text, region), Err(name), "{shown:?} in {region:?}");
        }
    }

    #[test]
    fn a_parsed_number_keeps_why_it_is_not_valid() {
        for (text, validity) in [
            ("+447400123456", Validity::Valid),
            ("+447700900123", Validity::NotAssigned),
            ("+4474001234", Validity::TooShort),
            ("+47123456", Validity::InvalidLength),
            ("+4474001234567", Validity::TooLong),
        ] {
            assert_eq!(parse(text, None).map(|p| p.facts.validity), Ok(validity), "{text}");
        }
    }
}
