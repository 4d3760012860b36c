//! A regulator's file in a store: every replica goes by it, and a store that loses it takes nothing away.

use std::sync::Arc;
use std::time::Duration;

use numguard::core::allocation::{Allocated, Allocation};
use numguard::core::index::Published;
use numguard::core::listing::{FeedName, UnixTime};
use numguard::core::number::Range;
use numguard::store::{delete_allocation, put_allocation};
use numguard::sync::{Progress, Sync};

use crate::battery::{AnyStore, PATIENCE, numbers, sync_options};

/// The file of one feed: one range, held by `holder`; all else that begins with +447 is nobody's.
fn allocation(holder: &str) -> Allocation {
    let Ok(Range::Prefix(covers)) = "+447*".parse() else { panic!("a prefix") };
    let rows = [("+4474001*".parse().unwrap(), Some(holder))];
    Allocation::build("ofcom-s7".parse().unwrap(), UnixTime(5), &[covers], rows.into_iter())
}

fn holder(published: &Published) -> Option<String> {
    let index = published.load();
    let allocated = index.find("+447400123456".parse().unwrap(), UnixTime(0)).allocated;
    allocated.and_then(Allocated::holder).map(|holder| holder.name.to_owned())
}

/// Waits longer than an operator does: this machine may be busy.
async fn until_allocated(progress: &mut Progress, feed: &FeedName, load: Option<u64>) {
    tokio::time::timeout(PATIENCE, async { while !progress.allocated(feed, load).await {} })
        .await
        .expect("checks see it");
}

pub(crate) async fn a_regulators_file_reaches_every_index_and_stays(store: AnyStore) {
    let folder = tempfile::tempdir().unwrap();
    let feed = "ofcom-s7".parse().unwrap();
    let start = async |name: &str| {
        let options = sync_options(folder.path().join(name));
        let published = Arc::new(Published::default());
        let (sync, _) = Sync::start(Arc::clone(&store), Arc::clone(&published), options).await.unwrap();
        (sync, published)
    };
    let ((first, mine), (second, other)) = (start("a").await, start("b").await);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let (mut asking, mut following) = (first.progress(), second.progress());
    let running = [tokio::spawn(first.run(stopped.clone())), tokio::spawn(second.run(stopped))];
    assert_eq!(holder(&mine).as_deref(), Some("Three"), "the name that is shipped");

    let lease = store.lease("feed:ofcom-s7", "one").await.unwrap().unwrap();
    let load = allocation("Somebody Ltd");
    put_allocation(store.as_ref(), &load, &lease).await.unwrap();
    until_allocated(&mut asking, &feed, Some(load.id())).await;
    assert_eq!(holder(&mine).as_deref(), Some("Somebody Ltd"));
    // The other was not asked to look.
    tokio::time::timeout(PATIENCE, async {
        while holder(&other).as_deref() != Some("Somebody Ltd") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("every replica looks now and then");

    // Another load, and so many changes that the large tables are made anew.
    let next = allocation("Somebody Else Ltd");
    put_allocation(store.as_ref(), &next, &lease).await.unwrap();
    let applied = store.apply(numbers(9_000)).await.unwrap();
    for progress in [&mut asking, &mut following] {
        until_allocated(progress, &feed, Some(next.id())).await;
    }
    tokio::time::timeout(PATIENCE, asking.reached(&applied.position)).await.expect("sync keeps up");
    assert_eq!(holder(&mine).as_deref(), Some("Somebody Else Ltd"));
    let loads = store.notes("allocation:").await.unwrap();
    assert_eq!(loads.len(), 1, "the load before is not kept");

    // A store that has lost its notes takes nothing away; a word does.
    for (name, note) in store.notes("alloc").await.unwrap() {
        assert!(store.put_note(&name, note.revision, None, None).await.unwrap());
    }
    stop.send_replace(true);
    for running in running {
        tokio::time::timeout(PATIENCE, running).await.expect("sync ends").unwrap();
    }
    let (again, mine) = start("a").await;
    assert_eq!(holder(&mine).as_deref(), Some("Somebody Else Ltd"), "from the saved index");
    put_allocation(store.as_ref(), &next, &lease).await.unwrap();
    assert!(delete_allocation(store.as_ref(), &feed, &lease).await.unwrap());
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut asking = again.progress();
    let running = tokio::spawn(again.run(stopped));
    until_allocated(&mut asking, &feed, None).await;
    assert_eq!(holder(&mine).as_deref(), Some("Three"));
    stop.send_replace(true);
    running.await.unwrap();
}
