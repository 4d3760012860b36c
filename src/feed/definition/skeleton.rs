//! The first draft of a definition, from an address: every key that a site needs, explained.

use super::value::address;

/// A draft for the site of `url`; it parses, and is switched off until somebody read the terms.
pub fn skeleton(url: &str) -> Result<(String, String), String> {
    let url = address(url)?;
    let host = url.host_str().unwrap_or_default().trim_start_matches("www.").to_ascii_lowercase();
    let name: String = host.chars().filter(|c| c.is_ascii_alphanumeric() || ".-_".contains(*c)).collect();
    let name = name.get(..name.len().min(48)).unwrap_or_default().to_owned();
    let text = DRAFT.replace("{name}", &name).replace("{url}", url.as_str());
    Ok((name, text))
}

const DRAFT: &str = r#"name = "{name}"
title = "{name}"
# Switch it on after a run of `numguard feed test` on saved pages.
enabled = false
disabled_because = "draft"
# Feeds of one group have one owner or copy each other: they confirm each other like one feed.
group = "{name}"
# low: copies others, or anybody may add; normal: a site's own list; high: measured abuse.
trust = "normal"
# What the terms and robots.txt permit, and who read them when.
terms = "not read yet"
# Listing pages only, never inbox pages.
urls = ["{url}"]
interval_minutes = 60
pace_seconds = 10
# How many rows a run brings when all is well; others are held back.
band = { min = 10, max = 500 }
# The most numbers that a run may bring which the feed never had; absent: 1,000, or a quarter of the
# run before.
# most_new = 100

[pages]
# template = "{start}/page/{page}"
# follow = "ul.pagination a"
# only = '^/numbers/\d+$'
cap = 1

# One table per layout; the first whose rows are on the page is taken.
[[html]]
# The element that holds one row.
rows = "div.number-card"
# What stands on the page even when there are no rows.
# frame = "div.numbers"
# The element inside the row whose text is the number; digits = "international" if the plus is missing.
number = { select = ".number" }
# A second place of the number, which must agree.
# link = { select = "a", attribute = "href", pattern = '/sms/(\d+)', digits = "international" }
# active = { select = ".age" }
# region = { select = ".flag", attribute = "class", pattern = 'fi-([a-z]{2})' }
# states = [{ select = "a", has = "premium", is = "premium" }]
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::definition::Definition;

    #[test]
    fn a_draft_parses_and_bad_addresses_are_named() {
        let (name, text) = skeleton("https://www.Example.org/numbers?x=1").unwrap_or_else(|e| panic!("{e}"));
        let definition = Definition::parse("draft", &text).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!((name.as_str(), definition.name.as_str()), ("example.org", "example.org"));
        assert!(!definition.enabled && definition.urls[0].path() == "/numbers");
        for bad in ["", "example.org", "ftp://example.org/", "https://user:pass@example.org/", "https://x/#a"]
        {
            assert!(skeleton(bad).is_err_and(|error| error.contains("expected an address")), "{bad}");
        }
    }
}
