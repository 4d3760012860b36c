//! Requests that are small on the wire and large in memory: refused before they are decoded.

use std::fs;
use std::io::{Read, Write};

use numguard::rpc::pb;
use pb::import_listings_request::Part;
use prost::Message;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::asked::Caller;
use crate::connections::{PREFACE, connect, frame, headers};
use crate::served::Served;

const CHECK: &str = "/numguard.v1.CheckService/CheckNumber";
const BATCH: &str = "/numguard.v1.CheckService/BatchCheckNumbers";
const REPORT: &str = "/numguard.v1.CheckService/ReportOutcomes";
const IMPORT: &str = "/numguard.v1.AdminService/ImportListings";
const DELETE: &str = "/numguard.v1.AdminService/DeleteListings";
const CREATE_KEY: &str = "/numguard.v1.KeyService/CreateKey";

/// The most memory that the service has had, in MB.
fn peak_mb(served: &Served) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", served.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() >> 10
}

/// A length-delimited field.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    prost::encode_length_delimiter(bytes.len(), &mut field).unwrap();
    field.extend(bytes);
    field
}

/// The code of a refusal and the fields that it names.
fn refusal(status: &Status) -> (Code, Vec<String>) {
    let details = status.get_error_details();
    let violations = details.bad_request().map(|request| request.field_violations.clone());
    (status.code(), violations.unwrap_or_default().into_iter().map(|violation| violation.field).collect())
}

#[test]
fn millions_of_empty_entries_are_refused_by_name_and_take_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::empty(folder.path());
    let caller = Caller::at(&served.url, "");
    assert!(caller.check().is_ok());
    let before = peak_mb(&served);
    let empty = |field: u8, entries: usize| [field << 3 | 2, 0].repeat(entries);
    let listing = [field(1, b"+447400123456"), empty(2, 1_000_000)].concat();
    let listings = |entries: usize| field(1, &empty(1, entries));
    for (path, message, name) in [
        (BATCH, empty(1, 1_500_000), "requests"),
        (REPORT, empty(1, 1_500_000), "outcomes"),
        (DELETE, empty(1, 1_500_000), "subjects"),
        (IMPORT, listings(1_500_000), "batch.listings"),
        (IMPORT, field(1, &field(1, &listing)), "batch.listings.sightings"),
        // Each of the parts is small enough; together they are one batch.
        (IMPORT, listings(9_000).repeat(150), "batch.listings"),
        (CREATE_KEY, field(2, &[1; 3_000_000]), "scopes"),
        (CREATE_KEY, [2 << 3, 1].repeat(1_500_000), "scopes"),
    ] {
        let status = caller.raw(path, message).expect_err(path);
        assert_eq!(refusal(&status), (Code::InvalidArgument, vec![name.to_owned()]), "{path}: {status}");
    }
    let risen = peak_mb(&served) - before;
    assert!(risen <= 64, "{risen} MB more than {before}");
    assert!(caller.check().is_ok());
}

#[test]
fn a_request_about_one_number_that_says_it_is_large_takes_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::empty(folder.path());
    let caller = Caller::at(&served.url, "");
    assert!(caller.check().is_ok());
    let before = peak_mb(&served);
    // The length of 3 MB, and nothing of it: tonic makes room for all of it at once.
    let mut prefix = vec![0];
    prefix.extend(3_000_000u32.to_be_bytes());
    for path in [CHECK, "/numguard.v1.CheckService/StreamCheckNumbers"] {
        let mut streams: Vec<_> = (0..3).map(|_| connect(&served)).collect();
        for stream in &mut streams {
            let mut bytes = PREFACE.to_vec();
            for id in (0..160).map(|call| 2 * call + 1) {
                bytes.extend(frame(1, 0x4, id, &headers(path)));
                bytes.extend(frame(0, 0, id, &prefix));
            }
            stream.write_all(&bytes).unwrap();
            // Each is answered in more than ten bytes.
            stream.read_exact(&mut [0; 1_600]).unwrap();
        }
        assert!(caller.check().is_ok(), "{path}");
    }
    let risen = peak_mb(&served) - before;
    assert!(risen <= 64, "{risen} MB more than {before}");
    let text = pb::CheckNumberRequest { number: "5".repeat(70_000), ..Default::default() };
    let status = caller.raw(CHECK, text.encode_to_vec()).expect_err("it is too large");
    assert_eq!(status.code(), Code::OutOfRange);
    assert!(status.message().contains("expected at most 65536 about one number"), "{status}");
}

#[test]
fn a_full_batch_and_a_full_import_pass() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::empty(folder.path());
    let caller = Caller::at(&served.url, "");
    assert_eq!(caller.batch(10_000).map_err(|e| e.to_string()), Ok(10_000));
    let sighting = |feed: usize| pb::Sighting {
        feed: format!("list-{feed}"),
        first_seen: Some(prost_types::Timestamp { seconds: 1_780_000_000, nanos: 0 }),
        last_seen: Some(prost_types::Timestamp { seconds: 1_780_000_000, nanos: 0 }),
        count: 1,
        ..Default::default()
    };
    let listing = |number: usize| pb::Listing {
        subject: format!("+4474001{number:05}"),
        sightings: (0..10).map(sighting).collect(),
        ..Default::default()
    };
    let listings: Vec<_> = (0..10_000).map(listing).collect();
    let batch = pb::ImportListingsRequest { part: Some(Part::Batch(pb::ImportBatch { listings })) };
    let finish = pb::ImportFinish { listings: 10_000, ..Default::default() };
    let finish = pb::ImportListingsRequest { part: Some(Part::Finish(finish)) };
    assert!(batch.encoded_len() < 4 << 20, "the largest message that is read");
    let mut client = pb::admin_service_client::AdminServiceClient::new(caller.channel.clone());
    let call = client.import_listings(tokio_stream::iter([batch, finish]));
    let answer = caller.runtime.block_on(call).map_err(|e| e.to_string());
    assert_eq!(answer.map(|answer| answer.into_inner().subjects), Ok(10_000));
    let exported = served.run(&["export"]);
    assert_eq!(exported.code, Some(0), "{}", exported.stderr);
}
