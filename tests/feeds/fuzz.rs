//! A long run of mutated pages through every parser: `TESTED_FUZZ_SECONDS=600 cargo test --test feeds fuzz -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use crate::mirror;
use crate::properties::{ALL, PIECES, every_definition_holds};

/// A small generator of its own, so that a run can be repeated by its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit.max(1) as u64).unwrap()
    }
}

/// Cuts, repeats, swaps, overwrites and inserts.
fn mutate(body: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..=dice.below(8) {
        let at = dice.below(body.len() + 1);
        let end = (at + dice.below(64)).min(body.len());
        match dice.below(6) {
            0 => body.truncate(at),
            1 => drop(body.drain(at..end)),
            2 => {
                let part = body[at..end].to_vec();
                let times = dice.below(20);
                body.splice(at..at, part.repeat(times));
            }
            3 => body[at..end].reverse(),
            4 => body[at..end].fill_with(|| u8::try_from(dice.below(256)).unwrap()),
            _ => {
                let piece = PIECES[dice.below(PIECES.len())].bytes();
                body.splice(at..at, piece);
            }
        }
        body.truncate(64 * 1024);
    }
}

#[test]
#[ignore = "long: set TESTED_FUZZ_SECONDS"]
fn mutated_pages_of_the_mirror() {
    let seconds = std::env::var("TESTED_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    let seed =
        std::env::var("TESTED_FUZZ_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_260_601);
    let (definitions, mut dice) = (&*ALL, Dice(seed));
    let seeds: Vec<Vec<u8>> =
        mirror::PAGES.iter().map(|(host, target)| mirror::answer(host, target).body).collect();
    let (began, mut runs) = (Instant::now(), 0u64);
    while began.elapsed() < Duration::from_secs(seconds) {
        let mut body = seeds[dice.below(seeds.len())].clone();
        mutate(&mut body, &mut dice);
        // Three at a time: the more pages, the more is found.
        let three = dice.below(definitions.len() - 2);
        let three = &definitions[three..three + 3];
        let read = std::panic::catch_unwind(|| every_definition_holds(three, &body));
        if read.is_err() {
            let path = std::env::temp_dir().join(format!("numguard-fuzz-{seed}-{runs}"));
            std::fs::write(&path, &body).unwrap();
            panic!("run {runs} of seed {seed} failed; the page is {}", path.display());
        }
        runs += 1;
    }
    eprintln!("{runs} pages, 6 reads each, seed {seed}: nothing failed");
}
