//! What clients report of outcomes, as sightings: under which names, and what the names say.
//!
//! | name | means |
//! |---|---|
//! | `client.acme__reports` | the client `acme` confirmed abuse |
//! | `client.acme__verified` | people proved to it that they hold the number |
//! | `client.acme__vouched` | the same, from a client of high trust |
//!
//! Each client is a group of its own (`FeedName::family`). Verifications speak for a number, so they
//! are no evidence that a feed saw it: nothing but the inferred ranges may look at them.

use super::FeedName;

const PREFIX: &str = "client.";
const REPORTS: &str = "__reports";
const VERIFIED: &str = "__verified";
const VOUCHED: &str = "__vouched";

/// The longest name of a client that is taken as it is.
const LONGEST_CLIENT: usize = 30;

/// What a client reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Report {
    /// Abuse.
    Abuse,
    /// Somebody proved to hold the number.
    Verified,
    /// The same, from a client of high trust.
    Vouched,
}

impl FeedName {
    /// The name under which a client's reports stand. A client's name that is no part of a feed's
    /// name is made one, with a digest so that no two clients become one.
    pub fn of_client(client: &str, report: Report) -> Self {
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
        let fits = !client.is_empty() && client.len() <= LONGEST_CLIENT && client.chars().all(good);
        let client = if fits {
            client.to_owned()
        } else {
            let lower = client.chars().map(|c| c.to_ascii_lowercase());
            let kept: String = lower.map(|c| if good(c) { c } else { '-' }).take(20).collect();
            format!("{kept}-{}", blake3::hash(client.as_bytes()).to_hex().chars().take(8).collect::<String>())
        };
        let suffix = match report {
            Report::Abuse => REPORTS,
            Report::Verified => VERIFIED,
            Report::Vouched => VOUCHED,
        };
        Self(format!("{PREFIX}{client}{suffix}").into())
    }

    /// Which client's report a sighting of this name is, and what it says; nothing for feeds.
    pub fn report(&self) -> Option<(&str, Report)> {
        let (client, what) = self.as_str().strip_prefix(PREFIX)?.split_once("__")?;
        let report = match what {
            "reports" => Report::Abuse,
            "verified" => Report::Verified,
            "vouched" => Report::Vouched,
            _ => return None,
        };
        Some((client, report))
    }

    /// Whether a sighting of this name speaks for the number, so that it is none.
    pub fn is_verification(&self) -> bool {
        matches!(self.report(), Some((_, Report::Verified | Report::Vouched)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_clients_come_back_and_each_is_a_family() {
        for (client, name) in [
            ("acme", "client.acme__verified"),
            ("Acme Ltd", "client.acme-ltd-a2db89a9__verified"),
            ("a__b", "client.a--b-"),
            ("", "client.-"),
            (&"x".repeat(99), "client.xxxxxxxxxxxxxxxxxxxx-"),
        ] {
            let feed = FeedName::of_client(client, Report::Verified);
            assert!(feed.as_str().starts_with(name.trim_end_matches("a2db89a9__verified")), "{feed}");
            assert_eq!(feed.as_str().parse::<FeedName>().as_ref(), Ok(&feed), "a name as any other");
            let (told, report) = feed.report().unwrap_or_else(|| panic!("{feed}"));
            assert_eq!(report, Report::Verified);
            assert_eq!(feed.family(), format!("client.{told}"));
        }
        let [one, other] = ["Acme", "aCme"].map(|client| FeedName::of_client(client, Report::Abuse));
        assert_ne!(one, other);
        for feed in ["castle", "client.acme", "a__verified", "client.a__b"] {
            let feed: FeedName = feed.parse().unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(feed.report(), None);
        }
    }
}
