//! kill -9: what was acknowledged is there, what was not is not there at all.

use std::process::Stdio;
use std::time::Duration;

use crate::served::{Served, command, file};

/// Numbers of the large import.
const MANY: usize = 150_000;

#[test]
fn a_kill_during_an_import_leaves_all_of_it_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let list: String = (0..MANY).map(|i| format!("+4474{:08}\n", i * 97)).collect();
    let list = file(&folder, "many.txt", list.as_bytes());

    let mut stored = 0;
    // At several moments of the import: while rows arrive, while they are stored, afterwards.
    for pause in [30, 120, 250, 400, 600, 900, 1_400] {
        let served = Served::empty(&data);
        let acknowledged = served.run(&["listing", "put", &format!("+1202555{:04}", 1_000 + pause)]);
        assert_eq!(acknowledged.code, Some(0), "{acknowledged:?}");
        stored += 1;
        let arguments = ["import", list.to_str().unwrap(), "--feed", &format!("feed-{pause}")];
        let mut import = command(&arguments);
        import.env("NUMGUARD_SERVER", &served.url).stdout(Stdio::piped()).stderr(Stdio::null());
        let import = import.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(pause));
        served.kill();
        let import = import.wait_with_output().unwrap();

        let again = Served::empty(&data);
        let listings = |feed: &str| {
            let stats = again.stats();
            let feeds = stats["feeds"].as_array().unwrap();
            feeds.iter().find(|f| f["feed"] == feed).map_or(0, |f| f["listings"].as_u64().unwrap() as usize)
        };
        let found = listings(&format!("feed-{pause}"));
        assert!(found == 0 || found == MANY, "after {pause} ms {found} of {MANY} rows are there");
        if import.status.code() == Some(0) {
            assert_eq!(found, MANY, "acknowledged after {pause} ms, and lost");
        }
        assert_eq!(again.stats()["store"]["decisions"], stored, "an acknowledged listing was lost");
        again.kill();
    }
}
