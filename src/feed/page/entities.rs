//! Character references in HTML text and attributes -> characters.
//!
//! Knows what stands around numbers; any other name stays as it is written, which then is no number.

const NAMED: [(&str, &str); 28] = [
    ("amp", "&"),
    ("lt", "<"),
    ("gt", ">"),
    ("quot", "\""),
    ("apos", "'"),
    ("nbsp", "\u{a0}"),
    ("plus", "+"),
    ("lpar", "("),
    ("rpar", ")"),
    ("hyphen", "-"),
    ("dash", "-"),
    ("ndash", "\u{2013}"),
    ("mdash", "\u{2014}"),
    ("minus", "\u{2212}"),
    ("period", "."),
    ("sol", "/"),
    ("middot", "\u{b7}"),
    ("bull", "\u{2022}"),
    ("hellip", "\u{2026}"),
    ("ast", "*"),
    ("num", "#"),
    ("shy", "\u{ad}"),
    ("ensp", "\u{2002}"),
    ("emsp", "\u{2003}"),
    ("thinsp", "\u{2009}"),
    ("zwj", "\u{200d}"),
    ("zwnj", "\u{200c}"),
    ("lrm", "\u{200e}"),
];

/// The longest reference that is looked at, in bytes after the `&`.
const LONGEST: usize = 12;

/// Decodes all references of `text`.
pub(super) fn decode(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let end = rest.bytes().take(LONGEST).position(|byte| byte == b';');
        match end.and_then(|end| Some((end, reference(&rest[..end])?))) {
            Some((end, character)) => {
                decoded.push_str(&character);
                rest = &rest[end + 1..];
            }
            None => decoded.push('&'),
        }
    }
    decoded.push_str(rest);
    decoded
}

fn reference(name: &str) -> Option<String> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).map(String::from);
    }
    NAMED.iter().find(|(known, _)| *known == name).map(|(_, character)| (*character).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_become_characters_and_the_rest_stays() {
        for (text, expected) in [
            ("&#43;1&nbsp;202", "+1\u{a0}202"),
            ("&#x2B;1&#8205;2", "+1\u{200d}2"),
            (
                "a &amp; b &unknown; &; & &#xffffffff; &#1114112;",
                "a & b &unknown; &; & &#xffffffff; &#1114112;",
            ),
            ("&plus", "&plus"),
            ("&é;&\u{10ffff}\u{10ffff}\u{10ffff}x;", "&é;&\u{10ffff}\u{10ffff}\u{10ffff}x;"),
        ] {
            assert_eq!(decode(text), expected, "{text}");
        }
    }
}
