//! The embedded store against the battery, and what only a file can get wrong.

use std::sync::Arc;

use numguard::core::index::Published;
use numguard::store::{Embedded, EmbeddedOptions, ListingStore, Store, StoreError};
use numguard::sync::{Loaded, Sync};

use crate::battery::{self, every_case};

fn options(folder: &tempfile::TempDir) -> EmbeddedOptions {
    EmbeddedOptions { data_dir: folder.path().join("made/on/first/start"), cache_bytes: 4 << 20 }
}

/// Runs each case of the battery on a store of its own.
macro_rules! on_embedded {
    ([$($case:ident),* $(,)?]) => {$(
        #[tokio::test]
        async fn $case() {
            let folder = tempfile::tempdir().unwrap();
            let store: Arc<dyn Store> = Arc::new(Embedded::open(&options(&folder)).unwrap());
            battery::$case(store).await;
        }
    )*};
}

every_case!(on_embedded!());

#[tokio::test]
async fn a_second_opener_is_told_that_it_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let _first = Embedded::open(&options(&folder)).unwrap();
    let second = Embedded::open(&options(&folder));
    assert!(matches!(second, Err(StoreError::InUse { .. })), "{second:?}");
}

#[tokio::test]
async fn what_was_stored_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(&options(&folder)).unwrap();
    let applied = store.apply(vec![battery::seen("+447400123456", "a", 10, 20)]).await.unwrap();
    drop(store);
    let again = Embedded::open(&options(&folder)).unwrap();
    let stats = again.stats().await.unwrap();
    assert_eq!((stats.numbers, stats.position), (1, applied.position), "same epoch, same cursor");
}

#[tokio::test]
async fn a_snapshot_of_a_timeline_that_was_rolled_back_is_thrown_away() {
    let folder = tempfile::tempdir().unwrap();
    let (options, snapshot) = (options(&folder), folder.path().join("index.snapshot"));
    let again = battery::sync_options(snapshot.clone());
    let (file, backup) = (options.data_dir.join("numguard.redb"), folder.path().join("backup"));
    let sync_options = battery::sync_options(snapshot.clone());
    let store = Embedded::open(&options).unwrap();
    store.apply(vec![battery::seen("+447400000001", "a", 1, 2)]).await.unwrap();
    drop(store);
    std::fs::copy(&file, &backup).unwrap();

    let store = Embedded::open(&options).unwrap();
    store.apply(vec![battery::seen("+447400000002", "a", 1, 2)]).await.unwrap();
    let published = Arc::new(Published::default());
    let (sync, _) = Sync::start(Arc::new(store), Arc::clone(&published), sync_options.clone()).await.unwrap();
    let (stop, stopped) = tokio::sync::watch::channel(true);
    sync.run(stopped).await;
    drop(stop);
    assert!(snapshot.exists(), "saved when sync ended");

    std::fs::copy(&backup, &file).unwrap();
    let store = Embedded::open(&options).unwrap();
    let (_, loaded) = Sync::start(Arc::new(store), Arc::clone(&published), sync_options).await.unwrap();
    assert_eq!((loaded, published.load().stats().numbers), (Loaded::Store, 1));
    // The file is still there; a log that has grown past its cursor must not make it fit.
    let store = Embedded::open(&options).unwrap();
    store.apply(vec![battery::seen("+447400000003", "a", 1, 2)]).await.unwrap();
    let (_, loaded) = Sync::start(Arc::new(store), Arc::clone(&published), again).await.unwrap();
    assert_eq!((loaded, published.load().stats().numbers), (Loaded::Store, 2));
}

#[test]
fn a_file_that_is_no_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(&folder);
    std::fs::create_dir_all(&options.data_dir).unwrap();
    std::fs::write(options.data_dir.join("numguard.redb"), b"not a database at all, but some text").unwrap();
    let error = Embedded::open(&options).unwrap_err();
    assert!(matches!(error, StoreError::Open { .. }), "{error}");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let error =
        Embedded::open(&EmbeddedOptions { data_dir: file.join("below"), cache_bytes: 1 << 20 }).unwrap_err();
    assert!(error.to_string().contains("below"), "{error}");
}
