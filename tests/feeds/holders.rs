//! Regulators' files: ranges, holders and status, from small files of their shape and, where they
//! are at hand, from the real ones.

use numguard::feed::definition::HolderStatus;
use numguard::feed::{HoldersError, PageError, ReadOptions, Shape, read_holders};

use crate::shipped;

fn rows(feed: &str, body: &[u8]) -> Result<(Vec<String>, Vec<usize>), HoldersError> {
    let definition = shipped(feed);
    let Shape::Holders(shape) = definition.shape() else { panic!("{feed} is no file of holders") };
    let read = read_holders(shape, body)?;
    let row =
        |row: &numguard::feed::HolderRow| format!("{} {:?} {}", row.range.as_e164(), row.status, row.holder);
    Ok((read.rows.iter().map(row).collect(), read.left_out))
}

#[test]
fn ofcom_blocks_become_prefixes() {
    let text = b"NMS Number Block: Number Block,Block Status,CP Name,Non Geo Number Length,Allocation Date\r\n\
        7000 0,Allocated,Vodafone Limited,10 digit numbers,06/11/1995\r\n7390 1,Reserved,,10 digit numbers,\r\n\
        7001 00,Protected,,10 digit numbers,\r\n7700 900,Free,,10 digit numbers,\r\nx,Allocated,Y,,\r\n7000 3,New word,Z,,\r\n";
    let (rows, left_out) = rows("ofcom-s7", text).unwrap();
    let expected = [
        "+4470000* Assigned Vodafone Limited",
        "+4473901* Reserved ",
        "+44700100* Reserved ",
        "+447700900* Free ",
        "+4470003* Other Z",
    ];
    assert_eq!((rows, left_out), (expected.map(str::to_owned).to_vec(), vec![6]));
}

#[test]
fn french_spans_take_the_country_code_of_their_part() {
    let text = "EZABPQM;Tranche_Debut;Tranche_Fin;Mn\u{e9}mo;Territoire;Date_Attribution\n\
        01056;0105600000;0105699999;FRTE;M\u{e9}tropole;01/01/2017\n\
        0590;0590200000;0590209999;ORC\u{c9};\"Guadeloupe, St Martin et St Barth\u{e9}lemy\";01/01/2017\n\
        0262;0262000000;0262009999;SRR;La R\u{e9}union;x\n3900;3900;3900;FRTE;National;x\n\
        0700;07000000000000;07000099999999;X;National;x\n";
    let expected = [
        "+33105600000..+33105699999 Assigned FRTE",
        "+590590200000..+590590209999 Assigned ORC\u{c9}",
        "+262262000000..+262262009999 Assigned SRR",
    ];
    let expected = (expected.map(str::to_owned).to_vec(), vec![5, 6]);
    assert_eq!(rows("arcep-majnum", text.as_bytes()), Ok(expected.clone()));
    let latin: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    assert_eq!(rows("arcep-majnum", &latin), Ok(expected), "Latin-1 reads the same");
}

#[test]
fn north_american_blocks_and_exchanges() {
    let text = b"NPA,NXX,X,OCN,Company,RateCenter,State\n202,555,0,123A,\"ONVOY, LLC - DC\",WSHNGTNZN1,DC\n202,556,A,9206,X,WSHNGTNZN1,DC\n";
    let expected = vec!["+12025550* Assigned ONVOY, LLC - DC".to_owned(), "+1202556* Assigned X".to_owned()];
    assert_eq!(rows("nanpa", text), Ok((expected, vec![])));
    let text = b"NPA,CO Code (NXX),Status,Pooled,Exchange Area,Province,Company,OCN,Remarks\n\
        204,200,In Service,N,Winnipeg,MB,Iristel Inc.,8049,\n204,201,Available,,,,,,\n204,211,Special Use,,,,,,\n";
    let expected = ["+1204200* Assigned Iristel Inc.", "+1204201* Free ", "+1204211* Other "]
        .map(str::to_owned)
        .to_vec();
    assert_eq!(rows("cnac", text), Ok((expected, vec![])));
}

#[test]
fn files_that_are_not_what_they_should_be_are_refused() {
    assert_eq!(
        rows("ofcom-s7", b"a,b\n1,2\n"),
        Err(HoldersError::NoColumn("NMS Number Block: Number Block".to_owned()))
    );
    assert_eq!(rows("ofcom-s7", b" <html></html>"), Err(HoldersError::Html));
    assert!(matches!(rows("nanpa", b""), Err(HoldersError::NoColumn(_))));
    let definition = shipped("nanpa");
    let page = definition.read(&definition.urls[0], b"", ReadOptions::default());
    assert_eq!(page, Err(PageError::Holders), "holders are no sightings");
}

/// The whole files of the regulators, if `TESTED_DATA` names a folder that has them.
#[test]
fn whole_files_of_the_regulators() {
    let Some(folder) = std::env::var_os("TESTED_DATA") else {
        eprintln!("skipped: set TESTED_DATA to a folder with ofcom_s7.csv and arcep_majnum.csv");
        return;
    };
    for (feed, file, count, assigned) in
        [("ofcom-s7", "ofcom_s7.csv", 9_902, 6_436), ("arcep-majnum", "arcep_majnum.csv", 18_793, 18_793)]
    {
        let body = std::fs::read(std::path::Path::new(&folder).join(file)).unwrap();
        let definition = shipped(feed);
        let Shape::Holders(shape) = definition.shape() else { panic!() };
        let read = read_holders(shape, &body).unwrap();
        let held = read.rows.iter().filter(|row| row.status == HolderStatus::Assigned).count();
        assert_eq!((read.rows.len(), held), (count, assigned), "{feed}");
        assert!(definition.band.holds(read.rows.len() as u64), "{feed}");
    }
}
