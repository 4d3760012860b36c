//! Which rows of a page are listings: the one gate for every form.
//!
//! Must not repair: a mask, a disagreement or a doubt drops the row with its reason.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::core::number::{self, LineType, Number, ParseError, Parsed, Region, Validity};

use super::super::definition::{Definition, Digits, State};
use super::{DropReason, Dropped, MOST_ROWS, Page, PageError, PageRow, ReadOptions, Verdict, When};

/// What a parser found in one row.
#[derive(Debug, Default)]
pub(super) struct Candidate<'a> {
    /// The number as it stands there.
    pub(super) text: Option<Cow<'a, str>>,
    /// What its digits are if there is no plus.
    pub(super) digits: Digits,
    /// The second place: not looked for, or what was found there.
    pub(super) link: Option<(Option<Cow<'a, str>>, Digits)>,
    /// The state; `None` where the definition does not know what the page says.
    pub(super) state: Option<State>,
    pub(super) region: Option<Cow<'a, str>>,
    pub(super) active: Option<When>,
    pub(super) added: Option<When>,
    /// A reason that the parser knows already.
    pub(super) refused: Option<DropReason>,
}

/// Takes candidates and makes a page of them.
pub(super) struct Admission<'d> {
    definition: &'d Definition,
    options: ReadOptions,
    rows: Vec<PageRow>,
    dropped: Vec<Dropped>,
    seen: HashSet<Number>,
    wrong_labels: u32,
}

impl<'d> Admission<'d> {
    pub(super) fn new(definition: &'d Definition, options: ReadOptions) -> Self {
        Self {
            definition,
            options,
            rows: Vec::new(),
            dropped: Vec::new(),
            seen: HashSet::new(),
            wrong_labels: 0,
        }
    }

    pub(super) fn definition(&self) -> &'d Definition {
        self.definition
    }

    /// How many rows were offered.
    pub(super) fn offered(&self) -> usize {
        self.rows.len() + self.dropped.len()
    }

    pub(super) fn offer(&mut self, candidate: &Candidate<'_>) -> Result<(), PageError> {
        let ordinal = u32::try_from(self.offered() + 1).unwrap_or(u32::MAX);
        if self.offered() >= MOST_ROWS {
            return Err(PageError::TooManyRows);
        }
        match self.judge(candidate) {
            Ok((number, state)) => {
                let Candidate { active, added, .. } = *candidate;
                self.rows.push(PageRow { number, state, active, added, ordinal });
            }
            Err(reason) => {
                let text = candidate.text.as_deref().unwrap_or_default();
                self.dropped.push(Dropped { ordinal, reason, sample: masked(text) });
            }
        }
        Ok(())
    }

    fn judge(&mut self, candidate: &Candidate<'_>) -> Result<(Number, State), DropReason> {
        if let Some(reason) = candidate.refused {
            return Err(reason);
        }
        match candidate.state {
            Some(State::Offline) => return Err(DropReason::Offline),
            Some(state) if !state.is_public() => return Err(DropReason::NotPublic),
            _ => {}
        }
        let text = candidate.text.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let text = self.readable(text.ok_or(DropReason::NoNumber)?)?;
        if is_contact_link(&text) {
            return Err(DropReason::ContactLink);
        }
        let parsed = self.parse(&text, candidate.digits)?;
        let state = candidate.state.ok_or(DropReason::UnknownState)?;
        if let Some((link, digits)) = &candidate.link {
            let link = link.as_deref().map(str::trim).filter(|link| !link.is_empty());
            self.agree(parsed.number, link.ok_or(DropReason::NoLink)?, *digits)?;
        }
        self.may_be_listed(&parsed)?;
        if !self.seen.insert(parsed.number) {
            return Err(DropReason::Duplicate);
        }
        let label = candidate.region.as_deref().and_then(label);
        if label.is_some_and(|label| label != parsed.facts.region) {
            self.wrong_labels += 1;
        }
        Ok((parsed.number, state))
    }

    /// The text without obfuscation, if that is wanted; masks are refused here, before any digit
    /// of the link is looked at.
    fn readable<'t>(&self, text: &'t str) -> Result<Cow<'t, str>, DropReason> {
        if is_masked(text) {
            return Err(DropReason::Masked);
        }
        if !text.contains(is_yi_digit) {
            return Ok(Cow::Borrowed(text));
        }
        if !self.options.obfuscated {
            return Err(DropReason::Obfuscated);
        }
        let plain = |c: char| match u32::from(c).checked_sub(YI_ZERO) {
            Some(value @ 0..=9) => char::from_digit(value, 10).unwrap_or(c),
            _ => c,
        };
        Ok(Cow::Owned(text.chars().map(plain).collect()))
    }

    fn parse(&self, text: &str, digits: Digits) -> Result<Parsed, DropReason> {
        // Anywhere: direction marks may stand before it.
        let has_plus = text.contains(['+', '\u{ff0b}']);
        let parsed = match digits {
            _ if has_plus => number::parse(text, None),
            Digits::Plus => number::parse(text, None),
            Digits::National => number::parse(text, self.definition.default_region),
            Digits::International if text.starts_with("00") => number::parse(text, None),
            Digits::International => number::parse(&format!("+{text}"), None),
        };
        parsed.map_err(|error| match error {
            ParseError::NoCountryCode => DropReason::NoCountryCode,
            ParseError::Empty | ParseError::NotANumber => DropReason::NotANumber,
            _ => DropReason::NotInPlan,
        })
    }

    fn agree(&self, number: Number, link: &str, digits: Digits) -> Result<(), DropReason> {
        if is_contact_link(link) {
            return Err(DropReason::ContactLink);
        }
        let agrees = match digits {
            Digits::National => {
                let all = number.as_e164();
                let code = number::plan::country_code(number.key()).to_string();
                all.strip_prefix('+').and_then(|all| all.strip_prefix(&*code)) == Some(link)
            }
            _ => self.parse(link, digits).is_ok_and(|parsed| parsed.number == number),
        };
        if agrees { Ok(()) } else { Err(DropReason::LinkDisagrees) }
    }

    /// The never-list: what is no subscriber's number, and the site's own.
    fn may_be_listed(&self, parsed: &Parsed) -> Result<(), DropReason> {
        if self.definition.contacts.contains(&parsed.number) {
            return Err(DropReason::OwnContact);
        }
        if parsed.facts.validity != Validity::Valid {
            return Err(DropReason::NotInPlan);
        }
        match parsed.facts.line_type {
            LineType::TollFree
            | LineType::PremiumRate
            | LineType::SharedCost
            | LineType::Voicemail
            | LineType::Uan => Err(DropReason::NeverListed),
            _ => Ok(()),
        }
    }

    /// The page; a form without rows that says nothing more about it counts as empty.
    pub(super) fn finish(self) -> Page {
        let verdict = self.verdict();
        let rows = if verdict == Verdict::Fine { self.rows } else { Vec::new() };
        let Self { dropped, wrong_labels, .. } = self;
        Page { rows, dropped, next: Vec::new(), verdict, wrong_labels }
    }

    /// A page of which nothing is used.
    pub(super) fn refuse(self, verdict: Verdict) -> Page {
        Page { rows: Vec::new(), dropped: self.dropped, next: Vec::new(), verdict, wrong_labels: 0 }
    }

    /// More than half of the rows out of shape means that the layout changed.
    fn verdict(&self) -> Verdict {
        let drift = self.dropped.iter().filter(|dropped| dropped.reason.is_drift()).count();
        if drift > 0 && drift * 2 > self.offered() {
            let most = self.dropped.iter().find(|dropped| dropped.reason.is_drift());
            let why = most.map_or("", |dropped| dropped.reason.text());
            return Verdict::LayoutChanged(format!("{drift} of {} rows: {why}", self.offered()));
        }
        if self.rows.is_empty() { Verdict::Empty } else { Verdict::Fine }
    }
}

/// The region of a label, with the names that sites use for the United Kingdom.
fn label(text: &str) -> Option<Region> {
    let text = text.trim();
    Region::known(if text.eq_ignore_ascii_case("uk") { "GB" } else { text })
}

/// U+A000..U+A009, which some sites draw as digits with a font of their own.
const YI_ZERO: u32 = 0xa000;

fn is_yi_digit(c: char) -> bool {
    matches!(c, '\u{a000}'..='\u{a009}')
}

/// Digits, and between or after them a sign that stands for hidden ones.
fn is_masked(text: &str) -> bool {
    let sign = |c: char| {
        matches!(c, '*' | 'x' | 'X' | '#' | '_' | '?' | '\u{2022}' | '\u{2026}' | '\u{25cf}' | '\u{ff0a}')
    };
    let letters = text.chars().any(|c| c.is_alphabetic() && !sign(c) && !is_yi_digit(c));
    text.chars().any(char::is_numeric) && text.contains(sign) && !letters
}

fn is_contact_link(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["tel:", "sms:", "callto:", "mailto:"].iter().any(|scheme| text.starts_with(scheme))
        || text.contains("wa.me/")
}

/// What a sample may show: 40 characters, of the digits the first three.
fn masked(text: &str) -> String {
    let mut digits = 0;
    let hide = |c: char| match c {
        c if c.is_control() => ' ',
        c if c.is_numeric() || is_yi_digit(c) => {
            digits += 1;
            if digits > 3 { '*' } else { c }
        }
        c => c,
    };
    text.trim().chars().take(40).map(hide).collect()
}
