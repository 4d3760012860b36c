//! Sites that answer JSON, and the open lists.

use serde_json::{Value, json};

use super::pages::frame;
use super::{Answer, de, se, us};

/// 60 objects: 40 online, 15 offline, 5 that are no numbers; both units of time, one number twice,
/// one field that nobody knows.
pub(super) fn quackr(target: &str) -> Option<Answer> {
    match target {
        "/numbers.json" => {}
        "/numbers.json?variant=shell" => {
            return Some(Answer::html(frame(
                "Quackr",
                "<app-temporary-numbers-country></app-temporary-numbers-country>",
            )));
        }
        "/numbers.json?variant=empty" => return Some(Answer::json("[]".to_owned())),
        _ => return None,
    }
    let object = |at: usize| -> Value {
        let added = if at.is_multiple_of(2) { "1767312000000" } else { "1767312000" };
        let (locale, number, status) = match at {
            0 => ("us", us(1), "Online"),
            // Twice.
            1 => ("us", us(1), "Online"),
            2..40 => (if at.is_multiple_of(5) { "sw" } else { "us" }, us(100 + at), "Online"),
            40..55 => ("uk", se(at - 40), "Offline"),
            // A country code cut off, in front of the rest; two too short, two of nobody.
            55 => ("fi", "21045730000".to_owned(), "Online"),
            56 => ("de", "4917".to_owned(), "Online"),
            57 => ("us", "1202555".to_owned(), "Online"),
            58 => ("uk", "447700900123".to_owned(), "Online"),
            _ => ("us", "10005550123".to_owned(), "Online"),
        };
        let mut object = json!({"added": added, "locale": locale, "status": status, "number": number});
        match at {
            3 => object["provider"] = json!("atlas"),
            4 => object["colour"] = json!({"of": ["nobody", 12025550192u64]}),
            _ => {}
        }
        object
    };
    Some(Answer::json(Value::Array((0..60).map(object).collect()).to_string()))
}

/// Whole numbers with and without plus, zero-width joiners between digits.
pub(super) fn onlinesim(target: &str) -> Option<Answer> {
    match target {
        "/api/getFreePhoneList?lang=en" => {}
        "/api/getFreeList?lang=en&country=49" => {
            let entry = |at: usize| {
                let digits = de(60 + at);
                let value =
                    json!({"country": 49, "full_number": format!("+{digits}"), "is_archive": at == 2});
                (digits.split_at(2).1.to_owned(), value)
            };
            let numbers: serde_json::Map<String, Value> = (0..6).map(entry).collect();
            return Some(Answer::json(
                json!({"response": 1, "numbers": numbers, "messages": {}}).to_string(),
            ));
        }
        "/api/getFreeList?lang=en&country=1" => {
            return Some(Answer::json("{\"response\":1,\"numbers\":[]}".to_owned()));
        }
        _ => return None,
    }
    let number = |at: usize| {
        let digits = de(20 + at);
        let national = digits.split_at(2).1.to_owned();
        let joined: String = national.chars().flat_map(|c| [c, '\u{200d}']).collect();
        let plus = if at.is_multiple_of(2) { "+" } else { "" };
        json!({
            "number": if at == 3 { joined } else { national }, "country": 49,
            "updated_at": "2026-01-02 03:04:05", "data_humans": "1 day ago",
            "full_number": format!("{plus}{digits}"), "country_text": "Germany",
            "maxdate": "2026-01-01 00:00:00", "status": if at == 1 { "disabled" } else { "active" },
        })
    };
    let numbers: Vec<Value> = (0..8).map(number).collect();
    Some(Answer::json(json!({"response": 1, "numbers": numbers}).to_string()))
}

/// The two open lists. Both repositories have one branch, `master`, which is also their `HEAD`; the
/// host answers 404 for every other name.
pub(super) fn open_lists(target: &str) -> Option<Answer> {
    let (owner, rest) = target.strip_prefix('/')?.split_once("/disposable-phone-numbers/")?;
    let (_, path) = rest.split_once('/').filter(|(branch, _)| ["HEAD", "master"].contains(branch))?;
    match (owner, path) {
        ("iP1SMS", "number-list.json") => {
            let entry = |at: usize| (us(at), json!(format!("2026-01-{:02}", at % 28 + 1)));
            let mut entries: serde_json::Map<String, Value> = (0..300).map(entry).collect();
            entries.insert("447700900123".to_owned(), json!("2026-01-01"));
            Some(Answer::json(Value::Object(entries).to_string()))
        }
        ("castle", "disposable-phone-numbers.txt") => {
            let lines: String = (0..90).rev().map(|at| format!("+{}\n", se(at))).collect();
            Some(Answer::new(200, "text/plain; charset=utf-8", lines))
        }
        _ => None,
    }
}
