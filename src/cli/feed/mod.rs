//! `numguard feed`: the definitions of feeds, for those who write and choose them; and the verbs that
//! ask a service about its feeds, each in a file of its own.
//!
//! Must not fetch: pages that `feed test` reads are files, and `feed run` is the service's work. What
//! is in this file needs no service.

pub(crate) mod overlap;
pub(crate) mod quarantine;
pub(crate) mod run;
pub(crate) mod status;
pub(crate) mod test;

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::config;
use crate::feed::definition::{Entry, skeleton};
use crate::feed::{Catalogue, Definition, Shape};

use super::exit::Exit;
use super::output::{Output, OutputArg, grouped, print_json, print_table, say, table, tell};

/// Verbs on feeds.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// List all feeds: whether they are on, how often and how much they bring
    List(ListArgs),
    /// Print a feed's definition
    Show(ShowArgs),
    /// Read saved pages with a definition: the numbers found, the rows left out and why; exits with
    /// 1 if a page is not as expected
    Test(test::Args),
    /// Draft a definition for a site
    Add(AddArgs),
    /// Tell how a service's feeds are: last run, what it brought, when the next is due, what to do
    Status(status::Args),
    /// Run a feed now; exits with 1 if nothing came of it, and says why
    Run(run::RunArgs),
    /// Stop running a feed until it is resumed
    Pause(run::PauseArgs),
    /// End a pause
    Resume(run::ResumeArgs),
    /// Judge runs that were not believed
    #[command(subcommand)]
    Quarantine(quarantine::Verb),
    /// Take back all that a feed said after a run
    Rollback(run::RollbackArgs),
    /// Tell what feeds share, what each has alone, and which is first
    Overlap(overlap::Args),
}

/// Which definitions are in force.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct FeedsArg {
    /// Folder of own definitions (*.toml): added to the shipped ones, or in their place if the name
    /// is the same
    #[arg(long, value_name = "DIR")]
    feeds_dir: Option<PathBuf>,
}

/// Arguments of `feed list`.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    feeds: FeedsArg,
    #[command(flatten)]
    output: OutputArg,
}

/// Arguments of `feed show`.
#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// Name of the feed
    feed: String,
    #[command(flatten)]
    feeds: FeedsArg,
}

/// Arguments of `feed add`.
#[derive(Debug, clap::Args)]
pub(crate) struct AddArgs {
    /// Address of the site's list of numbers
    url: String,
    /// Folder to write the draft into; without it, it is printed
    #[arg(long, value_name = "DIR")]
    feeds_dir: Option<PathBuf>,
}

/// A feed as a line of JSON.
#[derive(Debug, Serialize)]
struct Line<'a> {
    name: &'a str,
    title: &'a str,
    group: &'a str,
    trust: &'a str,
    enabled: bool,
    disabled_because: &'a str,
    form: &'a str,
    urls: Vec<&'a str>,
    interval_minutes: u32,
    pace_seconds: u32,
    most_pages: u32,
    expected_rows: [u64; 2],
    terms: &'a str,
    file: &'a str,
    shipped: bool,
}

pub(crate) async fn run(verb: Verb) -> Result<Exit> {
    match verb {
        Verb::List(args) => list(&args),
        Verb::Show(args) => {
            let catalogue = args.feeds.catalogue()?;
            say(find(&catalogue, &args.feed)?.text.trim_end())?;
            Ok(Exit::Ok)
        }
        Verb::Test(args) => test::run(&args),
        Verb::Add(args) => add(&args),
        Verb::Status(args) => status::run(args).await,
        Verb::Run(args) => run::run(args).await,
        Verb::Pause(args) => run::pause(args).await,
        Verb::Resume(args) => run::resume(args).await,
        Verb::Quarantine(verb) => quarantine::run(verb).await,
        Verb::Rollback(args) => run::rollback(args).await,
        Verb::Overlap(args) => overlap::run(args).await,
    }
}

impl FeedsArg {
    fn catalogue(&self) -> Result<Catalogue> {
        Ok(config::feeds(self.feeds_dir.as_deref())?)
    }

    /// The definition of a name, or of a file while it is being written.
    pub(crate) fn definition(&self, name: &str) -> Result<Definition> {
        let path = Path::new(name);
        if path.extension().is_some_and(|extension| extension == "toml") {
            return Ok(config::feed(path)?.0);
        }
        Ok(find(&self.catalogue()?, name)?.definition.clone())
    }
}

fn find<'a>(catalogue: &'a Catalogue, name: &str) -> Result<&'a Entry> {
    catalogue.get(name).with_context(|| format!("no feed is named {name}; numguard feed list names all"))
}

fn form(definition: &Definition) -> &'static str {
    match definition.shape() {
        Shape::Html(_) => "html",
        Shape::Json(_) => "json",
        Shape::Csv(_) => "csv",
        Shape::Text(_) => "text",
        Shape::Holders(_) => "holders",
    }
}

fn list(args: &ListArgs) -> Result<Exit> {
    let catalogue = args.feeds.catalogue()?;
    let mut rows = table(&["NAME", "GROUP", "TRUST", "FORM", "EVERY", "PAGES", "EXPECTED", "STATE"]);
    for Entry { definition, file, shipped, .. } in catalogue.entries() {
        let band = definition.band;
        if args.output.output == Output::Json {
            print_json(&Line {
                name: definition.name.as_str(),
                title: &definition.title,
                group: definition.group.as_str(),
                trust: definition.trust.as_str(),
                enabled: definition.enabled,
                disabled_because: &definition.disabled_because,
                form: form(definition),
                urls: definition.urls.iter().map(|url| url.as_str()).collect(),
                interval_minutes: definition.interval_minutes,
                pace_seconds: definition.pace_seconds,
                most_pages: definition.page_cap(),
                expected_rows: [band.min, band.max],
                terms: &definition.terms,
                file,
                shipped: *shipped,
            })?;
            continue;
        }
        rows.add_row([
            definition.name.to_string(),
            definition.group.to_string(),
            definition.trust.as_str().to_owned(),
            form(definition).to_owned(),
            every(definition.interval_minutes),
            definition.page_cap().to_string(),
            format!("{}-{}", grouped(band.min), grouped(band.max)),
            if definition.enabled {
                "on".to_owned()
            } else {
                format!("off: {}", definition.disabled_because)
            },
        ]);
    }
    if args.output.output == Output::Table {
        print_table(&rows)?;
    }
    Ok(Exit::Ok)
}

/// 60 -> `1 h`.
fn every(minutes: u32) -> String {
    match minutes {
        _ if minutes.is_multiple_of(1_440) => format!("{} d", minutes / 1_440),
        _ if minutes.is_multiple_of(60) => format!("{} h", minutes / 60),
        _ => format!("{minutes} min"),
    }
}

fn add(args: &AddArgs) -> Result<Exit> {
    let (name, text) = match skeleton(&args.url) {
        Ok(draft) => draft,
        Err(reason) => bail!("{}: {reason}", args.url),
    };
    let Some(folder) = &args.feeds_dir else {
        say(text.trim_end())?;
        return Ok(Exit::Ok);
    };
    let path = folder.join(format!("{name}.toml"));
    let shown = path.display();
    let mut file = File::create_new(&path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => anyhow::anyhow!("{shown} is there already: edit it, or move it away"),
        _ => anyhow::anyhow!("cannot write {shown}: {error}"),
    })?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {shown}"))?;
    say(format_args!("wrote {shown}"))?;
    tell!("save a page of the site, then: numguard feed test {shown} --page FILE");
    Ok(Exit::Ok)
}
