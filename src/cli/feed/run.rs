//! `numguard feed run | pause | resume | rollback`: operators' hold on a service's feeds.

use anyhow::{Result, bail};
use serde_json::json;

use crate::rpc::pb;

use super::super::confirm::YesArg;
use super::super::connection::asked::AskedArg;
use super::super::connection::{Client, ServerArg};
use super::super::exit::Exit;
use super::super::output::{self, Output, OutputArg, grouped, print_json, say, tell, visible};
use super::status::{outcome, run_line};

/// Arguments of `feed run`.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// Name of the feed
    feed: String,
    /// Fetch and compare, and store nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    asked: AskedArg,
    #[command(flatten)]
    output: OutputArg,
    #[command(flatten)]
    server: ServerArg,
}

/// Arguments of `feed pause` and `feed resume`.
#[derive(Debug, clap::Args)]
pub(crate) struct FeedArgs {
    /// Name of the feed
    feed: String,
    #[command(flatten)]
    asked: AskedArg,
    #[command(flatten)]
    server: ServerArg,
}

/// Arguments of `feed rollback`.
#[derive(Debug, clap::Args)]
pub(crate) struct RollbackArgs {
    /// Name of the feed
    feed: String,
    /// The last run that is to stay; 0: none
    #[arg(long, value_name = "RUN")]
    to: u64,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    asked: AskedArg,
    #[command(flatten)]
    output: OutputArg,
    #[command(flatten)]
    server: ServerArg,
}

pub(crate) async fn run(args: RunArgs) -> Result<Exit> {
    let client = Client::connect(&args.server).await?;
    let done = client.run_feed(args.feed.clone(), args.dry_run, &args.asked).await?;
    let run = done.run.unwrap_or_default();
    print_run(&args.feed, &run, &done.samples_new, args.output.form())?;
    if run.outcome() == pb::RunOutcome::Quarantined {
        let held = client.quarantine().await?;
        let held = held.iter().find(|held| held.feed == args.feed && held.run == run.run);
        for reason in held.map(|held| held.reasons.as_slice()).unwrap_or_default() {
            tell!("  {}", visible(reason));
        }
        tell!("look at it: numguard feed quarantine show {} {}", args.feed, run.run);
    }
    Ok(exit(&run))
}

/// Whether a run ended as it was meant to.
pub(crate) fn exit(run: &pb::FeedRun) -> Exit {
    match run.outcome() {
        pb::RunOutcome::Stored | pb::RunOutcome::NotModified | pb::RunOutcome::DryRun => Exit::Ok,
        _ => Exit::Failed,
    }
}

/// Tells what a run brought; what went wrong goes to stderr too.
pub(crate) fn print_run(feed: &str, run: &pb::FeedRun, samples_new: &[String], form: Output) -> Result<()> {
    if form == Output::Json {
        print_json(&json!({"feed": feed, "run": run_line(run), "samples_new": samples_new}))?;
    } else {
        say(summary(feed, run))?;
        if !samples_new.is_empty() {
            say(format_args!("  new, among others: {}", samples_new.join(" ")))?;
        }
        if exit(run) == Exit::Ok && !run.note.is_empty() {
            say(format_args!("  {}", visible(&run.note)))?;
        }
    }
    if exit(run) == Exit::Failed {
        let colon = if run.note.is_empty() { "" } else { ": " };
        tell!("error: {feed}: {}{colon}{}", outcome(run.outcome()), visible(&run.note));
    }
    Ok(())
}

/// A run in one line.
fn summary(feed: &str, run: &pb::FeedRun) -> String {
    format!(
        "{feed}: {} (run {}): {} on {}, {} left out; {} new, {} gone, {} again",
        outcome(run.outcome()),
        run.run,
        output::plural(run.rows, "row"),
        output::plural(run.pages.into(), "page"),
        grouped(run.dropped),
        grouped(run.new),
        grouped(run.gone),
        grouped(run.again)
    )
}

pub(crate) async fn pause(args: FeedArgs) -> Result<Exit> {
    Client::connect(&args.server).await?.pause_feed(args.feed.clone(), &args.asked).await?;
    say(format_args!("{}: paused until `numguard feed resume {}`; its rows stay", args.feed, args.feed))?;
    Ok(Exit::Ok)
}

pub(crate) async fn resume(args: FeedArgs) -> Result<Exit> {
    Client::connect(&args.server).await?.resume_feed(args.feed.clone(), &args.asked).await?;
    say(format_args!("{}: resumed", args.feed))?;
    Ok(Exit::Ok)
}

pub(crate) async fn rollback(args: RollbackArgs) -> Result<Exit> {
    let client = Client::connect(&args.server).await?;
    let question = format!("Take back all that {} said after run {}?", args.feed, args.to);
    if !args.yes.confirm(&question)? {
        bail!("nothing was changed");
    }
    let subjects = client.rollback_feed(args.feed.clone(), args.to, &args.asked).await?;
    if args.output.form() == Output::Json {
        print_json(&json!({"feed": args.feed, "to_run": args.to, "subjects": subjects}))?;
    } else {
        let subjects = grouped(subjects);
        say(format_args!("{}: back to run {}: {subjects} subjects changed", args.feed, args.to))?;
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_run_that_ended_as_meant_exits_with_0() {
        use pb::RunOutcome as O;
        for (outcome, good) in [
            (O::Stored, true),
            (O::NotModified, true),
            (O::DryRun, true),
            (O::Quarantined, false),
            (O::Blocked, false),
            (O::LayoutChanged, false),
            (O::Refused, false),
            (O::Failed, false),
            (O::Rejected, false),
            (O::Unspecified, false),
        ] {
            let run = pb::FeedRun { outcome: outcome.into(), ..Default::default() };
            assert_eq!(exit(&run) == Exit::Ok, good, "{}", outcome.as_str_name());
        }
    }

    #[test]
    fn a_run_is_told_in_one_line() {
        let run = pb::FeedRun {
            run: 17,
            pages: 2,
            rows: 1_000,
            new: 12,
            gone: 3,
            again: 988,
            dropped: 4,
            outcome: pb::RunOutcome::LayoutChanged.into(),
            ..Default::default()
        };
        let expected =
            "a: layout changed (run 17): 1,000 rows on 2 pages, 4 left out; 12 new, 3 gone, 988 again";
        assert_eq!(summary("a", &run), expected);
    }
}
