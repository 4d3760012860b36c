//! The rules of a robots.txt that are meant for us (RFC 9309).
//!
//! Reads any bytes, never fails, and takes time in step with their number. Written here because the
//! parser at hand compares paths without undoing needless percent-encoding, which the RFC asks for,
//! and compiles rules to regular expressions. Must not fetch.

use std::fmt::Write;
use std::time::Duration;

/// What we answer to in a `User-agent` line.
const TOKEN: &str = "numguard";

/// A longer Crawl-delay is nearly always milliseconds, and would hold a run for ever.
const LONGEST_DELAY: Duration = Duration::from_secs(3_600);

/// The rules that a robots.txt has for us. The default has none: everything is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RobotsRules {
    rules: Vec<Rule>,
    crawl_delay: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    allow: bool,
    /// The pattern's pieces between stars, normalised: only ASCII.
    pieces: Vec<String>,
    /// Whether the last piece must be the path's end.
    to_end: bool,
    length: usize,
}

/// A group's `User-agent` lines, as far as they concern us.
#[derive(Clone, Copy, Default)]
struct Meant {
    us: bool,
    all: bool,
}

impl RobotsRules {
    /// Reads a robots.txt; what makes no sense is left out, as the RFC says.
    pub fn read(bytes: &[u8]) -> Self {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let (mut ours, mut others) = (Self::default(), Self::default());
        let (mut named, mut meant, mut in_rules) = (false, Meant::default(), true);
        for line in bytes.split(|byte| matches!(byte, b'\n' | b'\r')) {
            let Some((key, value)) = key_and_value(line) else { continue };
            let rule = match key.as_str() {
                "user-agent" | "useragent" | "user agent" => {
                    // Lines in a row share their rules; the first after rules begins anew.
                    let before = if in_rules { Meant::default() } else { meant };
                    let us = is_us(value);
                    meant = Meant { us: before.us || us, all: before.all || value.starts_with(b"*") };
                    named |= us;
                    in_rules = false;
                    continue;
                }
                "allow" => Rule::read(true, value),
                "disallow" => Rule::read(false, value),
                "crawl-delay" | "crawldelay" => None,
                // Sitemaps and what is yet to be invented do not end a group.
                _ => continue,
            };
            in_rules = true;
            let delay = if key.starts_with("crawl") { delay(value) } else { None };
            for (wanted, rules) in [(meant.us, &mut ours), (meant.all, &mut others)] {
                if wanted {
                    rules.rules.extend(rule.clone());
                    rules.crawl_delay = rules.crawl_delay.max(delay);
                }
            }
        }
        if named { ours } else { others }
    }

    /// Whether the path, with its query, may be asked for: the longest rule that matches says, and
    /// of two as long the one that allows.
    pub fn allow(&self, path: &str) -> bool {
        let path = normal(path.as_bytes(), false);
        let matching = self.rules.iter().filter(|rule| rule.matches(&path));
        matching.max_by_key(|rule| (rule.length, rule.allow)).is_none_or(|rule| rule.allow)
    }

    /// The least time between requests that the site asks for.
    pub fn crawl_delay(&self) -> Option<Duration> {
        self.crawl_delay
    }
}

impl Rule {
    /// An empty one is none. One that begins with neither `/` nor `*` matches nothing by the RFC;
    /// its author will have meant the slash where something is forbidden.
    fn read(allow: bool, value: &[u8]) -> Option<Self> {
        let mut pattern = normal(value, true);
        if !pattern.starts_with(['/', '*']) {
            if allow || pattern.is_empty() {
                return None;
            }
            pattern.insert(0, '/');
        }
        let length = pattern.len();
        let to_end = pattern.ends_with('$');
        let pattern = pattern.strip_suffix('$').unwrap_or(&pattern).replace('$', "%24");
        let mut pieces: Vec<String> = pattern.split('*').map(str::to_owned).collect();
        // Runs of stars are one; only the ends may be empty.
        let last = pieces.len() - 1;
        let mut place = 0..=last;
        pieces.retain(|piece| {
            let edge = place.next().is_none_or(|at| at == 0 || at == last);
            edge || !piece.is_empty()
        });
        Some(Self { allow, pieces, to_end, length })
    }

    fn matches(&self, path: &str) -> bool {
        let Some((first, others)) = self.pieces.split_first() else { return false };
        let Some(mut rest) = path.strip_prefix(first.as_str()) else { return false };
        let Some((last, middle)) = others.split_last() else { return !self.to_end || rest.is_empty() };
        for piece in middle {
            match rest.find(piece.as_str()) {
                Some(at) => rest = &rest[at + piece.len()..],
                None => return false,
            }
        }
        if self.to_end { rest.ends_with(last.as_str()) } else { rest.contains(last.as_str()) }
    }
}

/// A line's key in small letters and its value, without comment and blanks.
fn key_and_value(line: &[u8]) -> Option<(String, &[u8])> {
    let line = line.split(|byte| *byte == b'#').next()?;
    let colon = line.iter().position(|byte| *byte == b':')?;
    let key = std::str::from_utf8(line[..colon].trim_ascii()).ok()?;
    Some((key.to_ascii_lowercase(), line[colon + 1..].trim_ascii()))
}

/// Whether a `User-agent` value names us; a version after the token does not matter.
fn is_us(value: &[u8]) -> bool {
    let token = value.iter().take_while(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-'));
    token.map(u8::to_ascii_lowercase).eq(TOKEN.bytes())
}

fn delay(value: &[u8]) -> Option<Duration> {
    let seconds: f64 = std::str::from_utf8(value).ok()?.parse().ok()?;
    if seconds.is_nan() {
        return None;
    }
    Duration::try_from_secs_f64(seconds.min(LONGEST_DELAY.as_secs_f64())).ok()
}

/// The one form in which patterns and paths are compared: needless percent-encoding undone, what
/// must be encoded encoded, hexadecimal in capitals. A path's own `*` and `$` are encoded, so that
/// they never stand for a pattern's.
fn normal(text: &[u8], pattern: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        let encoded = match (first, after) {
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    Some(high << 4 | low)
                }
                _ => None,
            },
            _ => None,
        };
        let byte = encoded.unwrap_or(*first);
        let unreserved = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        let special = matches!(byte, b'*' | b'$') && !pattern;
        if unreserved || (encoded.is_none() && byte.is_ascii_graphic() && !special) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
