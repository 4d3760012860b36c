//! JSON answers: an array or object of rows, at a pointer. The first layout with numbers is read, or
//! else the first whose rows are there.
//!
//! An answer that is no JSON is a changed layout or a block page, never an empty list.

use std::borrow::Cow;

use serde_json::Value;

use super::super::definition::{Digits, JsonShape, State};
use super::admit::{Admission, Candidate};
use super::{Page, PageError, Verdict, age, signs};

pub(super) fn read(
    shapes: &[JsonShape],
    body: &[u8],
    mut admission: Admission<'_>,
) -> Result<Page, PageError> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let Ok(answer) = serde_json::from_slice::<Value>(body) else {
        let verdict = match signs::phrase(admission.definition(), body) {
            Some(sign) => Verdict::Blocked(sign),
            None if signs::is_html(body) => Verdict::LayoutChanged("HTML in place of JSON".to_owned()),
            None => Verdict::LayoutChanged("not JSON, or cut".to_owned()),
        };
        return Ok(admission.refuse(verdict));
    };
    let mut there = shapes.iter().filter_map(|shape| Some((shape, rows(answer.pointer(&shape.rows)?)?)));
    let first = there.clone().next();
    let with_numbers = there
        .find(|(shape, rows)| rows.iter().any(|(key, value)| text(&shape.number, *key, value).is_some()));
    if let Some((shape, rows)) = with_numbers.or(first) {
        for (key, value) in rows {
            admission.offer(&candidate(shape, key, value))?;
        }
        return Ok(admission.finish());
    }
    let looked: Vec<&str> = shapes.iter().map(|shape| shape.rows.as_str()).collect();
    let verdict = Verdict::LayoutChanged(format!("no array or object at {:?}", looked.join(" or ")));
    Ok(admission.refuse(verdict))
}

/// The rows of an array or object, keys beside them.
fn rows(found: &Value) -> Option<Vec<(Option<&str>, &Value)>> {
    match found {
        Value::Array(rows) => Some(rows.iter().map(|value| (None, value)).collect()),
        Value::Object(rows) => Some(rows.iter().map(|(key, value)| (Some(key.as_str()), value)).collect()),
        _ => None,
    }
}

fn candidate<'a>(shape: &JsonShape, key: Option<&'a str>, value: &'a Value) -> Candidate<'a> {
    let get = |field: &str| text(field, key, value);
    let optional = |field: &Option<String>| field.as_deref().and_then(get);
    let number = match &shape.country_code {
        None => get(&shape.number),
        Some(code) => get(code).zip(get(&shape.number)).map(|(code, number)| {
            let code = code.trim().trim_start_matches('+').to_owned();
            Cow::Owned(format!("+{code} {number}"))
        }),
    };
    let state = match &shape.state {
        None => Some(State::Online),
        Some(field) => get(field).and_then(|said| shape.states.get(&*said).copied()),
    };
    let full = shape.full.as_deref().map(|field| (get(field), Digits::International));
    Candidate {
        text: number,
        digits: shape.digits,
        link: full,
        state,
        region: optional(&shape.region),
        active: optional(&shape.active).and_then(|text| age::read(&text)),
        added: optional(&shape.added).and_then(|text| age::read(&text)),
        refused: None,
    }
}

/// A field as text: strings, whole numbers and truth values; anything else is not there.
fn text<'a>(field: &str, key: Option<&'a str>, value: &'a Value) -> Option<Cow<'a, str>> {
    let found = match field {
        "@key" => return key.map(Cow::Borrowed),
        "@value" => value,
        name => value.get(name)?,
    };
    match found {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) if number.is_u64() => Some(Cow::Owned(number.to_string())),
        Value::Bool(truth) => Some(Cow::Borrowed(if *truth { "true" } else { "false" })),
        _ => None,
    }
}
