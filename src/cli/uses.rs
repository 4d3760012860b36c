//! How a verb uses a group of global flags. Must not declare flags: `globals` does, once.

use std::ops::Deref;

use clap::{ArgGroup, ArgMatches, Args, Command, FromArgMatches};

/// The values of a group of global flags. As a flattened field of a verb's arguments it declares no
/// flag; it leaves a mark, by which `globals` knows that the verb uses the group. Never flatten the group itself: that
/// would declare its flags again.
#[derive(Debug, Clone)]
pub(crate) struct Uses<F>(F);

impl<F> Deref for Uses<F> {
    type Target = F;

    fn deref(&self) -> &F {
        &self.0
    }
}

impl<F: Args> Args for Uses<F> {
    // The mark is an empty group of the same name as the group of the declared flags.
    fn augment_args(command: Command) -> Command {
        match F::group_id() {
            Some(mark) => command.group(ArgGroup::new(mark)),
            None => command,
        }
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<F: FromArgMatches> FromArgMatches for Uses<F> {
    // clap has copied the values of global flags to the matches of each verb.
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        F::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}
