//! Why a page could not be fetched: one line each, with the URL masked.
//!
//! A site's "no" is no error: it is [`super::Fetched::Refused`]. Must not hold digits of a number,
//! nor the log-in of a URL.

/// Why a page could not be fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The engine cannot be set up like this.
    #[error("fetching: {0}")]
    Options(String),
    /// A URL that is never asked for.
    #[error("{url} is not asked for: {why}")]
    Url {
        /// Masked.
        url: String,
        /// What is wrong with it, and what was expected.
        why: &'static str,
    },
    /// The name leads to a private, local or reserved address.
    #[error("{url} is not asked for: its address is not on the public internet")]
    Address {
        /// Masked.
        url: String,
    },
    /// The site sends us where we do not follow.
    #[error("{url}: redirect not followed: {why}")]
    Redirect {
        /// The page that redirects, masked.
        url: String,
        /// Why not.
        why: String,
    },
    /// More bytes, once unpacked, than a page may have.
    #[error("{url} has more than {limit} bytes: given up, raise max_page_bytes if it should have")]
    TooLarge {
        /// Masked.
        url: String,
        /// The cap.
        limit: usize,
    },
    /// A time cap was reached.
    #[error("{url} is too slow: {why}")]
    TooSlow {
        /// Masked.
        url: String,
        /// Which cap.
        why: String,
    },
    /// An answer that is not to be used: broken HTTP, too many headers, an unknown encoding.
    #[error("{url} gave an answer that cannot be used: {why}")]
    Answer {
        /// Masked.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// No connection, or it broke.
    #[error("{url} cannot be reached: {why}")]
    Network {
        /// Masked.
        url: String,
        /// What the network says.
        why: String,
    },
    /// As many hosts as are ever remembered are in use.
    #[error("more than {limit} hosts in a day: no others are asked, as their pace could not be kept")]
    TooManyHosts {
        /// The cap.
        limit: usize,
    },
}
