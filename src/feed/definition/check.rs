//! What a definition must hold beyond its types; each complaint names the field.

use super::shape::Field;
use super::{Definition, Digits, HolderShape, HtmlShape};

type Checked = Result<(), String>;

/// A run may take this long between pages and no longer.
const LONGEST_PACE: u32 = 3_600;

/// The most pages per address: the deepest site that is known has 125.
const MOST_PAGES: u32 = 500;

pub(super) fn check(definition: &Definition) -> Checked {
    let shapes = [
        !definition.html.is_empty(),
        !definition.json.is_empty(),
        definition.csv.is_some(),
        definition.text.is_some(),
        definition.holders.is_some(),
    ];
    if shapes.iter().filter(|there| **there).count() != 1 {
        return Err("expected exactly one of [[html]], [[json]], [csv], [text], [holders]".to_owned());
    }
    text("title", &definition.title)?;
    text("terms", &definition.terms)?;
    if definition.enabled != definition.disabled_because.is_empty() {
        return Err("disabled_because: expected a reason if enabled = false, and none else".to_owned());
    }
    holds("urls", !definition.urls.is_empty(), "at least one address")?;
    let host = definition.urls.first().and_then(|url| url.host_str());
    let same = definition.urls.iter().all(|url| url.host_str() == host);
    holds("urls", same, "addresses of one host; another host is another feed")?;
    let named = |mirror: &String| !mirror.contains(['/', ':', ' ']) && mirror.contains('.');
    holds("mirrors", definition.mirrors.iter().all(named), "host names such as example.org")?;
    holds("interval_minutes", (5..=43_200).contains(&definition.interval_minutes), "5 to 43200")?;
    holds("pace_seconds", (1..=LONGEST_PACE).contains(&definition.pace_seconds), "1 to 3600")?;
    holds("band", definition.band.min <= definition.band.max, "min at most max")?;
    holds("band.max", definition.band.max > 0, "1 or more")?;
    pages(definition)?;
    for (at, html) in definition.html.iter().enumerate() {
        layout(&format!("html[{at}]"), html, definition)?;
    }
    for (at, json) in definition.json.iter().enumerate() {
        let pointer = json.rows.is_empty() || json.rows.starts_with('/');
        holds(&format!("json[{at}].rows"), pointer, "a JSON pointer such as /numbers, or nothing")?;
        national(&format!("json[{at}].digits"), json.digits, definition)?;
        let both = json.state.is_some() != json.states.is_empty();
        holds(&format!("json[{at}].states"), both, "state and states together, or neither")?;
    }
    if let Some(csv) = &definition.csv {
        holds("csv.separator", csv.separator.is_ascii(), "an ASCII character")?;
        national("csv.digits", csv.digits, definition)?;
    }
    if let Some(text) = &definition.text {
        national("text.digits", text.digits, definition)?;
    }
    definition.holders.as_ref().map_or(Ok(()), holders)
}

fn holds(field: &str, good: bool, expected: &str) -> Checked {
    if good { Ok(()) } else { Err(format!("{field}: expected {expected}")) }
}

fn text(field: &str, value: &str) -> Checked {
    holds(field, !value.trim().is_empty(), "some words")
}

fn pages(definition: &Definition) -> Checked {
    let pages = &definition.pages;
    if let Some(template) = &pages.template {
        let sample = template.replace("{start}", "https://example.org/x").replace("{page}", "2");
        let whole = template.starts_with("{start}") && template.contains("{page}");
        let good = whole && !sample.contains(['{', '}']) && super::value::address(&sample).is_ok();
        holds("pages.template", good, "{start}, something and {page}, such as {start}/{page}")?;
    }
    let guarded = pages.follow.is_some() == pages.only.is_some();
    holds("pages.only", guarded, "follow and only together, so that inbox pages are never fetched")?;
    holds("pages.cap", (1..=MOST_PAGES).contains(&pages.cap), "1 to 500")
}

fn layout(at: &str, html: &HtmlShape, definition: &Definition) -> Checked {
    let fields = [
        ("number", Some(&html.number)),
        ("link", html.link.as_ref()),
        ("active", html.active.as_ref()),
        ("added", html.added.as_ref()),
        ("region", html.region.as_ref()),
    ];
    for (name, value) in fields {
        let Some(field) = value else { continue };
        let reads_href = field.attribute.as_deref() == Some("href");
        let guarded = field.pattern.is_some() || !reads_href;
        holds(&format!("{at}.{name}.pattern"), guarded, "the part of the href that is the number")?;
    }
    number(&format!("{at}.number"), &html.number, definition)?;
    for (rule, state) in html.states.iter().enumerate() {
        let meant = state.has.is_some() || (state.select.is_some() && state.attribute.is_none());
        holds(&format!("{at}.states[{rule}].has"), meant, "what the text or attribute says")?;
    }
    Ok(())
}

fn number(at: &str, field: &Field, definition: &Definition) -> Checked {
    national(&format!("{at}.digits"), field.digits, definition)
}

fn national(field: &str, digits: Digits, definition: &Definition) -> Checked {
    let good = digits != Digits::National || definition.default_region.is_some();
    holds(field, good, "a default_region beside \"national\"")
}

fn holders(shape: &HolderShape) -> Checked {
    let one = shape.prefix.is_empty() == shape.span.is_some();
    holds("holders", one, "either prefix or span")?;
    holds("holders.country_code", (1..=999).contains(&shape.country_code), "a country code such as 44")?;
    holds("holders.separator", shape.separator.is_ascii(), "an ASCII character")?;
    holds("holders.trunk", shape.trunk.bytes().all(|b| b.is_ascii_digit()), "digits")?;
    let plain = |digits: &String| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let short = |digits: &String| digits.len() <= 8;
    let covers = shape.covers.iter().all(|digits| plain(digits) && short(digits));
    holds("holders.covers", covers, "one to eight digits each, such as \"7\"")?;
    let both = shape.territory.is_some() != shape.territories.is_empty();
    holds("holders.territories", both, "territory and territories together, or neither")?;
    holds(
        "holders.statuses",
        shape.status.is_some() != shape.statuses.is_empty(),
        "status and statuses together, or neither",
    )
}
