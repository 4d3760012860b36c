//! What is gathered of the rows of one HTML layout while the page streams by.
//!
//! A row begins with its element and ends with its end tag or the next row, whichever comes first:
//! nothing outside of a row is ever gathered. Must not judge; `admit` does.

use std::borrow::Cow;
use std::collections::HashSet;

use super::super::definition::{Css, Field, HtmlShape, State, StateRule};
use super::admit::Candidate;
use super::{DropReason, MOST_ROWS, age, entities};

/// The longest text of one value, in bytes; a longer one is no number and no age.
const LONGEST_VALUE: usize = 2_000;

/// A place in a row: the fields of a layout in fixed order, then its rules on the state.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot<'a> {
    pub(super) at: usize,
    pub(super) select: Option<&'a Css>,
    pub(super) attribute: Option<&'a str>,
    pub(super) without: Option<&'a Css>,
}

const NUMBER: usize = 0;
const LINK: usize = 1;
const ACTIVE: usize = 2;
const ADDED: usize = 3;
const REGION: usize = 4;
const STATES: usize = 5;

/// All places that a layout looks at.
pub(super) fn slots(shape: &HtmlShape) -> Vec<Slot<'_>> {
    let fields = [
        Some(&shape.number),
        shape.link.as_ref(),
        shape.active.as_ref(),
        shape.added.as_ref(),
        shape.region.as_ref(),
    ];
    let mut slots = Vec::new();
    for (at, field) in fields.into_iter().enumerate() {
        if let Some(Field { select, attribute, without, .. }) = field {
            let (select, without) = (select.as_ref(), without.as_ref());
            slots.push(Slot { at, select, attribute: attribute.as_deref(), without });
        }
    }
    for (at, rule) in shape.states.iter().enumerate() {
        let (select, attribute) = (rule.select.as_ref(), rule.attribute.as_deref());
        slots.push(Slot { at: STATES + at, select, attribute, without: None });
    }
    slots
}

/// The rows of one layout so far.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    rows: Vec<RawRow>,
    /// Whether the last row is still open.
    open: bool,
    /// Slots whose text is being gathered.
    gathering: HashSet<usize>,
    /// How many elements whose text does not count are open, by slot.
    hidden: Vec<(usize, u32)>,
    /// Where rows begin that stand in the head, foot or menu.
    outside: HashSet<usize>,
    too_many: bool,
}

/// One row as it stands on the page.
#[derive(Debug)]
pub(super) struct RawRow {
    start: usize,
    values: Vec<(usize, String)>,
}

/// Names a row, so that an end tag that comes late closes nothing of a later row.
pub(super) type Serial = usize;

impl Gathered {
    /// Begins a row at this byte of the page.
    pub(super) fn begin(&mut self, start: usize) -> Serial {
        self.gathering.clear();
        self.hidden.clear();
        self.open = self.rows.len() <= MOST_ROWS;
        self.too_many |= !self.open;
        if self.open {
            self.rows.push(RawRow { start, values: Vec::new() });
        }
        self.rows.len()
    }

    pub(super) fn end(&mut self, serial: Serial) {
        if serial == self.rows.len() {
            self.open = false;
        }
    }

    /// The row that begins at this byte stands outside of the listing.
    pub(super) fn stands_outside(&mut self, start: usize) {
        self.outside.insert(start);
    }

    /// An element of a slot: takes the attribute, or begins to gather text. The first element of
    /// a row counts.
    pub(super) fn found(&mut self, slot: usize, attribute: Option<Option<String>>) -> Option<Serial> {
        let serial = self.rows.len();
        let row = self.rows.last_mut().filter(|_| self.open)?;
        if row.values.iter().any(|(at, _)| *at == slot) {
            return None;
        }
        match attribute {
            Some(Some(value)) if value.len() <= LONGEST_VALUE => row.values.push((slot, value)),
            Some(_) => {}
            None => {
                row.values.push((slot, String::new()));
                self.gathering.insert(slot);
                return Some(serial);
            }
        }
        None
    }

    pub(super) fn text(&mut self, slot: usize, text: &str, last: bool) {
        let shown = self.open && self.gathering.contains(&slot);
        if !shown || self.hidden.iter().any(|(at, depth)| *at == slot && *depth > 0) {
            return;
        }
        let values = self.rows.last_mut().map(|row| &mut row.values);
        let value = values.and_then(|values| values.iter_mut().find(|(at, _)| *at == slot));
        let Some((_, value)) = value else { return };
        if value.len() + text.len() > LONGEST_VALUE {
            // Longer than any number or age: made unreadable, and no more of it is taken.
            value.push('\u{fffd}');
            self.gathering.remove(&slot);
            return;
        }
        value.push_str(text);
        // Texts of two elements are two words.
        if last {
            value.push(' ');
        }
    }

    /// The element whose text was gathered ends.
    pub(super) fn end_text(&mut self, slot: usize, serial: Serial) {
        if serial == self.rows.len() {
            self.gathering.remove(&slot);
        }
    }

    pub(super) fn hide(&mut self, slot: usize) -> Serial {
        match self.hidden.iter_mut().find(|(at, _)| *at == slot) {
            Some((_, depth)) => *depth += 1,
            None => self.hidden.push((slot, 1)),
        }
        self.rows.len()
    }

    pub(super) fn show(&mut self, slot: usize, serial: Serial) {
        if serial == self.rows.len()
            && let Some((_, depth)) = self.hidden.iter_mut().find(|(at, _)| *at == slot)
        {
            *depth = depth.saturating_sub(1);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether a number was found in any row: rows of two layouts may look the same.
    pub(super) fn has_numbers(&self) -> bool {
        self.rows.iter().any(|row| row.values.iter().any(|(at, _)| *at == NUMBER))
    }

    pub(super) fn has_too_many(&self) -> bool {
        self.too_many
    }

    /// Hands over every row as a candidate.
    pub(super) fn candidates<'a>(&'a self, shape: &'a HtmlShape) -> impl Iterator<Item = Candidate<'a>> {
        self.rows.iter().map(move |row| {
            let outside = self.outside.contains(&row.start);
            row.candidate(shape, outside.then_some(DropReason::OutsideListing))
        })
    }
}

impl RawRow {
    /// The value of a slot, decoded.
    fn value(&self, slot: usize) -> Option<String> {
        let (_, value) = self.values.iter().find(|(at, _)| *at == slot)?;
        Some(entities::decode(value))
    }

    /// The part of a field's value that counts.
    fn field(&self, slot: usize, field: Option<&Field>) -> Option<String> {
        let value = self.value(slot)?;
        match field.and_then(|field| field.pattern.as_ref()) {
            Some(pattern) => pattern.find(value.trim()).map(str::to_owned),
            None => Some(value),
        }
    }

    fn candidate(&self, shape: &HtmlShape, refused: Option<DropReason>) -> Candidate<'_> {
        let owned = |slot, field: Option<&Field>| self.field(slot, field).map(Cow::Owned);
        let time =
            |slot, field: &Option<Field>| self.field(slot, field.as_ref()).and_then(|text| age::read(&text));
        let link = shape.link.as_ref().map(|field| (owned(LINK, Some(field)), field.digits));
        Candidate {
            text: owned(NUMBER, Some(&shape.number)),
            digits: shape.number.digits,
            link,
            state: Some(self.state(shape)),
            region: owned(REGION, shape.region.as_ref()),
            active: time(ACTIVE, &shape.active),
            added: time(ADDED, &shape.added),
            refused,
        }
    }

    fn state(&self, shape: &HtmlShape) -> State {
        let fits = |(at, rule): &(usize, &StateRule)| {
            let Some(value) = self.value(STATES + at) else { return false };
            let has = rule.has.as_deref().map(str::to_lowercase);
            has.is_none_or(|has| value.to_lowercase().contains(&has))
        };
        shape.states.iter().enumerate().find(fits).map_or(State::Online, |(_, rule)| rule.is)
    }
}
