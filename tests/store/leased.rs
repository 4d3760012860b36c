//! Leases and notes: who may write for a feed, and what is remembered beside the listings.

use numguard::store::StoreError;

use crate::battery::{AnyStore, seen};

pub(crate) async fn a_lease_has_one_holder_and_fences_writes(store: AnyStore) {
    let first = store.lease("feed:x", "one").await.unwrap().unwrap();
    assert_eq!(store.lease("feed:x", "two").await.unwrap(), None, "held by another");
    assert_eq!(store.lease("feed:x", "one").await.unwrap().unwrap(), first, "renewed");
    let change = || vec![seen("+447400123456", "x", 1, 2)];
    assert_eq!(store.apply_leased(change(), &first).await.unwrap().added, 1);
    store.give_back(&first).await.unwrap();
    let second = store.lease("feed:x", "two").await.unwrap().unwrap();
    assert!(second.token > first.token);
    // The first holder was slow and does not know yet.
    let late = store.apply_leased(vec![seen("+447400123457", "x", 1, 2)], &first).await;
    assert!(matches!(late, Err(StoreError::LeaseLost(_))), "{late:?}");
    let late = store.put_note("feed:x", 0, Some(vec![1]), Some(&first)).await;
    assert!(matches!(late, Err(StoreError::LeaseLost(_))), "{late:?}");
    store.give_back(&first).await.unwrap();
    assert_eq!(store.lease("feed:x", "three").await.unwrap(), None, "a late holder gives back nothing");
    assert!(store.put_note("feed:x", 0, Some(vec![1]), Some(&second)).await.unwrap());
    assert_eq!(store.stats().await.unwrap().numbers, 1);
}

pub(crate) async fn notes_are_kept_by_revision(store: AnyStore) {
    let put = async |name: &str, revision, text: Option<&str>| {
        store.put_note(name, revision, text.map(|text| text.as_bytes().to_vec()), None).await.unwrap()
    };
    assert!(put("feed:a", 0, Some("one")).await);
    assert!(!put("feed:a", 0, Some("other")).await, "somebody was faster");
    let all = store.notes("feed:").await.unwrap();
    assert_eq!((all[0].0.as_str(), all[0].1.bytes.as_slice()), ("feed:a", b"one".as_slice()));
    assert!(put("feed:a", all[0].1.revision, Some("two")).await);
    assert!(!put("feed:a", all[0].1.revision, Some("late")).await);
    assert!(put("feed:b", 0, Some("")).await && put("run:a", 0, Some("x")).await);
    let names: Vec<_> = store.notes("feed:").await.unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["feed:a", "feed:b"]);
    let revision = store.notes("run:").await.unwrap()[0].1.revision;
    assert!(put("run:a", revision, None).await);
    assert!(store.notes("run:").await.unwrap().is_empty());
}
