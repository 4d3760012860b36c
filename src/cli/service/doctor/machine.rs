//! What can be seen on this machine alone: the configuration, and what lies in the data folder.

use std::fs;
use std::path::Path;

use crate::clock::now;
use crate::config::Config;
use crate::core::index::SnapshotError;
use crate::core::listing::UnixTime;
use crate::operate::audit;
use crate::sync::snapshot;

use super::{CLOCKS_DIFFER, Finding, bad, good, note};
use crate::cli::output::grouped;

pub(crate) fn of_configuration(config: &Config) -> Vec<Finding> {
    let policy = match config.policies() {
        Ok(policies) => good("policy", format!("{} is right", policies.usual().version)),
        Err(error) => bad("policy", error.to_string(), "mend the file: numguard config policy explains all"),
    };
    let feeds = match config.collector() {
        Err(error) => bad("feeds", error.to_string(), "mend [collect] or the definition"),
        Ok(parts) => {
            let known = parts.catalogue.entries().len();
            match (parts.fetcher.is_some(), parts.scheduled) {
                (false, _) => note(
                    "feeds",
                    format!("{known} are known, none is fetched"),
                    "set collect.contact_url and collect.enabled to fetch them",
                ),
                (true, false) => {
                    note("feeds", format!("{known} are known, fetched by hand only"), "set collect.enabled")
                }
                (true, true) => good("feeds", format!("{known} are known, fetched on schedule")),
            }
        }
    };
    vec![policy, feeds]
}

pub(crate) fn of_data_folder(folder: &Path) -> Vec<Finding> {
    let place = folder.display();
    let data = match fs::metadata(folder) {
        Err(_) => {
            // What is there of its path says whether it can be made.
            let above = folder.ancestors().skip(1).find(|above| above.exists());
            let above = above.unwrap_or(Path::new("."));
            if let Some(why) = not_writable(above) {
                let found = format!("{place} cannot be made: {} {why}", above.display());
                return vec![bad("data folder", found, MAY_WRITE)];
            }
            return vec![note("data folder", format!("{place} is not there"), "numguard serve makes it")];
        }
        Ok(data) if !data.is_dir() => {
            return vec![bad("data folder", format!("{place} is no folder"), "name another: data_dir")];
        }
        Ok(_) => match not_writable(folder) {
            Some(why) => bad("data folder", format!("{place} {why}"), MAY_WRITE),
            None => good("data folder", format!("{place}")),
        },
    };
    vec![data, of_snapshot(&folder.join("index.snapshot")), of_audit(&folder.join(audit::FILE))]
}

/// What to do about a folder that cannot be written.
const MAY_WRITE: &str = "give the user of numguard the right to write there, or name another with --data-dir";

/// Why whoever runs this cannot write into a folder.
fn not_writable(folder: &Path) -> Option<String> {
    if !folder.is_dir() {
        return Some("is no folder".to_owned());
    }
    #[cfg(unix)]
    return rustix::fs::access(folder, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK)
        .err()
        .map(|error| format!("cannot be written: {error}"));
    #[cfg(not(unix))]
    return fs::metadata(folder)
        .is_ok_and(|data| data.permissions().readonly())
        .then(|| "cannot be written".to_owned());
}

fn of_snapshot(path: &Path) -> Finding {
    let what = "saved index";
    match snapshot::read(path) {
        Ok(index) => {
            let held = index.stats();
            good(what, format!("{} numbers, {} ranges", grouped(held.numbers), grouped(held.ranges)))
        }
        Err(SnapshotError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => note(
            what,
            "there is none: a start without the store would not serve",
            "it is saved while the service runs and when it ends",
        ),
        Err(error) => note(what, error.to_string(), "nothing: the one before it, or the store, is taken"),
    }
}

/// The record: who may read it, whether its chain is whole, and whether the clock was set back.
fn of_audit(path: &Path) -> Finding {
    let what = "audit record";
    let Ok(data) = fs::metadata(path) else { return note(what, "there is none", "numguard serve makes it") };
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&data.permissions()) & 0o777;
        if mode & 0o077 != 0 {
            let found = format!("others may read it (mode {mode:o}), and it holds numbers in full");
            return bad(what, found, format!("chmod 600 {}", path.display()));
        }
    }
    #[cfg(not(unix))]
    drop(data);
    let records = match audit::read(path) {
        Ok(records) => records,
        Err(error) => return bad(what, error.to_string(), "give the user of numguard the right to read it"),
    };
    let (mut lines, mut broken, mut last) = (0u64, 0u64, UnixTime(0));
    for record in records {
        match record {
            Ok(record) => (lines, last) = (lines + 1, last.max(record.at)),
            Err(_) => broken += 1,
        }
    }
    if broken > 0 {
        return bad(
            what,
            format!("its chain is broken in {broken} places"),
            "numguard audit verify tells where",
        );
    }
    if last.0 > now().0.saturating_add(CLOCKS_DIFFER) {
        return bad(
            "clock",
            format!("the audit record has a line of {last}, which is to come"),
            "set the clock",
        );
    }
    good(what, format!("{} lines, the chain is whole", grouped(lines)))
}
