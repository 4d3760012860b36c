//! `numguard key`: API keys of clients, made, listed, rotated and revoked.
//!
//! A new key goes to stdout alone, so that it can be sent to a file; what is said about it goes to
//! stderr.

pub(crate) mod keyring;

use anyhow::{Context, Result, bail};
use prost_types::{Duration, Timestamp};
use serde_json::json;

use crate::clock::now;
use crate::core::listing::UnixTime;
use crate::rpc::pb;

use self::keyring::KeyringArg;
use super::confirm::YesArg;
use super::connection::asked::AskedArg;
use super::exit::Exit;
use super::output::{self, Columns, Output, OutputArg, json_line, print_json, say, tell};

/// Verbs on API keys.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// Make a key and print it, this once; a client has at most two keys that count
    Create(CreateArgs),
    /// List keys, without their secrets
    List(ListArgs),
    /// Make a key in place of another, which counts on for a while
    Rotate(RotateArgs),
    /// End a key, on every server within seconds
    Revoke(RevokeArgs),
}

/// Arguments of `create`.
#[derive(Debug, clap::Args)]
pub(crate) struct CreateArgs {
    /// Whose key: 1 to 48 of a-z 0-9 . _ -
    #[arg(long, value_name = "NAME")]
    client: String,
    /// What it is good for: check, report, read, admin
    #[arg(long, value_name = "SCOPES", value_delimiter = ',', required = true)]
    scopes: Vec<crate::access::Scope>,
    #[command(flatten)]
    rest: ChangeArgs,
    /// When it stops to count: a date (2027-05-31) or a time (2027-05-31T12:00:00Z) [default: never]
    #[arg(long, value_name = "DATE|TIME")]
    expires: Option<UnixTime>,
}

/// Arguments of all verbs that change something.
#[derive(Debug, clap::Args)]
struct ChangeArgs {
    #[command(flatten)]
    asked: AskedArg,
    #[command(flatten)]
    output: OutputArg,
    #[command(flatten)]
    keyring: KeyringArg,
}

/// Arguments of `list`.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// Only this client's
    #[arg(long, value_name = "NAME", default_value = "")]
    client: String,
    #[command(flatten)]
    output: OutputArg,
    #[command(flatten)]
    keyring: KeyringArg,
}

/// Arguments of `rotate`.
#[derive(Debug, clap::Args)]
pub(crate) struct RotateArgs {
    /// Name of the old key, such as ng_0123456789ab
    #[arg(value_name = "KEY")]
    key: String,
    /// Hours for which the old key counts on
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    overlap: u32,
    /// When the new one stops to count [default: after as long a life as the old one's]
    #[arg(long, value_name = "DATE|TIME")]
    expires: Option<UnixTime>,
    #[command(flatten)]
    rest: ChangeArgs,
}

/// Arguments of `revoke`.
#[derive(Debug, clap::Args)]
pub(crate) struct RevokeArgs {
    /// Name of the key, such as ng_0123456789ab
    #[arg(value_name = "KEY")]
    key: String,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    rest: ChangeArgs,
}

pub(crate) async fn run(verb: Verb) -> Result<Exit> {
    match verb {
        Verb::Create(args) => create(args).await,
        Verb::List(args) => list(args).await,
        Verb::Rotate(args) => rotate(args).await,
        Verb::Revoke(args) => revoke(args).await,
    }
}

impl ChangeArgs {
    /// Prints a key that was made.
    fn show(&self, made: Option<&pb::Key>, api_key: &str, old: Option<&pb::Key>) -> Result<()> {
        let key = made.context("the service told nothing about the key")?;
        if api_key.is_empty() {
            bail!(
                "an earlier request of this id made {} of {}, and its text is kept nowhere: revoke it if it is lost",
                key.key_id,
                key.client
            );
        }
        if self.output.form() == Output::Json {
            return print_json(&json!({"api_key": api_key, "key": as_json(key), "old": old.map(as_json)}));
        }
        say(api_key)?;
        tell!("{} of {}, for {}{}", key.key_id, key.client, scopes(key), until(key));
        if let Some(old) = old {
            tell!("{}, the old one, counts until {}", old.key_id, output::time(old.expires_at.as_ref()));
        }
        tell!("this is the only time that it is shown: keep it in a file that its owner alone may read");
        Ok(())
    }
}

async fn create(args: CreateArgs) -> Result<Exit> {
    let (author, request_id) = args.rest.asked.by();
    let made = args
        .rest
        .keyring
        .open()
        .await?
        .create(pb::CreateKeyRequest {
            client: args.client.clone(),
            scopes: args.scopes.iter().map(|scope| pb_scope(*scope).into()).collect(),
            expires_at: args.expires.map(timestamp),
            author,
            request_id,
        })
        .await?;
    args.rest.show(made.key.as_ref(), &made.api_key, None)?;
    Ok(Exit::Ok)
}

async fn list(args: ListArgs) -> Result<Exit> {
    let keys = args.keyring.open().await?.list(pb::ListKeysRequest { client: args.client.clone() }).await?;
    let columns = Columns::new()
        .with("KEY", |key: &pb::Key| key.key_id.clone())
        .with("CLIENT", |key| key.client.clone())
        .with("SCOPES", scopes)
        .with("MADE", |key| output::time(key.created_at.as_ref()))
        .with("STATE", state);
    args.output.form().list(&keys, columns, |key| json_line(&as_json(key)))?;
    Ok(Exit::Ok)
}

async fn rotate(args: RotateArgs) -> Result<Exit> {
    let (author, request_id) = args.rest.asked.by();
    let made = args
        .rest
        .keyring
        .open()
        .await?
        .rotate(pb::RotateKeyRequest {
            key_id: args.key.clone(),
            overlap: Some(Duration { seconds: i64::from(args.overlap) * 3_600, nanos: 0 }),
            expires_at: args.expires.map(timestamp),
            author,
            request_id,
        })
        .await?;
    args.rest.show(made.key.as_ref(), &made.api_key, made.old.as_ref())?;
    Ok(Exit::Ok)
}

async fn revoke(args: RevokeArgs) -> Result<Exit> {
    let question = format!("Revoke {}? Whoever uses it is turned away within seconds.", args.key);
    if !args.yes.confirm(&question)? {
        bail!("nothing was changed");
    }
    let keyring = args.rest.keyring.open().await?;
    let (author, request_id) = args.rest.asked.by();
    let request = pb::RevokeKeyRequest { key_id: args.key.clone(), author, request_id };
    let key = keyring.revoke(request).await?.key.context("the service told nothing about the key")?;
    match args.rest.output.form() {
        Output::Json => print_json(&as_json(&key))?,
        Output::Table => say(format_args!("{} of {} is revoked", key.key_id, key.client))?,
    }
    Ok(Exit::Ok)
}

fn timestamp(time: UnixTime) -> Timestamp {
    Timestamp { seconds: time.0.into(), nanos: 0 }
}

fn pb_scope(scope: crate::access::Scope) -> pb::Scope {
    pb::Scope::from_str_name(&format!("SCOPE_{}", scope.as_str().to_uppercase())).unwrap_or_default()
}

fn scope_names(key: &pb::Key) -> Vec<String> {
    key.scopes().map(|scope| scope.as_str_name().trim_start_matches("SCOPE_").to_lowercase()).collect()
}

fn scopes(key: &pb::Key) -> String {
    scope_names(key).join(",")
}

fn until(key: &pb::Key) -> String {
    key.expires_at.as_ref().map(|end| format!(", until {}", output::time(Some(end)))).unwrap_or_default()
}

fn state(key: &pb::Key) -> String {
    if key.revoked_at.is_some() {
        return format!("revoked {}", output::time(key.revoked_at.as_ref()));
    }
    match &key.expires_at {
        None => "live".to_owned(),
        Some(end) if end.seconds <= i64::from(now().0) => format!("expired {}", output::time(Some(end))),
        Some(end) => format!("live until {}", output::time(Some(end))),
    }
}

fn as_json(key: &pb::Key) -> serde_json::Value {
    let time = |time: &Option<Timestamp>| time.as_ref().map(|time| output::time(Some(time)));
    json!({
        "key_id": key.key_id,
        "client": key.client,
        "scopes": scope_names(key),
        "created_at": time(&key.created_at),
        "expires_at": time(&key.expires_at),
        "revoked_at": time(&key.revoked_at),
    })
}
