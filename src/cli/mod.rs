//! The command line: a folder or a file per noun.
//!
//! Data goes to stdout, everything else to stderr. Must not hold rules: most verbs call the service and `serve` calls
//! `app`. `key --offline` works on the store itself; verbs on files, such as `audit` and `backtest`, call no service.

mod admin;
mod allocation;
mod audit;
mod check;
mod completions;
mod confirm;
mod connection;
mod exit;
mod feed;
mod globals;
mod key;
mod lab;
mod listing;
mod man;
mod outcome;
mod output;
mod policy;
mod query;
mod review;
mod service;
mod uses;

use std::io::{Write, stderr};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::core::number::Region;

use exit::Exit;
use output::tell;

/// Virtual-number abuse detector: is this phone number a real subscriber's, or one that anybody can
/// rent or read on a public web page?
#[derive(Debug, Parser)]
#[command(name = "numguard", version, max_term_width = 100, after_help = exit::HELP)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

/// The value of `--default-region` where numbers are parsed on this side.
fn region(text: &str) -> Result<Region, String> {
    Region::known(text).ok_or_else(|| "expected an ISO 3166 region such as GB".to_owned())
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the service
    Serve(service::serve::Args),
    /// Check numbers; exits with 3 if one is to be challenged or blocked
    Check(check::Args),
    /// Show what each signal adds to the verdict on a number
    Explain(check::explain::Args),
    /// Put, get, list, delete and explain listings; undo changes
    #[command(subcommand)]
    Listing(listing::Verb),
    /// Allow numbers and ranges, whatever feeds and rules say
    #[command(subcommand)]
    Allow(listing::allow::Verb),
    /// Put, list and delete listings of ranges
    #[command(subcommand)]
    Range(listing::range::Verb),
    /// Load regulators' files of ranges and their holders
    #[command(subcommand)]
    Allocation(allocation::Verb),
    /// Run feeds, watch and undo them; show, test and draft definitions
    #[command(subcommand)]
    Feed(feed::Verb),
    /// List and undo what clients reported of checked numbers
    #[command(subcommand)]
    Outcome(outcome::Verb),
    /// Look at verdicts that clients say were wrong: accept or dismiss
    #[command(subcommand)]
    Review(review::Verb),
    /// Import lists of numbers: CSV, JSON, export or text, plain or gzip
    Import(listing::import::Args),
    /// List, show and validate policies
    #[command(subcommand)]
    Policy(policy::Verb),
    /// Show which logged decisions would flip under another policy file
    Replay(lab::replay::Args),
    /// Replay history day by day to measure a policy
    Backtest(lab::backtest::Args),
    /// Export all listings, one JSON object per line
    Export(listing::export::Args),
    /// Ask whether the service is serving
    Health(service::health::Args),
    /// Show what is in the store and in the index
    Stats(query::QueryArgs),
    /// Watch a service: checks per second, verdicts, feeds, staleness
    Top(service::top::Args),
    /// Check whether this installation is healthy, and what to do if not
    Doctor(service::doctor::Args),
    /// Repair a store that lost data: replay changes, accept a loss
    #[command(subcommand)]
    Admin(admin::Verb),
    /// List and verify the record of operators' changes on this machine
    #[command(subcommand)]
    Audit(audit::Verb),
    /// Make, list, rotate and revoke API keys
    #[command(subcommand)]
    Key(key::Verb),
    /// Show and check the configuration
    #[command(subcommand)]
    Config(service::config::Verb),
    /// Print completions for a shell
    Completions(completions::Args),
    /// Print or write manual pages
    Man(man::Args),
}

/// The command line. Help does not print defaults that are empty.
fn command() -> clap::Command {
    fn without_empty_defaults(command: clap::Command) -> clap::Command {
        let is_empty = |arg: &clap::Arg| arg.get_default_values().iter().any(|value| value.is_empty());
        let command = command.mut_args(|arg| if is_empty(&arg) { arg.hide_default_value(true) } else { arg });
        command.mut_subcommands(without_empty_defaults)
    }
    globals::declare(without_empty_defaults(Cli::command()))
}

/// The verb that the arguments of this process ask for.
fn parse() -> Result<Verb, clap::Error> {
    let mut command = command();
    command.build();
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    globals::check(&command, &matches)?;
    Ok(Cli::from_arg_matches(&matches)?.verb)
}

/// Prints why there is no verb to run: help, the version, or what is wrong with the arguments.
fn explain(error: &clap::Error) -> Exit {
    let mut command = command();
    command.build();
    let matches = command.clone().ignore_errors(true).try_get_matches().unwrap_or_default();
    // Printing fails only if nobody reads.
    let _ = match error.kind() {
        // clap itself prints the help only where no global flag is set, be it by the environment.
        ErrorKind::MissingSubcommand => {
            write!(stderr().lock(), "{}", globals::verb(&command, &matches).0.clone().render_help())
        }
        _ => error.print(),
    };
    match matches.subcommand_name() {
        _ if !error.use_stderr() => Exit::Ok,
        Some("health") => Exit::ProbeUsage,
        _ => Exit::Usage,
    }
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    // Whatever speaks TLS asks for it, and would panic on finding none.
    crate::access::install_tls_provider();
    let verb = match parse() {
        Ok(verb) => verb,
        Err(error) => return explain(&error).into(),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tell!("error: cannot start: {error}");
            return Exit::Failed.into();
        }
    };
    let done = runtime.block_on(dispatch(verb));
    // A task that still blocks on stdin must not keep the process.
    runtime.shutdown_background();
    match done {
        Ok(exit) => exit.into(),
        Err(error) if output::is_broken_pipe(&error) => Exit::Ok.into(),
        Err(error) => {
            tell!("error: {error:#}");
            Exit::Failed.into()
        }
    }
}

async fn dispatch(verb: Verb) -> anyhow::Result<Exit> {
    match verb {
        Verb::Serve(args) => service::serve::run(args).await,
        Verb::Check(args) => check::run(args).await,
        Verb::Explain(args) => check::explain::run(args).await,
        Verb::Listing(verb) => listing::run(verb).await,
        Verb::Allow(verb) => listing::allow::run(verb).await,
        Verb::Range(verb) => listing::range::run(verb).await,
        Verb::Allocation(verb) => allocation::run(verb).await,
        Verb::Feed(verb) => feed::run(verb).await,
        Verb::Outcome(verb) => outcome::run(verb).await,
        Verb::Review(verb) => review::run(verb).await,
        Verb::Import(args) => listing::import::run(args).await,
        Verb::Policy(verb) => policy::run(verb).await,
        Verb::Replay(args) => lab::replay::run(&args),
        Verb::Backtest(args) => lab::backtest::run(args),
        Verb::Export(args) => listing::export::run(args).await,
        Verb::Health(args) => service::health::run(args).await,
        Verb::Stats(args) => service::stats::run(args).await,
        Verb::Top(args) => service::top::run(args).await,
        Verb::Doctor(args) => service::doctor::run(args).await,
        Verb::Admin(verb) => admin::run(verb).await,
        Verb::Audit(verb) => audit::run(verb),
        Verb::Key(verb) => key::run(verb).await,
        Verb::Config(verb) => service::config::run(verb),
        Verb::Completions(args) => completions::run(args, &mut command()),
        Verb::Man(args) => man::run(&args, command()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }
}
