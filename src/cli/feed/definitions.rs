//! `numguard feed list | show | add`: the definitions of feeds, for those who write and choose them.
//!
//! Must not fetch, and needs no service.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::config;
use crate::feed::definition::{Entry, skeleton};
use crate::feed::{Catalogue, Definition, Shape};

use super::super::exit::Exit;
use super::super::output::{Columns, OutputArg, grouped, json_line, say, tell};

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

impl<'a> From<&'a Entry> for Line<'a> {
    fn from(Entry { definition, file, shipped, .. }: &'a Entry) -> Self {
        Self {
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
            expected_rows: [definition.band.min, definition.band.max],
            terms: &definition.terms,
            file,
            shipped: *shipped,
        }
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

pub(crate) fn list(args: &ListArgs) -> Result<Exit> {
    let catalogue = args.feeds.catalogue()?;
    let columns = Columns::new()
        .with("NAME", |entry: &Entry| entry.definition.name.to_string())
        .with("GROUP", |entry| entry.definition.group.to_string())
        .with("TRUST", |entry| entry.definition.trust.as_str())
        .with("FORM", |entry| form(&entry.definition))
        .with("EVERY", |entry| every(entry.definition.interval_minutes))
        .with("PAGES", |entry| entry.definition.page_cap())
        .with("EXPECTED", |entry| {
            let band = entry.definition.band;
            format!("{}-{}", grouped(band.min), grouped(band.max))
        })
        .with("STATE", |entry| match &entry.definition {
            on if on.enabled => "on".to_owned(),
            off => format!("off: {}", off.disabled_because),
        });
    args.output.form().list(catalogue.entries(), columns, |entry| json_line(&Line::from(entry)))?;
    Ok(Exit::Ok)
}

pub(crate) fn show(args: &ShowArgs) -> Result<Exit> {
    let catalogue = args.feeds.catalogue()?;
    say(find(&catalogue, &args.feed)?.text.trim_end())?;
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

pub(crate) fn add(args: &AddArgs) -> Result<Exit> {
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
