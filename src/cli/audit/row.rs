//! A recorded change with the store's answer, for people and for programs.

use serde_json::json;

use crate::core::listing::Decision;
use crate::operate::audit::{Act, Answer, Asked, Entry, Intent, KeyIntent, Order, Record};
use crate::rpc::messages::pb_decision;

use super::super::output;

/// A withdrawal, in words.
pub(crate) const WITHDRAW: &str = "take the decision away";

/// One change with the store's answer, for people and for programs.
pub(crate) struct Row<'a> {
    pub(crate) record: &'a Record,
    pub(crate) about: String,
    pub(crate) what: String,
    pub(crate) before: String,
    pub(crate) result: String,
    pub(crate) json: serde_json::Value,
}

impl<'a> Row<'a> {
    /// The row of a record, unless it is an answer: that is part of the row of its question.
    pub(crate) fn read(record: &'a Record, result: &str, after: &str) -> Option<Self> {
        let (about, what, before, result, json) = match &record.entry {
            Entry::Answer { .. } => return None,
            Entry::Intent(intent) => {
                let before = intent.before.as_ref().map(in_words).unwrap_or_default();
                let json = as_json(record, intent, result);
                (intent.subject.as_e164(), what(&intent.act), before, result.to_owned(), json)
            }
            Entry::Order(order) => {
                let run = order.run.map(|run| format!(" {run}")).unwrap_or_default();
                let what = format!("{}{run}", order.verb.as_str());
                let json = order_json(record, order, result, after);
                let colon = if after.is_empty() { "" } else { ": " };
                let result = format!("{result}{colon}{}", output::visible(after));
                (order.feed.clone(), what, output::visible(&order.before), result, json)
            }
            Entry::Key(key) => {
                let about = format!("{} {}", output::visible(&key.of), key.key).trim().to_owned();
                let json = key_as_json(record, key, result);
                (about, key_change(key), String::new(), result.to_owned(), json)
            }
        };
        Some(Self { record, about, what, before, result, json })
    }
}

fn key_change(key: &KeyIntent) -> String {
    let scopes = if key.scopes.is_empty() { String::new() } else { format!(" for {}", key.scopes.join(",")) };
    let until = key.expires_at.map(|end| format!(" until {end}")).unwrap_or_default();
    format!("{}{scopes}{until}", key.change.as_str())
}

fn key_as_json(record: &Record, key: &KeyIntent, result: &str) -> serde_json::Value {
    json!({
        "seq": record.seq,
        "at": record.at.to_string(),
        "author": record.asked.author,
        "client": record.asked.client,
        "request_id": record.asked.request_id,
        "action": key.change.as_str(),
        "key": {"id": key.key, "client": key.of, "scopes": key.scopes},
        "expires_at": key.expires_at.map(|end| end.to_string()),
        "result": result,
    })
}

/// The store's answer, in a word.
pub(crate) fn result(answer: Option<Answer>) -> &'static str {
    answer.map_or("missing", Answer::as_str)
}

fn what(act: &Act) -> String {
    match act {
        Act::Put(decision) => in_words(decision),
        Act::Delete(_) => "delete".to_owned(),
        Act::Withdraw => WITHDRAW.to_owned(),
        Act::Restore(listing) => match listing.decision() {
            Some(decision) => format!("put back: {}", in_words(decision)),
            None => "put back what feeds saw".to_owned(),
        },
    }
}

/// A decision as in the other tables.
pub(crate) fn in_words(decision: &Decision) -> String {
    output::decision(Some(&pb_decision(decision)))
}

/// A decision for programs; times as in exports.
pub(crate) fn decision_json(decision: &Decision) -> serde_json::Value {
    json!({
        "action": decision.action.as_str(),
        "reason": decision.reason,
        "author": decision.author,
        "decided_at": decision.decided_at.to_string(),
        "expires_at": decision.expires_at.map(|end| end.to_string()),
    })
}

fn as_json(record: &Record, intent: &Intent, result: &str) -> serde_json::Value {
    let (action, decision) = match &intent.act {
        Act::Put(decision) => ("put", Some(decision_json(decision))),
        Act::Delete(_) => ("delete", None),
        Act::Withdraw => ("withdraw", None),
        Act::Restore(listing) => ("restore", listing.decision().map(decision_json)),
    };
    json!({
        "seq": record.seq,
        "at": record.at.to_string(),
        "author": record.asked.author,
        "client": record.asked.client,
        "request_id": record.asked.request_id,
        "undoes": record.asked.undoes,
        "action": action,
        "subject": intent.subject.as_e164(),
        "decision": decision,
        "before": intent.before.as_ref().map(decision_json),
        "result": result,
    })
}

fn order_json(record: &Record, order: &Order, result: &str, after: &str) -> serde_json::Value {
    json!({
        "seq": record.seq,
        "at": record.at.to_string(),
        "author": record.asked.author,
        "client": record.asked.client,
        "request_id": record.asked.request_id,
        "action": order.verb.as_str().replace(' ', "_"),
        "feed": order.feed,
        "run": order.run,
        "before": order.before,
        "after": after,
        "result": result,
    })
}

/// Their own word, and the client whose key was shown.
pub(crate) fn who(asked: &Asked) -> String {
    let author = output::visible(&asked.author);
    match asked.client.as_str() {
        "" => author,
        client => format!("{author} ({client})").trim_start().to_owned(),
    }
}
