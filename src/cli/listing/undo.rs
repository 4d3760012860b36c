//! `numguard listing undo`: an operator's change goes back, by the server's audit record.

use anyhow::{Result, bail};
use serde_json::json;

use crate::rpc::messages::exported;
use crate::rpc::pb;

use super::super::confirm::YesArg;
use super::super::connection::asked::AskedArg;
use super::super::connection::{Client, ServerArg};
use super::super::exit::Exit;
use super::super::output::{self, Columns, Output, OutputArg, print_json, say, tell};
use super::subject::subject;

/// Arguments of `undo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Take back the last change of this number or range only [default: the last change of all]
    subject: Option<String>,
    /// Take back the change that has this line in the server's audit record (`numguard audit list`)
    #[arg(long, value_name = "LINE", default_value_t = 0, hide_default_value = true)]
    line: u64,
    /// Tell what would be done, change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    asked: AskedArg,
    #[command(flatten)]
    output: OutputArg,
    #[command(flatten)]
    server: ServerArg,
}

pub(crate) async fn run(args: Args) -> Result<Exit> {
    let subject = args.subject.as_deref().map(|text| subject(text, None)).transpose()?;
    let client = Client::connect(&args.server).await?;
    let request = pb::UndoChangeRequest {
        line: args.line,
        subject: subject.unwrap_or_default(),
        author: args.asked.author.clone(),
        dry_run: true,
        request_id: String::new(),
    };
    let would = client.undo(request.clone()).await?;
    if args.dry_run || would.subjects == 0 {
        print(&would, args.output.form(), "would take back")?;
        return Ok(Exit::Ok);
    }
    if would.subjects > 1 && !args.yes.is_given() {
        print(&would, Output::Table, "would take back")?;
        let question = format!("Change {} listings back?", would.subjects);
        if !args.yes.confirm(&question)? {
            bail!("nothing was changed");
        }
    }
    let request_id = args.asked.request_id(0, 1);
    // The line is named, so that what is done is what was told.
    let request = pb::UndoChangeRequest { line: would.line, dry_run: false, request_id, ..request };
    print(&client.undo(request).await?, args.output.form(), "took back")?;
    Ok(Exit::Ok)
}

fn print(undone: &pb::UndoChangeResponse, form: Output, done: &str) -> Result<()> {
    if form == Output::Json {
        let listing = |listing: &Option<pb::Listing>| listing.as_ref().map(exported).transpose();
        let listings = undone.listings.iter().map(|undone| {
            Ok(json!({"subject": undone.subject, "from": listing(&undone.from)?, "to": listing(&undone.to)?}))
        });
        return print_json(&json!({
            "line": undone.line, "author": undone.author, "subjects": undone.subjects,
            "listings": listings.collect::<Result<Vec<_>>>()?, "revision": undone.revision,
        }));
    }
    if !undone.listings.is_empty() {
        Columns::new()
            .with("SUBJECT", |undone: &pb::UndoneListing| undone.subject.clone())
            .with("FROM", |undone| in_words(undone.from.as_ref()))
            .with("BACK TO", |undone| in_words(undone.to.as_ref()))
            .print(&undone.listings)?;
    }
    let told = undone.listings.len();
    if undone.subjects as usize > told {
        tell!("and {} more", undone.subjects as usize - told);
    }
    let by = if undone.author.is_empty() {
        String::new()
    } else {
        format!(" by {}", output::visible(&undone.author))
    };
    let since = match undone.revision {
        0 => String::new(),
        revision => format!("; checks see it since revision {revision}"),
    };
    say(format_args!("{done} line {}{by}: {} listings{since}", undone.line, undone.subjects))
}

/// A listing in a few words.
fn in_words(listing: Option<&pb::Listing>) -> String {
    let Some(listing) = listing else { return "not listed".to_owned() };
    let feeds: Vec<String> =
        listing.sightings.iter().map(|sighting| output::visible(&sighting.feed)).collect();
    let seen = (!feeds.is_empty()).then(|| format!("seen by {}", feeds.join(" ")));
    let decision = listing.decision.as_ref().map(|decision| output::decision(Some(decision)));
    [decision, seen].into_iter().flatten().collect::<Vec<_>>().join("; ")
}
