//! `cargo run --example mirror`: serves the mirror of all sites until it is stopped, and says how to
//! collect from it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[allow(dead_code, unused_imports)]
#[path = "mod.rs"]
mod mirror;

use std::path::PathBuf;

fn main() {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "target/mirror".to_owned());
    let folder = PathBuf::from(folder);
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let mirror = mirror::Mirror::start(&folder);
    let (config, names) = mirror::folder::write(&folder, &mirror);
    println!("mirror of {} feeds' sites, as a proxy on http://{}", names.len(), mirror.address);
    println!("  log   {}", folder.join("asked.jsonl").display());
    println!(
        "  try   numguard serve --config {} --data-dir {}",
        config.display(),
        folder.join("data").display()
    );
    loop {
        std::thread::park();
    }
}
