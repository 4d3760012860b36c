//! The fence around rlibphonenumber: what people type, and digits that the plan is unsure of.
//!
//! Slow (2-4 us; the first call of a region compiles its patterns in 15-34 ms), so [`warm_up`] runs
//! at start. No other file may name the library.

use rlibphonenumber::{
    self as library, NumberLengthType, PHONE_NUMBER_UTIL, ParseError as LibraryError, PhoneNumber,
    PhoneNumberFormat, PhoneNumberType, ValidationError,
};

use super::plan::{LineType, PlanFacts, Region, Validity};
use super::{Number, ParseError, Parsed};

/// Parses a tidied text: an optional plus, then ASCII digits only.
pub(super) fn parse(tidy: &str, default_region: Option<Region>) -> Result<Parsed, ParseError> {
    let region = default_region.and_then(|region| library::Region::from_code(region.as_str()).ok());
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
        return Err(ParseError::TooLong);
    }
    let number = Number::from_ascii(digits.as_bytes()).map_err(|_| ParseError::NotANumber)?;
    Ok(Parsed { number, facts: facts(&parsed) })
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

/// Makes the library compile every region's patterns, some seconds of one core: run it on a thread
/// of its own, so that no check is the first of its region.
pub fn warm_up() {
    for region in PHONE_NUMBER_UTIL.get_supported_regions() {
        if let Ok(example) = PHONE_NUMBER_UTIL.get_example_number(region) {
            let national = PHONE_NUMBER_UTIL.format(&example, PhoneNumberFormat::National);
            if let Ok(parsed) = PHONE_NUMBER_UTIL.parse(national.as_ref(), Some(region)) {
                facts(&parsed);
            }
        }
    }
}
