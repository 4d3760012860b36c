//! The one door through which calls read numbers as people type them.
//!
//! What the number library lacks is compiled on a thread for blocking work. Only the call that needs it
//! waits: no worker does, and no other call. A worker must not call `number::parse`, which would compile
//! there. Runs of feeds and the starter list are read on threads for blocking work already.

use tokio::sync::Semaphore;

use crate::core::listing::Subject;
use crate::core::number::{self, Cold, ParseError, Parsed, Region};
use crate::operate::OperateError;

use super::status::Wrong;

/// One at a time, so that a client that asks for all regions at once leaves the other cores to checks.
static COMPILING: Semaphore = Semaphore::const_new(1);

/// Why a request is not answered.
pub(super) enum Unanswered {
    Wrong(Wrong),
    /// The number library lacks something: ask again once it has it.
    Cold(Cold),
}

impl From<Wrong> for Unanswered {
    fn from(wrong: Wrong) -> Self {
        Self::Wrong(wrong)
    }
}

impl From<Cold> for Unanswered {
    fn from(cold: Cold) -> Self {
        Self::Cold(cold)
    }
}

/// Parses `text`, and waits for what the library lacks.
pub(super) async fn parse(text: &str, default_region: Option<Region>) -> Result<Parsed, ParseError> {
    loop {
        match number::parse_if_warm(text, default_region) {
            Ok(parsed) => return parsed,
            Err(cold) => warm(cold).await,
        }
    }
}

/// A subject that checks can meet: a number in the form in which parsing leaves it.
pub(super) async fn checkable(field: &str, subject: Subject) -> Result<(), OperateError> {
    let Subject::Number(number) = subject else { return Ok(()) };
    match parse(&number.as_e164(), None).await {
        Ok(parsed) if parsed.number == number => Ok(()),
        Ok(_) => {
            Err(OperateError::invalid(field, "holds a national prefix after the country code: leave it out"))
        }
        Err(error) => Err(OperateError::invalid(field, error)),
    }
}

/// Asks for an answer until the number library has all that the number needs; no worker waits for it.
pub(super) async fn once_warm<T>(mut answer: impl FnMut() -> Result<T, Unanswered>) -> Result<T, Wrong> {
    loop {
        match answer() {
            Ok(answer) => return Ok(answer),
            Err(Unanswered::Wrong(wrong)) => return Err(wrong),
            // Boxed, so that the future of every call stays small.
            Err(Unanswered::Cold(cold)) => Box::pin(warm(cold)).await,
        }
    }
}

/// Compiles what is cold on a thread for blocking work.
pub(super) async fn warm(cold: Cold) {
    // The semaphore is never closed.
    let Ok(permit) = COMPILING.acquire().await else { return };
    // Calls that came for the same have waited for the first of them.
    if cold.is_warm() {
        return;
    }
    let compiling = tokio::task::spawn_blocking(move || {
        // It is kept here: a caller that gives up must not let a second one begin.
        let _permit = permit;
        cold.warm();
    });
    // One that panicked counts as warm: the caller asks once more, and the library does what it can.
    let _ = compiling.await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_that_waits_for_its_region_holds_up_no_other() -> Result<(), Box<dyn std::error::Error>> {
        // As if another region were being compiled.
        let busy = COMPILING.acquire().await?;
        let (typed, region) = ("76 12 34 56", Region::new("NE"));
        let waiting = tokio::spawn(parse(typed, region));
        tokio::task::yield_now().await;
        let other = parse("+44 7400 123456", None).await?;
        assert_eq!(other.number.as_e164(), "+447400123456");
        assert!(!waiting.is_finished(), "nobody else in these tests asks for that region");
        drop(busy);
        let parsed = waiting.await?;
        assert_eq!(parsed, number::parse(typed, region));
        assert!(number::parse_if_warm(typed, region).is_ok(), "it is warm now");
        Ok(())
    }
}
