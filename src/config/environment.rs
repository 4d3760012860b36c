//! Environment variables as settings: `NUMGUARD_LOG__FORMAT=json` is `log.format = "json"`.
//!
//! A variable has no type. Where the default is a text, the variable is one too, so that a password of
//! digits alone is a password; elsewhere it is what it looks like: a number, true or false, a list, a
//! table, or else a text. Must not know what settings there are.

use std::ffi::OsString;

use toml::{Table, Value};

use super::layers::{PREFIX, find, merge};

/// Variables of the command line's client; they are not settings of a service.
const OF_CLIENT: [&str; 6] = ["server", "ca", "cert", "cert_key", "api_key", "api_key_file"];

/// What ends a word within a list or a table.
const SEPARATORS: [char; 5] = [',', '{', '}', '[', ']'];

/// The settings among environment variables.
pub(super) fn settings(variables: impl Iterator<Item = (OsString, OsString)>, defaults: &Table) -> Table {
    let mut settings = Table::new();
    for (name, text) in variables {
        let Some(keys) = keys(&name.to_string_lossy()) else { continue };
        let text = text.to_string_lossy();
        let value = if find(defaults, &keys).is_some_and(Value::is_str) {
            Value::String(unquoted(&text))
        } else {
            value(&text)
        };
        let nested = keys.into_iter().rev().fold(value, |value, key| {
            let mut table = Table::new();
            table.insert(key, value);
            Value::Table(table)
        });
        if let Value::Table(nested) = nested {
            merge(&mut settings, nested);
        }
    }
    settings
}

/// Where a variable's setting is, if it is one.
fn keys(variable: &str) -> Option<Vec<String>> {
    let name = variable.trim().to_ascii_lowercase();
    let name = name.strip_prefix(&PREFIX.to_ascii_lowercase()).filter(|name| is_setting(name))?;
    let keys: Vec<String> = name.replace("__", ".").split('.').map(str::to_owned).collect();
    keys.iter().all(|key| !key.is_empty()).then_some(keys)
}

/// Whether a variable, without its prefix, is meant as a setting: not one of the client's, and not one
/// of those that Kubernetes sets in every pod next to a Service named numguard.
fn is_setting(name: &str) -> bool {
    let service_link = ["service_host", "service_port", "port"];
    let is_link = |link: &str| name == link || name.starts_with(&format!("{link}_"));
    !OF_CLIENT.contains(&name) && !service_link.into_iter().any(is_link)
}

/// The text of a setting that is one: spaces around it go, and so do quotes.
fn unquoted(text: &str) -> String {
    let trimmed = text.trim();
    if trimmed.starts_with(['"', '\'']) {
        let mut rest = trimmed;
        return match read_value(&mut rest) {
            Some(Value::String(inside)) if rest.is_empty() => inside,
            _ => text.to_owned(),
        };
    }
    // These were always taken as they are, and passwords may depend on it.
    if text.contains(SEPARATORS) { text.to_owned() } else { trimmed.to_owned() }
}

/// What a text looks like; itself if it looks like nothing.
fn value(text: &str) -> Value {
    let mut rest = text.trim_start();
    read_value(&mut rest).filter(|_| rest.is_empty()).unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Reads one value, and the spaces around it.
fn read_value(rest: &mut &str) -> Option<Value> {
    *rest = rest.trim_start();
    let value = match rest.chars().next() {
        Some('{') => Value::Table(read_table(rest)?),
        Some('[') => Value::Array(read_list(rest)?),
        Some('"') => Value::String(read_quoted(rest)?),
        Some('\'') => {
            let one = rest[1..].chars().next()?;
            *rest = rest[1 + one.len_utf8()..].strip_prefix('\'')?;
            Value::String(one.to_string())
        }
        _ => scalar(read_word(rest).trim()),
    };
    *rest = rest.trim_start();
    Some(value)
}

fn read_list(rest: &mut &str) -> Option<Vec<Value>> {
    let mut values = Vec::new();
    read_items(rest, '[', ']', |rest| {
        values.push(read_value(rest)?);
        Some(())
    })?;
    Some(values)
}

fn read_table(rest: &mut &str) -> Option<Table> {
    let mut table = Table::new();
    read_items(rest, '{', '}', |rest| {
        *rest = rest.trim_start();
        let key = if rest.starts_with('"') {
            read_quoted(rest)?
        } else {
            let is_key = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            let end = rest.find(|c| !is_key(c)).filter(|end| *end > 0)?;
            let (key, after) = rest.split_at(end);
            *rest = after;
            key.to_owned()
        };
        *rest = rest.trim_start().strip_prefix('=')?;
        table.insert(key, read_value(rest)?);
        Some(())
    })?;
    Some(table)
}

/// Reads the items between `open` and `close`, separated by commas.
fn read_items(
    rest: &mut &str,
    open: char,
    close: char,
    mut item: impl FnMut(&mut &str) -> Option<()>,
) -> Option<()> {
    *rest = rest.strip_prefix(open)?.trim_start();
    loop {
        if let Some(after) = rest.strip_prefix(close) {
            *rest = after;
            return Some(());
        }
        item(rest)?;
        match rest.strip_prefix(',') {
            Some(after) => *rest = after.trim_start(),
            None if rest.starts_with(close) => {}
            None => return None,
        }
    }
}

/// Reads a text in double quotes, with TOML's escapes.
fn read_quoted(rest: &mut &str) -> Option<String> {
    let mut escaped = false;
    let inside = rest.strip_prefix('"')?;
    let end = inside.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })?;
    let (quoted, after) = rest.split_at(end + 2);
    *rest = after;
    let read: Table = format!("text = {quoted}").parse().ok()?;
    read.get("text")?.as_str().map(str::to_owned)
}

fn read_word<'a>(rest: &mut &'a str) -> &'a str {
    let (word, after) = rest.split_at(rest.find(SEPARATORS).unwrap_or(rest.len()));
    *rest = after;
    word
}

fn scalar(word: &str) -> Value {
    if let Ok(is) = word.parse() {
        return Value::Boolean(is);
    }
    if let Some(number) = word.contains('.').then(|| word.parse().ok()).flatten() {
        return Value::Float(number);
    }
    word.parse().map_or_else(|_| Value::String(word.to_owned()), Value::Integer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Table {
        let defaults = "text = ''\n[inner]\ntext = ''\nnumber = 1".parse().unwrap_or_else(|e| panic!("{e}"));
        settings(variables.iter().map(|(name, text)| (name.into(), text.into())), &defaults)
    }

    #[test]
    fn values_are_what_they_look_like() {
        for (text, expected) in [
            ("5", "v = 5"),
            (" -5 ", "v = -5"),
            ("+05", "v = 5"),
            ("1.5", "v = 1.5"),
            (".5", "v = 0.5"),
            ("5e-1", "v = '5e-1'"),
            ("1_000", "v = '1_000'"),
            ("true", "v = true"),
            (" false ", "v = false"),
            ("False", "v = 'False'"),
            ("falsehood", "v = 'falsehood'"),
            (" a b ", "v = 'a b'"),
            (" a,b ", "v = ' a,b '"),
            ("\"5\"", "v = '5'"),
            ("\"a\\tb\\\"\"", "v = \"a\\tb\\\"\""),
            ("\"open", "v = '\"open'"),
            ("'5'", "v = '5'"),
            ("[1, true,hi , \"a b\"]", "v = [1, true, 'hi', 'a b']"),
            ("{ a = 1, \"b c\"={d=[]},}", "v = { a = 1, 'b c' = { d = [] } }"),
            ("{a=1", "v = '{a=1'"),
            ("{a=1}x", "v = '{a=1}x'"),
        ] {
            let expected: Table = expected.parse().unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(read(&[("NUMGUARD_V", text)]), expected, "{text}");
        }
    }

    #[test]
    fn what_is_a_text_by_default_stays_one() {
        for (text, expected) in
            [("12345", "12345"), ("1.50", "1.50"), ("true", "true"), (" [1] ", " [1] "), ("\" 1\"", " 1")]
        {
            let expected: Table =
                format!("text = '{expected}'\n[inner]\ntext = '{expected}'").parse().unwrap_or_default();
            assert_eq!(read(&[("NUMGUARD_TEXT", text), ("NUMGUARD_INNER__TEXT", text)]), expected, "{text}");
        }
    }

    #[test]
    fn names_are_settings_in_any_case_and_join_tables() {
        let read = read(&[
            ("numguard_inner__number", "2"),
            ("NUMGUARD_INNER", "{more=3}"),
            ("NUMGUARD_INNER.LAST", "4"),
            ("NUMGUARD_INNER__", "5"),
            ("NUMGUARD___INNER", "5"),
            ("NUMGUARD_", "5"),
            ("OTHER_INNER", "5"),
        ]);
        let expected = "inner = { number = 2, more = 3, last = 4 }".parse().unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(read, expected);
    }

    #[test]
    fn variables_of_the_client_and_of_kubernetes_are_not_settings() {
        for name in
            ["SERVER", "API_KEY", "CA", "SERVICE_HOST", "SERVICE_PORT_GRPC", "PORT", "PORT_50051_TCP_ADDR"]
        {
            assert_eq!(keys(&format!("NUMGUARD_{name}")), None, "{name}");
        }
        for name in ["LISTEN", "LOG__FORMAT", "PORTS"] {
            assert!(keys(&format!("NUMGUARD_{name}")).is_some(), "{name}");
        }
    }
}
