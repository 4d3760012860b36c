//! Who asks for a change, and by which request: the same flags wherever something is done.

use crate::random;

/// `--author` and `--request-id`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct AskedArg {
    /// Who
    #[arg(long, value_name = "NAME", env = "USER", default_value = "", hide_default_value = true)]
    pub(crate) author: String,
    /// Id of the request: one that was done within a day is not done again [default: a new one]
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
}

impl AskedArg {
    /// Whether it may be the repetition of a request that was done.
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
