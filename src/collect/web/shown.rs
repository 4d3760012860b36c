//! URLs and texts as errors show them: without digits of a number and without a log-in.
//!
//! Inbox pages are never asked for, but a definition may hold one by mistake. Must not be used to
//! make a URL that is fetched.

use reqwest::Url;

/// Runs of this many digits may be a number's.
const RUN: usize = 6;

/// What an error shows of a URL.
pub(crate) fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    // The dots of an address are no separators of a number here.
    let host = host.split('.').map(masked).collect::<Vec<_>>().join(".");
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), masked(&format!("{}{query}", url.path())))
}

/// What an error shows of a text that was meant to be a URL.
pub(crate) fn shown_text(text: &str) -> String {
    let end = text.rsplit('@').next().unwrap_or_default();
    masked(&end.chars().take(120).map(|c| if c.is_control() { ' ' } else { c }).collect::<String>())
}

/// The text with the digits of each long run as stars; a run goes on over what people put between
/// digits, and a digit may be percent-encoded.
pub(crate) fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut run: Vec<(&str, bool)> = Vec::new();
    let mut rest = text;
    while let Some(piece) = first_piece(rest) {
        rest = &rest[piece.len()..];
        match kind(piece) {
            Kind::Digit => run.push((piece, true)),
            Kind::Between => run.push((piece, false)),
            Kind::Other => {
                end_run(&mut run, &mut out);
                out.push_str(piece);
            }
        }
    }
    end_run(&mut run, &mut out);
    out
}

enum Kind {
    Digit,
    Between,
    Other,
}

/// One character, or one percent-encoded byte.
fn first_piece(text: &str) -> Option<&str> {
    let first = text.chars().next()?;
    let encoded = text
        .get(..3)
        .filter(|piece| first == '%' && piece.bytes().skip(1).all(|byte| byte.is_ascii_hexdigit()));
    Some(encoded.unwrap_or(&text[..first.len_utf8()]))
}

fn kind(piece: &str) -> Kind {
    let encoded = piece.strip_prefix('%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
    match encoded.map(char::from).or_else(|| piece.chars().next()) {
        Some('0'..='9') => Kind::Digit,
        // A digit of another script: its bytes, or the character itself.
        Some(c) if c.is_numeric() || (encoded.is_some() && !c.is_ascii()) => Kind::Digit,
        Some('-' | '.' | '_' | '+' | '(' | ')' | ' ') => Kind::Between,
        _ => Kind::Other,
    }
}

fn end_run(run: &mut Vec<(&str, bool)>, out: &mut String) {
    let hidden = run.iter().filter(|(_, digit)| *digit).count() >= RUN;
    for (piece, digit) in run.drain(..) {
        out.push_str(if hidden && digit { "*" } else { piece });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_numbers_are_hidden_and_log_ins_are_left_out() {
        let show = |text: &str| Url::parse(text).map(|url| shown(&url)).unwrap_or_default();
        for (url, expected) in [
            ("https://a.example/numbers?page=12", "https://a.example/numbers?page=12"),
            ("https://a.example/sms/447400123456/", "https://a.example/sms/************/"),
            ("https://a.example/+44-7400%20123.456", "https://a.example/+**-****%20***.***"),
            ("https://a.example/x?n=%34%34%37400", "https://a.example/x?n=******"),
            ("https://me:secret@a.example:81/x#447400123456", "https://a.example:81/x"),
            ("https://447400123456.example/12345", "https://************.example/12345"),
            ("http://127.0.0.1:40123/", "http://127.0.0.1:40123/"),
        ] {
            assert_eq!(show(url), expected);
        }
        assert!(!show("https://a.example/٤٤٧٤٠٠").contains("D9"), "digits of other scripts");
        assert_eq!(shown_text("//u:p@447400123456\n"), "************ ");
    }
}
