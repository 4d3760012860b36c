//! The global flags. Declared once; accepted before or after the verb; shown by verbs that use them; refused by
//! others, where they would have no effect (`--yes` excepted).

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgGroup, ArgMatches, Args, Command, Error, Id};

use super::confirm::YesFlag;
use super::connection::Connection;
use super::connection::asked::AskedFlags;
use super::output::OutputFlag;

/// The flags of all verbs. To use a group, a verb flattens a field `Uses<Group>`, e.g. `OutputArg`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    #[command(flatten)]
    output: OutputFlag,
    #[command(flatten)]
    yes: YesFlag,
    #[command(flatten)]
    asked: AskedFlags,
    #[command(flatten)]
    connection: Connection,
}

/// Both files of our certificate: one without the other is of no use.
const CERTIFICATE: [&str; 2] = ["cert", "cert_key"];

/// A command line with the global flags.
pub(crate) fn declare(command: Command) -> Command {
    // clap takes the doc comment of a group for what the whole command line is about.
    let about = command.get_about().cloned().unwrap_or_default();
    let command = Globals::augment_args(command).about(about);
    let groups: Vec<ArgGroup> =
        command.get_groups().filter(|group| group.get_args().next().is_some()).cloned().collect();
    let global: Vec<Arg> = command.get_arguments().filter(|arg| arg.is_global_set()).cloned().collect();
    let command = command.mut_args(|arg| if arg.is_global_set() { without_environment(arg) } else { arg });
    command.mut_subcommands(|verb| show_used(verb, &groups, &global))
}

/// A flag that the environment cannot set here, though the help still names its variable. Clap reads a variable
/// wherever the flag is declared, and an empty one would stop verbs that do not use the flag.
fn without_environment(arg: Arg) -> Arg {
    let Some(name) = arg.get_env().map(|name| name.to_string_lossy().into_owned()) else { return arg };
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    arg.env(Resettable::Reset).help(format!("{help} [env: {name}]"))
}

/// A verb whose help shows the global flags that it uses, and hides the others. Each verb gets its own copies;
/// otherwise clap passes on those of its noun.
fn show_used(mut verb: Command, groups: &[ArgGroup], global: &[Arg]) -> Command {
    for group in groups {
        let hide = !uses(&verb, group.get_id());
        let members = |arg: &&Arg| group.get_args().any(|id| id == arg.get_id());
        let members = global.iter().filter(members).cloned().map(|arg| arg.hide(hide));
        verb = verb.args(members.map(|arg| if hide { without_environment(arg) } else { arg }));
    }
    verb.mut_subcommands(|below| show_used(below, groups, global))
}

/// Whether a verb has the mark of a group of flags. A noun such as `listing` uses none: its verbs do.
fn uses(verb: &Command, group: &Id) -> bool {
    verb.get_groups().any(|mark| mark.get_id() == group)
}

/// Why a verb that does not use a group of flags refuses them. `--yes` is missing here: a verb that asks nothing may
/// ignore it.
fn refusals() -> [(Option<Id>, &'static str); 3] {
    [
        (Connection::group_id(), "it asks no service"),
        (OutputFlag::group_id(), "its output has one form only"),
        (AskedFlags::group_id(), "it makes no change that is recorded"),
    ]
}

/// Checks the global flags of a command line that parses: the verb must use those that were typed.
/// What only the environment says is never refused.
pub(crate) fn check(command: &Command, matches: &ArgMatches) -> Result<(), Error> {
    let (verb, matches) = verb(command, matches);
    // `key --offline` works on the store itself.
    let offline = matches!(matches.try_get_one::<bool>("offline"), Ok(Some(true)));
    let typed = |id: &&Id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
    for (mark, why) in refusals() {
        let group = command.get_groups().find(|group| Some(group.get_id()) == mark.as_ref());
        let unused = |group: &&ArgGroup| {
            let asks_nobody = offline && mark == Connection::group_id();
            asks_nobody || !uses(verb, group.get_id())
        };
        let Some(group) = group.filter(unused) else { continue };
        if let Some(flag) = group.get_args().find(typed) {
            let name = verb.get_bin_name().unwrap_or_default();
            let text = format!(
                "unexpected argument '--{}' found: {name} does not take it, because {why}",
                long(flag)
            );
            return Err(verb.clone().error(ErrorKind::UnknownArgument, text));
        }
    }
    let asks_service = Connection::group_id().is_some_and(|group| uses(verb, &group));
    let missing = match CERTIFICATE.map(|id| matches.value_source(id).is_some()) {
        [true, false] => CERTIFICATE[1],
        [false, true] => CERTIFICATE[0],
        _ => return Ok(()),
    };
    // clap's own words for an argument that another requires.
    let text = format!("the following required arguments were not provided:\n  --{} <FILE>", long(missing));
    if asks_service { Err(verb.clone().error(ErrorKind::MissingRequiredArgument, text)) } else { Ok(()) }
}

/// The flag of an argument's id.
fn long(id: impl AsRef<str>) -> String {
    id.as_ref().replace('_', "-")
}

/// The innermost verb that was named, and its arguments.
pub(crate) fn verb<'a>(command: &'a Command, matches: &'a ArgMatches) -> (&'a Command, &'a ArgMatches) {
    let below = matches.subcommand().and_then(|(name, below)| Some((command.find_subcommand(name)?, below)));
    below.map_or((command, matches), |(command, matches)| verb(command, matches))
}
