//! Signs of a page that keeps collectors out, asked only where the expected rows are not there.
//!
//! A challenge script also runs on normal pages, so no script is a sign.

use super::super::definition::Definition;

/// Phrases of the challenge pages that many sites share.
const KNOWN: [&str; 6] = [
    "Just a moment...",
    "Attention Required! | Cloudflare",
    "Enable JavaScript and cookies to continue",
    "Checking your browser before accessing",
    "Verify you are human",
    "正在进行安全验证",
];

/// The first phrase that stands in `body`.
pub(super) fn phrase(definition: &Definition, body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body).to_lowercase();
    let own = definition.blocked.phrases.iter().map(String::as_str);
    own.chain(KNOWN).find(|phrase| text.contains(&phrase.to_lowercase())).map(str::to_owned)
}

/// Whether a body that should be data is an HTML page.
pub(super) fn is_html(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    body.trim_ascii_start().first() == Some(&b'<')
}
