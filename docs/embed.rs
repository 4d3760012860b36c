//! Example: a program that embeds the checker (the library without the server).
//!
//! In Cargo.toml: `numguard = { path = "...", default-features = false }`. Run this example with
//! `cargo run --no-default-features --example embed -- +447400123456`; put `--snapshot FILE` before the numbers to
//! judge by a server's `index.snapshot`.

#![allow(clippy::print_stdout)] // what an example is for

use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::time::SystemTime;

use numguard::{Checker, Context, Region, UnixTime};

fn main() -> Result<(), Box<dyn Error>> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let now = UnixTime(u32::try_from(now.as_secs())?);

    let mut arguments = std::env::args().skip(1).peekable();
    let checker = match arguments.next_if(|argument| argument == "--snapshot") {
        Some(_) => {
            let file = File::open(arguments.next().ok_or("--snapshot: expected a file")?)?;
            let length = file.metadata()?.len();
            Checker::from_snapshot(BufReader::new(file), length)?
        }
        None => Checker::starter(now)?,
    };
    println!("{} listed numbers", checker.numbers());

    // The region of the caller's address, if you know it.
    let context = Context { ip_region: Region::known("US").unwrap_or_default(), ..Context::default() };
    for text in arguments {
        let answer = checker.check(&text, None, &context, now);
        let judgement = &answer.judgement;
        println!("{} {} {}", text, judgement.verdict.as_str(), judgement.risk_score);
        for part in checker.explain(&answer) {
            let without = part.verdict_without.as_str();
            println!("  {}: {}; without it {without}", part.fact.code.as_str(), part.fact.evidence);
        }
    }
    Ok(())
}
