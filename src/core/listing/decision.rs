//! An operator's own allow or block listing.

use super::UnixTime;

/// What the operator decided. `Allow` sorts higher, so that a tie favours the number's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Block listing.
    Block,
    /// Allow listing: beats every feed and every block listing.
    Allow,
}

impl Action {
    /// The name in answers, exports and docs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Block => "BLOCK",
            Self::Allow => "ALLOW",
        }
    }
}

/// A decision with its reason, author and expiry. The field order is the merge order: the newest
/// decision wins, and any tie is broken the same way everywhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decision {
    /// When it was made.
    pub decided_at: UnixTime,
    /// Allow or block.
    pub action: Action,
    /// When it stops to count; never, if absent.
    pub expires_at: Option<UnixTime>,
    /// Why, in the operator's words.
    pub reason: String,
    /// Who.
    pub author: String,
}

impl Decision {
    /// Whether it can have been made by `now`, give or take a day for clocks that are ahead. One
    /// from the future would beat every later one.
    pub fn check(&self, now: UnixTime) -> Result<(), &'static str> {
        if self.decided_at > now.next_day() { Err("decided_at lies in the future") } else { Ok(()) }
    }

    /// Whether it still counts at `now`.
    pub fn in_force(&self, now: UnixTime) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}
