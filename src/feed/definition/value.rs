//! Checked values in a definition: names, addresses, numbers, selectors, regular expressions.
//!
//! Each says what was expected; the line and key are added by [`super::Definition::parse`].

use std::fmt::Display;
use std::str::FromStr;

use regex::Regex;
use serde::de::{Deserialize, Deserializer, Error};
use url::Url;

use crate::core::number::{Number, Region};

/// A CSS selector: elements, classes, ids, attributes, children and descendants, no commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Css(String);

impl Css {
    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Css {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected a CSS selector of elements, classes, ids, attributes, > and spaces";
        if text.contains(',') {
            return Err(format!("{expected}; for alternatives write another layout, not a comma"));
        }
        text.parse::<lol_html::Selector>().map_err(|error| format!("{expected}: {error}"))?;
        Ok(Self(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Css {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        from_text(input)
    }
}

/// A regular expression; its first group, or else all of it, is what was looked for.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    /// What it finds in `text`.
    pub fn find<'t>(&self, text: &'t str) -> Option<&'t str> {
        let found = self.0.captures(text)?;
        found.get(1).or_else(|| found.get(0)).map(|part| part.as_str())
    }

    /// Whether it fits somewhere in `text`.
    pub fn is_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Regex::new(text).map(Self).map_err(|error| {
            let told = error.to_string();
            let told = told.lines().last().unwrap_or_default().trim_start_matches("error: ");
            format!("expected a regular expression: {told}")
        })
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        from_text(input)
    }
}

pub(super) fn from_text<'de, D, T>(input: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr,
    T::Err: Display,
{
    String::deserialize(input)?.parse().map_err(D::Error::custom)
}

pub(super) fn addresses<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<Url>, D::Error> {
    let texts = Vec::<String>::deserialize(input)?;
    texts.iter().map(|text| address(text).map_err(D::Error::custom)).collect()
}

/// An address that may be fetched: http or https, a host name, no user in it.
pub(super) fn address(text: &str) -> Result<Url, String> {
    let expected = "expected an address such as https://example.org/numbers";
    let url = Url::parse(text).map_err(|error| format!("{expected}: {error}"))?;
    let web = matches!(url.scheme(), "http" | "https") && url.host_str().is_some();
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if web && plain { Ok(url) } else { Err(expected.to_owned()) }
}

pub(super) fn numbers<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<Number>, D::Error> {
    let texts = Vec::<String>::deserialize(input)?;
    texts.iter().map(|text| text.parse().map_err(D::Error::custom)).collect()
}

pub(super) fn region<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Region>, D::Error> {
    let text = String::deserialize(input)?;
    let region = Region::known(&text);
    region.map(Some).ok_or_else(|| D::Error::custom("expected an ISO 3166 region such as GB"))
}
