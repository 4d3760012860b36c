//! The speed figures that numguard publishes: `tests/bench/run`.
//!
//! Ratios and instruction counts within one run; nothing here asserts wall time. Run by `cargo
//! bench` it prints the table; run with a role (`role NAME ...`) it is one of the processes that
//! the table measures.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

mod grpc;
mod index;
mod listings;
mod load;
mod parse;
mod pending;
mod process;
mod redis;
mod redis_live;
mod table;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["role", "parse", what, count] => parse::role(what, count.parse().unwrap()),
        ["role", "check", count] => parse::role_check(count.parse().unwrap()),
        ["role", name @ ("pending" | "rebuilt"), changes, count] => {
            pending::role(*name == "rebuilt", changes.parse().unwrap(), count.parse().unwrap());
        }
        ["role", "server", kind] => grpc::server(kind),
        ["role", "faults"] => redis_live::role_faults(),
        ["role", "load"] => load::role(),
        ["role", "client", port, kind, count] => grpc::client(port, kind, count.parse().unwrap()),
        [] => all(),
        only => some(only),
    }
}

fn all() {
    some(&[
        "parse",
        "index",
        "pending",
        "ranges",
        "snapshot",
        "starter",
        "grpc",
        "redis-load",
        "redis-start",
        "redis-live",
        "redis-faults",
    ]);
}

fn some(groups: &[&str]) {
    let mut table = table::Table::default();
    for group in groups {
        eprintln!("measuring {group} ...");
        match *group {
            "parse" => parse::measure(&mut table),
            "index" => index::memory(&mut table),
            "pending" => pending::measure(&mut table),
            "ranges" => index::ranges(&mut table),
            "snapshot" => index::snapshot(&mut table),
            "starter" => index::starter(&mut table),
            "grpc" => grpc::measure(&mut table),
            "redis-load" => redis::load_and_memory(&mut table),
            "redis-start" => redis::cold_start(&mut table),
            "redis-live" => redis_live::propagation(&mut table),
            "redis-faults" => redis_live::faults(&mut table),
            // Opt-in: it takes minutes, and attacks.
            "load" => load::measure(&mut table),
            other => panic!(
                "no group {other}: parse, index, pending, ranges, snapshot, starter, grpc, redis-load, redis-start, redis-live, redis-faults, load"
            ),
        }
    }
    table.print();
}
