//! `numguard feed quarantine`: runs that were not believed, and an operator's judgement of them.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::clock::now;
use crate::rpc::pb;

use super::super::confirm::YesArg;
use super::super::connection::asked::AskedArg;
use super::super::connection::{Client, ServerArg};
use super::super::exit::Exit;
use super::super::output::{self, Columns, Output, grouped, json_line, print_json, say, tell, visible};
use super::super::query::QueryArgs;
use super::run::{exit, print_run};

/// Verbs on runs that were not believed.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// List the runs that wait
    List(QueryArgs),
    /// Show why a run waits, and some of its numbers
    Show(RunArgs),
    /// Believe a run after all: store it
    Release(ReleaseArgs),
    /// Throw a run away
    Reject(RejectArgs),
}

/// Which run.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// Name of the feed
    feed: String,
    /// Number of the run
    run: u64,
    #[command(flatten)]
    query: QueryArgs,
}

/// Arguments of `quarantine release`.
#[derive(Debug, clap::Args)]
pub(crate) struct ReleaseArgs {
    #[command(flatten)]
    asked: AskedArg,
    #[command(flatten)]
    which: RunArgs,
}

/// Arguments of `quarantine reject`.
#[derive(Debug, clap::Args)]
pub(crate) struct RejectArgs {
    /// Name of the feed
    feed: String,
    /// Number of the run
    run: u64,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    asked: AskedArg,
    #[command(flatten)]
    server: ServerArg,
}

pub(crate) async fn run(verb: Verb) -> Result<Exit> {
    match verb {
        Verb::List(args) => list(args).await,
        Verb::Show(args) => show(args).await,
        Verb::Release(args) => release(args).await,
        Verb::Reject(args) => reject(args).await,
    }
}

async fn list(query: QueryArgs) -> Result<Exit> {
    let runs = query.client().await?.quarantine().await?;
    let now = now();
    let columns = Columns::new()
        .with("FEED", |held: &pb::QuarantinedRun| visible(&held.feed))
        .with("RUN", |held| held.run)
        .with("SINCE", |held| output::age(held.at.as_ref(), now))
        .with("ROWS", |held| grouped(held.rows))
        .with("NEW", |held| grouped(held.new))
        .with("BECAUSE", |held| visible(&held.reasons.join("; ")));
    let form = query.form();
    form.list(&runs, columns, |held| json_line(&line(held)))?;
    if runs.is_empty() && form == Output::Table {
        tell!("no run waits");
    }
    Ok(Exit::Ok)
}

async fn show(args: RunArgs) -> Result<Exit> {
    let RunArgs { feed, run, query } = args;
    let runs = query.client().await?.quarantine().await?;
    let held = runs.iter().find(|held| held.feed == feed && held.run == run).with_context(|| {
        format!("run {run} of {feed} does not wait; numguard feed quarantine list names all that do")
    })?;
    if query.form() == Output::Json {
        print_json(&line(held))?;
        return Ok(Exit::Ok);
    }
    say(format_args!(
        "{feed}, run {run} of {}: {} rows, {} of them new",
        output::time(held.at.as_ref()),
        grouped(held.rows),
        grouped(held.new)
    ))?;
    for reason in &held.reasons {
        say(format_args!("  because  {}", visible(reason)))?;
    }
    for sample in &held.samples {
        say(format_args!("  brings   {}", visible(sample)))?;
    }
    say(format_args!("store it:      numguard feed quarantine release {feed} {run}"))?;
    say(format_args!("throw it away: numguard feed quarantine reject {feed} {run}"))?;
    Ok(Exit::Ok)
}

async fn release(args: ReleaseArgs) -> Result<Exit> {
    let RunArgs { feed, run, query } = args.which;
    let client = query.client().await?;
    let done = client.release_run(feed.clone(), run, &args.asked).await?;
    let run = done.run.unwrap_or_default();
    print_run(&feed, &run, &done.samples_new, query.form())?;
    Ok(exit(&run))
}

async fn reject(args: RejectArgs) -> Result<Exit> {
    let RejectArgs { feed, run, yes, asked, server } = args;
    let client = Client::connect(&server).await?;
    if !yes.confirm(&format!("Throw run {run} of {feed} away?"))? {
        bail!("nothing was changed");
    }
    client.reject_run(feed.clone(), run, &asked).await?;
    say(format_args!("{feed}: run {run} is thrown away"))?;
    Ok(Exit::Ok)
}

fn line(held: &pb::QuarantinedRun) -> Value {
    json!({
        "feed": held.feed, "run": held.run, "at": output::time(held.at.as_ref()), "rows": held.rows,
        "new": held.new, "reasons": held.reasons, "samples": held.samples,
    })
}
