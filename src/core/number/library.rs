//! The fence around rlibphonenumber: what people type, and digits that the plan is unsure of.
//!
//! The library compiles its patterns when they are first used, in up to 50 ms, and keeps them: some 200 MB
//! if all are used. So [`parse`] compiles nothing: it names what is missing, and the caller compiles that
//! ([`Cold::warm`]) where it delays nobody. No other file may name the library.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use rlibphonenumber::{
    self as library, NumberLengthType, PHONE_NUMBER_UTIL, ParseError as LibraryError, PhoneNumber,
    PhoneNumberFormat, PhoneNumberType, ValidationError,
};

use super::plan::{self, LineType, PlanFacts, Region, Validity};
use super::{MAX_DIGITS, Number, ParseError, Parsed};

/// Lengths of the beginnings of a text that show whether it begins with a prefix for calls abroad:
/// one of them holds the prefix and at most two digits more. The longest prefix has eight digits.
const BEGINNINGS: [usize; 3] = [3, 5, 8];

/// The types of which the library has examples.
const TYPES: [PhoneNumberType; 10] = [
    PhoneNumberType::FixedLine,
    PhoneNumberType::Mobile,
    PhoneNumberType::TollFree,
    PhoneNumberType::PremiumRate,
    PhoneNumberType::SharedCost,
    PhoneNumberType::VoIP,
    PhoneNumberType::PersonalNumber,
    PhoneNumberType::Pager,
    PhoneNumberType::UAN,
    PhoneNumberType::VoiceMail,
];

/// What the library has to compile before it can read a text; see [`super::parse_if_warm`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cold(Patterns);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patterns {
    /// The metadata, and the patterns that all regions share.
    Shared,
    /// What parsing needs of a region; of all non-geographic codes for the region `001`.
    Parsing(library::Region),
    /// What region, line type and validity need of a calling code.
    Judging(i32),
}

/// Why a text is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    Error(ParseError),
    Cold(Cold),
}

/// Which patterns are compiled. Set once compiling has ended, so a thread that finds it set waits for nobody.
struct Compiled {
    shared: AtomicBool,
    /// By the two letters of the region.
    parsing: [AtomicBool; 26 * 26 + 1],
    /// By calling code.
    judging: [AtomicBool; 1_000],
}

static COMPILED: Compiled = Compiled {
    shared: AtomicBool::new(false),
    parsing: [const { AtomicBool::new(false) }; 26 * 26 + 1],
    judging: [const { AtomicBool::new(false) }; 1_000],
};

impl Cold {
    /// Compiles it, in up to 50 ms of one core. Waits for another thread that compiles the same.
    pub fn warm(self) {
        /// A panic ends it too: else callers would ask for it again without end.
        struct Ended(&'static AtomicBool);
        impl Drop for Ended {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Release);
            }
        }
        let _ended = Ended(self.flag());
        match self.0 {
            Patterns::Shared => {
                LazyLock::force(&PHONE_NUMBER_UTIL);
            }
            Patterns::Parsing(region) => compile_parsing(region),
            Patterns::Judging(code) => compile_judging(code),
        }
    }

    /// Whether somebody has compiled it meanwhile.
    pub fn is_warm(self) -> bool {
        self.flag().load(Ordering::Acquire)
    }

    fn flag(self) -> &'static AtomicBool {
        let slot = match self.0 {
            Patterns::Shared => return &COMPILED.shared,
            Patterns::Parsing(region) => COMPILED.parsing.get(letters(region)),
            Patterns::Judging(code) => usize::try_from(code).ok().and_then(|code| COMPILED.judging.get(code)),
        };
        // There is no other region and no other code.
        slot.unwrap_or(&COMPILED.shared)
    }
}

impl Patterns {
    fn needed(self) -> Result<(), Unread> {
        let cold = Cold(self);
        if cold.is_warm() { Ok(()) } else { Err(Unread::Cold(cold)) }
    }
}

/// The index of a region of two letters; all others share the last one.
fn letters(region: library::Region) -> usize {
    let text = region.as_region_str();
    let letter = |at: usize| text.as_bytes().get(at).filter(|byte| byte.is_ascii_uppercase());
    match (letter(0), letter(1)) {
        (Some(first), Some(second)) => usize::from(first - b'A') * 26 + usize::from(second - b'A'),
        _ => 26 * 26,
    }
}

impl From<ParseError> for Unread {
    fn from(error: ParseError) -> Self {
        Self::Error(error)
    }
}

/// Parses a tidied text: an optional plus, then ASCII digits only. Compiles nothing.
pub(super) fn parse(tidy: &str, default_region: Option<Region>) -> Result<Parsed, Unread> {
    Patterns::Shared.needed()?;
    let region = default_region.and_then(|region| library::Region::from_code(region.as_str()).ok());
    match (tidy.strip_prefix('+'), region) {
        (Some(digits), _) => code_needed(digits)?,
        (None, Some(region)) => {
            Patterns::Parsing(region).needed()?;
            abroad_needed(tidy, region)?;
        }
        (None, None) => {}
    }
    let parsed = PHONE_NUMBER_UTIL.parse(tidy, region).map_err(|error| match error {
        LibraryError::InvalidCountryCode if tidy.starts_with('+') => ParseError::UnknownCountryCode,
        LibraryError::InvalidCountryCode => ParseError::NoCountryCode,
        LibraryError::TooShortAfterIdd | LibraryError::TooShortNsn => ParseError::TooShort,
        LibraryError::TooLongNsn => ParseError::TooLong,
        LibraryError::NotANumber(_) => ParseError::NotANumber,
    })?;
    let e164 = PHONE_NUMBER_UTIL.format(&parsed, PhoneNumberFormat::E164);
    let digits = e164.strip_prefix('+').unwrap_or(&e164);
    if digits.len() > 15 {
        return Err(ParseError::TooLong.into());
    }
    let number = Number::from_ascii(digits.as_bytes()).map_err(|_| ParseError::NotANumber)?;
    // Mostly the plan is sure of the number, once it is in this form.
    if let Some(facts) = plan::look_up(digits.as_bytes()) {
        return Ok(Parsed { number, facts });
    }
    Patterns::Judging(parsed.country_code).needed()?;
    Ok(Parsed { number, facts: facts(&parsed) })
}

/// Asks for what parsing needs of the calling code that digits begin with, if they begin with one.
fn code_needed(digits: &str) -> Result<(), Unread> {
    // The first ones do: a text without a plus may have more digits than a `u64`.
    let first = digits.get(..MAX_DIGITS as usize).unwrap_or(digits);
    let code = plan::country_code(first.parse().unwrap_or(0));
    match PHONE_NUMBER_UTIL.get_region_for_country_code(code.into()) {
        Some(main) => Patterns::Parsing(main).needed(),
        None => Ok(()),
    }
}

/// The same, if the text begins with a prefix for calls abroad, such as 011 in the United States.
fn abroad_needed(tidy: &str, region: library::Region) -> Result<(), Unread> {
    // The library says of a beginning whether it is such a prefix and too little more, before it looks
    // at what country follows.
    let is_prefix = |length: &usize| {
        let beginning = tidy.get(..*length).unwrap_or(tidy);
        matches!(PHONE_NUMBER_UTIL.parse(beginning, Some(region)), Err(LibraryError::TooShortAfterIdd))
    };
    if !BEGINNINGS.iter().any(is_prefix) {
        return Ok(());
    }
    let shortest = (2..=tidy.len()).find(is_prefix).unwrap_or(tidy.len());
    // A prefix of one digit shows itself only with the digit that follows.
    for rest in [tidy.get(shortest - 1..), tidy.get(shortest..)].into_iter().flatten() {
        code_needed(rest)?;
    }
    Ok(())
}

fn facts(parsed: &PhoneNumber) -> PlanFacts {
    let region = PHONE_NUMBER_UTIL.get_region_for_number(parsed);
    PlanFacts {
        country_code: u16::try_from(parsed.country_code).unwrap_or(0),
        region: region.and_then(|region| Region::new(&region.as_region_str())).unwrap_or_default(),
        line_type: line_type(PHONE_NUMBER_UTIL.get_number_type(parsed)),
        validity: if PHONE_NUMBER_UTIL.is_valid_number(parsed) {
            Validity::Valid
        } else {
            length_validity(parsed)
        },
    }
}

fn length_validity(parsed: &PhoneNumber) -> Validity {
    match PHONE_NUMBER_UTIL.is_possible_number_with_reason(parsed) {
        Ok(NumberLengthType::IsPossible) => Validity::NotAssigned,
        Ok(NumberLengthType::IsPossibleLocalOnly) | Err(ValidationError::TooShort) => Validity::TooShort,
        Err(ValidationError::TooLong) => Validity::TooLong,
        Err(ValidationError::InvalidLength) => Validity::InvalidLength,
        Err(ValidationError::InvalidCountryCode) => Validity::NotAssigned,
    }
}

fn line_type(kind: PhoneNumberType) -> LineType {
    match kind {
        PhoneNumberType::FixedLine => LineType::FixedLine,
        PhoneNumberType::Mobile => LineType::Mobile,
        PhoneNumberType::FixedLineOrMobile => LineType::FixedLineOrMobile,
        PhoneNumberType::TollFree => LineType::TollFree,
        PhoneNumberType::PremiumRate => LineType::PremiumRate,
        PhoneNumberType::SharedCost => LineType::SharedCost,
        PhoneNumberType::VoIP => LineType::Voip,
        PhoneNumberType::PersonalNumber => LineType::PersonalNumber,
        PhoneNumberType::Pager => LineType::Pager,
        PhoneNumberType::UAN => LineType::Uan,
        PhoneNumberType::VoiceMail => LineType::Voicemail,
        PhoneNumberType::Unknown => LineType::Unknown,
    }
}

/// Makes the library compile all that parsing looks at: prefixes and the general pattern.
fn compile_parsing(region: library::Region) {
    let examples: Vec<PhoneNumber> = if region == library::Region::World {
        let codes = PHONE_NUMBER_UTIL.get_supported_global_network_calling_codes();
        codes.filter_map(|code| PHONE_NUMBER_UTIL.get_example_number_for_non_geo_entity(code).ok()).collect()
    } else {
        PHONE_NUMBER_UTIL.get_example_number(region).into_iter().collect()
    };
    for example in examples {
        let e164 = PHONE_NUMBER_UTIL.format(&example, PhoneNumberFormat::E164);
        let digits = e164.strip_prefix('+').unwrap_or(&e164);
        let national = digits.strip_prefix(&example.country_code.to_string()).unwrap_or(digits);
        // Each form takes another way through the library.
        for (form, region) in [(&*e164, None), (digits, Some(region)), (national, Some(region))] {
            let _ = PHONE_NUMBER_UTIL.parse(form, region);
        }
    }
}

/// Makes the library compile all that it judges a calling code's numbers by: an example of each type
/// reaches the pattern of that type. The plan is sure of all numbers of non-geographic codes.
fn compile_judging(code: i32) {
    for region in PHONE_NUMBER_UTIL.get_regions_for_country_calling_code(code).into_iter().flatten() {
        for kind in TYPES {
            if let Ok(example) = PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(region, kind) {
                facts(&example);
            }
        }
    }
}

/// Makes the library compile everything: a second of one core and some 200 MB.
pub fn warm_up() {
    let warm = |patterns| Cold(patterns).warm();
    warm(Patterns::Shared);
    PHONE_NUMBER_UTIL.get_supported_regions().map(Patterns::Parsing).for_each(warm);
    warm(Patterns::Parsing(library::Region::World));
    PHONE_NUMBER_UTIL.get_supported_calling_codes().map(Patterns::Judging).for_each(warm);
}
