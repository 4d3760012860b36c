//! Keys that are changed on the store itself: recorded, repeated and refused as a service does it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::keys::{name, refused};
use crate::served::{Ran, Served, run};

/// What the record says of the changes of one client, without what no two changes share.
fn shapes(data: &Path) -> Vec<Value> {
    let text = fs::read_to_string(data.join("audit.jsonl")).unwrap();
    let shape = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        let fields = line.as_object_mut().unwrap();
        for field in ["seq", "at", "of", "previous", "hash"] {
            fields.remove(field);
        }
        if let Some(id) = line.pointer_mut("/key/id").filter(|id| id.as_str() != Some("")) {
            assert_eq!(id.as_str().map(str::len), Some(15), "{id}");
            *id = Value::from("ng_");
        }
        line
    };
    text.lines().map(shape).collect()
}

/// Makes a key, makes it again by the same request, rotates it, revokes it, and one that there is not.
fn change(ask: impl Fn(&[&str]) -> Ran) {
    let by = |id| ["--author", "ann", "--request-id", id];
    let create = [&["key", "create", "--client", "shop", "--scopes", "check,read"], &by("r-1")[..]].concat();
    let made = ask(&create);
    assert_eq!(made.code, Some(0), "{made:?}");
    refused(&ask(&create), &["an earlier request of this id made", name(made.stdout.trim()), "revoke it"]);
    let other = [&["key", "create", "--client", "else", "--scopes", "read"], &by("r-1")[..]].concat();
    refused(&ask(&other), &["InvalidArgument", "request_id: was given to another request"]);
    let rotate = [&["key", "rotate", name(made.stdout.trim())], &by("r-2")[..]].concat();
    let rotated = ask(&rotate);
    assert_eq!(rotated.code, Some(0), "{rotated:?}");
    let revoke = [&["key", "revoke", name(rotated.stdout.trim()), "--yes"], &by("r-3")[..]].concat();
    assert_eq!(ask(&revoke).stdout, format!("{} of shop is revoked\n", name(rotated.stdout.trim())));
    let unknown = [&["key", "revoke", "ng_000000000000", "--yes"], &by("r-4")[..]].concat();
    refused(&ask(&unknown), &["NotFound", "no client has the key", "key list"]);
}

#[test]
fn a_key_changed_offline_leaves_the_record_that_a_served_one_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let (offline, served) = (folder.path().join("offline"), folder.path().join("served"));
    let data = offline.to_str().unwrap();
    change(|arguments| run(&[arguments, &["--offline", "--data-dir", data]].concat()));
    let service = Served::start(&served, &["--no-starter-data"]);
    change(|arguments| service.run(arguments));
    let left = shapes(&offline);
    assert_eq!(left, shapes(&served));
    let action = |line: &Value| line["action"].as_str().unwrap().to_owned();
    assert_eq!(
        left.iter().map(action).collect::<Vec<_>>(),
        ["key-create", "result", "key-rotate", "result", "key-revoke", "result", "key-revoke", "result"]
    );
    let results: Vec<&str> = left.iter().filter_map(|line| line["result"].as_str()).collect();
    assert_eq!(results, ["stored", "stored", "stored", "failed"]);
}
