//! `numguard policy`: the policies that a service judges by, and whether a file would do.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::json;

use crate::config::policy_reading;
use crate::core::policy::{Problem, USUAL};
use crate::rpc::pb;

use super::connection::{Client, ServerArg};
use super::exit::Exit;
use super::output::{Columns, Output, OutputArg, json_line, print_json, say, tell};
use super::query::QueryArgs;

/// Verbs on policies.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// List the policies that the service judges by
    List(QueryArgs),
    /// Show all settings of one of them, named policies with what they take over
    Show(ShowArgs),
    /// Check a policy file: settings out of bounds, verdicts that no score reaches, rules that do nothing
    Validate(ValidateArgs),
}

/// Arguments of `show`.
#[derive(Debug, clap::Args)]
pub(super) struct ShowArgs {
    /// Which policy
    #[arg(value_name = "NAME", default_value = USUAL)]
    name: String,
    #[command(flatten)]
    server: ServerArg,
}

/// Arguments of `validate`.
#[derive(Debug, clap::Args)]
pub(super) struct ValidateArgs {
    /// The policy file; no service is asked
    file: PathBuf,
    #[command(flatten)]
    output: OutputArg,
}

pub(super) async fn run(verb: Verb) -> Result<Exit> {
    match verb {
        Verb::List(args) => list(args).await,
        Verb::Show(args) => show(args).await,
        Verb::Validate(args) => validate(&args),
    }
}

async fn list(query: QueryArgs) -> Result<Exit> {
    let policies = query.client().await?.policies().await?;
    let columns = Columns::new()
        .with("NAME", |policy: &pb::PolicyInfo| policy.name.clone())
        .with("VERSION", |policy| policy.version.clone())
        .with("CHALLENGE FROM", |policy| policy.challenge_from)
        .with("BLOCK FROM", |policy| policy.block_from)
        .with("ON TRIAL", |policy| policy.shadow.join(", "));
    query.form().list(&policies, columns, |policy| {
        json_line(&json!({
            "name": policy.name,
            "version": policy.version,
            "challenge_from": policy.challenge_from,
            "block_from": policy.block_from,
            "shadow": policy.shadow,
        }))
    })?;
    Ok(Exit::Ok)
}

async fn show(args: ShowArgs) -> Result<Exit> {
    let policies = Client::connect(&args.server).await?.policies().await?;
    let names = || policies.iter().map(|policy: &pb::PolicyInfo| policy.name.as_str()).collect::<Vec<_>>();
    let found = policies.iter().find(|policy| policy.name == args.name);
    let found = found.with_context(|| {
        format!("the service has no policy {}: there are {}", args.name, names().join(", "))
    })?;
    say(found.settings.trim_end())?;
    Ok(Exit::Ok)
}

fn validate(args: &ValidateArgs) -> Result<Exit> {
    let file = args.file.display();
    let reading = policy_reading(&args.file)?;
    for problem in &reading.problems {
        match args.output.form() {
            Output::Json => print_json(&in_json(problem))?,
            Output::Table => {
                let weight = if problem.refused { "error" } else { "warning" };
                let space = if problem.setting.is_empty() { "" } else { " " };
                say(format_args!(
                    "{file}:{}: {weight}: {}{space}{}",
                    problem.line, problem.setting, problem.what
                ))?;
            }
        }
    }
    if let (Some(policies), [], Output::Table) =
        (&reading.policies, &reading.problems[..], args.output.form())
    {
        let names: Vec<&str> = policies.iter().map(|(_, policy)| policy.version.as_str()).collect();
        say(format_args!("{file} is right: {}", names.join(", ")))?;
    }
    let refused = reading.problems.iter().filter(|problem| problem.refused).count();
    if !reading.problems.is_empty() {
        let doubts = reading.problems.len() - refused;
        tell!("{refused} errors, {doubts} warnings; `serve` refuses a file with errors and takes warnings");
    }
    Ok(if reading.problems.is_empty() { Exit::Ok } else { Exit::Failed })
}

fn in_json(problem: &Problem) -> serde_json::Value {
    json!({
        "line": problem.line,
        "setting": problem.setting,
        "what": problem.what,
        "refused": problem.refused,
    })
}
