//! Arbitrary bytes: no parser panics, and no number comes from outside of a row.

use std::sync::LazyLock;

use numguard::feed::{Definition, ReadOptions, Verdict};
use proptest::prelude::*;
use url::Url;

use crate::inline;

/// What pages are made of, whole and broken.
pub(crate) const PIECES: &[&str] = &[
    "<div class=\"n\">",
    "<div class='n'",
    "</div>",
    "<b>",
    "</b>",
    "<a href=\"/sms/12025550123\">",
    "</a>",
    "+12025550123",
    "+1 202 555 ",
    "0124",
    "<script>",
    "</script>",
    "<style>",
    "<!--",
    "-->",
    "&#43;",
    "&nbsp;",
    "&",
    "\u{200d}",
    "\u{a001}",
    "<",
    ">",
    "\"",
    "'",
    "=",
    "/",
    "<textarea>",
    "<svg>",
    "<math>",
    "<template>",
    "<noscript>",
    "<select>",
    "<footer>",
    "</footer>",
    "<table>",
    "<tr>",
    "<td>",
    "<plaintext>",
    "]]>",
    "<![CDATA[",
    "{\"number\":\"12025550123\"",
    ",\"status\":\"Online\"}",
    "[",
    "]",
    "{",
    "}",
    ":",
    ",",
    "\n",
    ";",
    "\u{feff}",
    "e164",
    "<frameset>",
    "</p>",
    "<br>",
    "<input class=n>",
];

/// Bytes that reach deep, and any others.
pub(crate) fn pages() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => proptest::sample::select(PIECES).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..8),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|parts| parts.concat())
}

/// Reads with every shipped definition; what holds for any page.
pub(crate) fn every_definition_holds(definitions: &[Definition], body: &[u8]) {
    let url = Url::parse("https://example.org/list").unwrap();
    for definition in definitions {
        for options in [ReadOptions::default(), ReadOptions { obfuscated: true }] {
            let Ok(page) = definition.read(&url, body, options) else { continue };
            assert!(page.rows.is_empty() || page.verdict == Verdict::Fine, "{}: {page:?}", definition.name);
            assert!(page.next.iter().all(|next| next.host_str() == url.host_str()), "{}", definition.name);
            let told = format!("{page:?}");
            assert!(!told.contains("2025550123"), "{}: {told}", definition.name);
        }
    }
}

pub(crate) static ALL: LazyLock<Vec<Definition>> = LazyLock::new(|| {
    let catalogue = &*crate::CATALOGUE;
    let mut all: Vec<Definition> = catalogue.entries().iter().map(|entry| entry.definition.clone()).collect();
    all.push(inline("number = { select = \"b\", without = \"i\" }"));
    all.push(inline("number = {}\nlink = { select = \"a\", attribute = \"href\", pattern = '(\\d+)', digits = \"national\" }\nframe = \"table\"\n[pages]\nfollow = \"a\"\nonly = '.'\ncap = 2"));
    all
});

/// The page without its rows: whatever stands between `<div class="n">` and the matching end.
fn wrapped(inside: &[u8]) -> Vec<u8> {
    [b"<div class=\"n\"><b>+12025550100</b></div><section>".as_slice(), inside, b"</section>"].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_bytes_panic_any_parser(body in pages()) {
        every_definition_holds(&ALL, &body);
    }

    #[test]
    fn no_number_comes_from_outside_of_a_row(body in pages()) {
        // Without an element of class n there is one row only, whatever else stands there.
        let text = String::from_utf8_lossy(&body).replace("class=\"n\"", "class=\"m\"").replace("class='n'", "").replace("class=n", "");
        let page = inline("number = { select = \"b\" }").read(
            &Url::parse("https://example.org/").unwrap(),
            &wrapped(text.as_bytes()),
            ReadOptions { obfuscated: true },
        );
        let page = page.unwrap();
        prop_assert_eq!(crate::numbers(&page), vec!["+12025550100".to_owned()]);
    }

    #[test]
    fn no_text_panics_the_definition_parser(text in "(name|title|urls|html|rows|number|\\[\\[html\\]\\]|\\[pages\\]|=|\"|\\{|\\}|\n| |a|1|\\(|\\[|\\]){0,40}") {
        if let Err(error) = Definition::parse("x.toml", &text) {
            prop_assert!(error.to_string().starts_with("x.toml: "));
        }
    }
}
