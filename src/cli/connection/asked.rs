//! Who makes a change, and by which request: `--author` and `--request-id`.

use crate::random;

use super::super::uses::Uses;

/// `--author` and `--request-id`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct AskedFlags {
    /// Who makes the change
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "USER",
        hide_env_values = true,
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) author: String,
    /// Id of the change; the same id within a day changes nothing [default: a new one]
    #[arg(long, global = true, value_name = "ID")]
    request_id: Option<String>,
}

/// Who makes a verb's change.
pub(crate) type AskedArg = Uses<AskedFlags>;

impl AskedFlags {
    /// Whether it may repeat a request that was done.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.request_id.is_some()
    }

    /// Who, and the id of the one request of a verb.
    pub(crate) fn by(&self) -> (String, String) {
        (self.author.clone(), self.request_id(0, 1))
    }

    /// The same; what is only tried has no id, or doing it could not have the same.
    pub(crate) fn by_unless(&self, dry_run: bool) -> (String, String) {
        if dry_run { (self.author.clone(), String::new()) } else { self.by() }
    }

    /// The id of the request at this place, if the verb makes several of them.
    pub(crate) fn request_id(&self, at: usize, of: usize) -> String {
        match &self.request_id {
            Some(id) if of > 1 => format!("{id}/{}", at + 1),
            Some(id) => id.clone(),
            None => format!("{:016x}", random::number()),
        }
    }
}
