//! The one place where errors become gRPC statuses, with the details that a client can read.

use std::borrow::Cow;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::access::{Denied, Exceeded, KeyError, Weight};
use crate::collect::CollectError;
use crate::operate::audit::AuditError;
use crate::store::{LEASE, StoreError};

use super::wire::seldom::Seldom;

/// A field of a request that is out of form, and what was expected there.
pub(super) type Wrong = (&'static str, Cow<'static, str>);

/// A site that could not be asked is left alone for so long: clients that retry must not hurry it.
const SITE_RETRY: Duration = Duration::from_secs(3_600);

/// INVALID_ARGUMENT with the field named in the message and in BadRequest details.
pub(super) fn invalid(field: impl Into<String>, expected: impl ToString) -> Status {
    let (field, expected) = (field.into(), expected.to_string());
    let message = format!("{field}: {expected}");
    Status::with_error_details(
        Code::InvalidArgument,
        message,
        ErrorDetails::with_bad_request_violation(field, expected),
    )
}

/// NOT_FOUND; `what` must not hold a number's digits.
pub(super) fn not_found(what: &str) -> Status {
    Status::not_found(what)
}

/// There is no index yet.
pub(super) fn not_loaded() -> Status {
    unavailable("no index is loaded yet: the store has not answered since the start")
}

fn unavailable(message: impl Into<String>) -> Status {
    let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(1)));
    Status::with_error_details(Code::Unavailable, message, details)
}

/// What cannot be put on record is not done.
pub(super) fn of_audit(error: &AuditError) -> Status {
    if matches!(error, AuditError::Closed) {
        return Status::failed_precondition(error.to_string());
    }
    tracing::error!(%error, "an operator's change was refused");
    unavailable(format!("nothing was changed, because it cannot be put on record: {error}"))
}

/// What a store failure means to a caller. A store that is away fails every call, so that is told seldom.
pub(super) fn of_store(error: &StoreError) -> Status {
    static AWAY: Seldom = Seldom::once(Duration::from_secs(10));
    if error.is_transient() {
        AWAY.tell(|untold| tracing::error!(%error, untold, "a call failed, because the store is away"));
        return unavailable(error.to_string());
    }
    tracing::error!(%error, "a call to the store failed");
    Status::internal(error.to_string())
}

/// Why a call is not let in.
pub(super) fn of_denied(denied: &Denied) -> Box<Status> {
    let message = denied.to_string();
    let code = match denied {
        Denied::NotLoaded => return Box::new(unavailable(message)),
        Denied::Scope { .. } => Code::PermissionDenied,
        _ => Code::Unauthenticated,
    };
    let reason = format!("API_KEY_{}", denied.word().to_uppercase());
    let details = ErrorDetails::with_error_info(reason, "numguard", std::collections::HashMap::new());
    Box::new(Status::with_error_details(code, message, details))
}

/// A client's limit is reached.
pub(super) fn of_limit(exceeded: &Exceeded, numbers: usize) -> Box<Status> {
    Box::new(match exceeded {
        Exceeded::Wait(after) => Status::with_error_details(
            Code::ResourceExhausted,
            format!(
                "this client is over its limit: {numbers} more pass in {:.1} s (each number of a batch counts)",
                after.as_secs_f64()
            ),
            ErrorDetails::with_retry_info(Some(*after)),
        ),
        Exceeded::Never { burst } => Status::resource_exhausted(format!(
            "{numbers} numbers at once are more than this client's limit of {burst}: send smaller batches"
        )),
    })
}

/// There is no permit for the call now.
pub(super) fn too_busy(weight: Weight) -> Status {
    let (what, after) = match weight {
        Weight::Light | Weight::Refused => ("checks", 50),
        Weight::Arriving => ("checks whose requests have not arrived", 50),
        Weight::Heavy => ("calls with large answers", 250),
        Weight::Stream => ("streams", 1_000),
        Weight::Probe => ("questions about health", 1_000),
    };
    let details = ErrorDetails::with_retry_info(Some(Duration::from_millis(after)));
    let who = if weight == Weight::Probe { "connection" } else { "client" };
    let message = format!(
        "as many {what} are open as this server takes at a time, or as it takes from one {who}: open fewer at a \
         time, try again, or ask another replica"
    );
    Status::with_error_details(Code::ResourceExhausted, message, details)
}

/// What a failure about keys means to a caller.
pub(super) fn of_key(error: &KeyError) -> Status {
    let message = error.to_string();
    match error {
        KeyError::Wrong { field, expected } => invalid(*field, expected),
        KeyError::Unknown(_) => not_found(&message),
        KeyError::Enough { .. } | KeyError::Dead { .. } => Status::failed_precondition(message),
        KeyError::Busy(_) => Status::aborted(message),
        KeyError::NoRandomness => unavailable(message),
        KeyError::Store(error) => of_store(error),
        KeyError::Broken { .. } => {
            tracing::error!(%error, "keys cannot be read");
            Status::internal(message)
        }
    }
}

/// What a collector's failure means to a caller.
pub(super) fn of_collect(error: &CollectError) -> Status {
    let message = error.to_string();
    let retry = |after| ErrorDetails::with_retry_info(Some(after));
    let not_now = |kind: &str| {
        let details = ErrorDetails::with_precondition_failure_violation(kind, "feed", message.clone());
        Status::with_error_details(Code::FailedPrecondition, message.clone(), details)
    };
    match error {
        CollectError::Unknown { known, .. } => {
            not_found(&format!("no feed has that name; there are {known}"))
        }
        CollectError::NoRun { .. } => not_found(&message),
        CollectError::NoHolders(_) => invalid("feed", message),
        CollectError::BadFile { .. } => invalid("file", message),
        CollectError::Disabled { .. } => not_now("FEED_DISABLED"),
        CollectError::NoContact => not_now("NO_CONTACT"),
        CollectError::Held(_) => Status::with_error_details(Code::Aborted, message, retry(LEASE)),
        CollectError::Store(error) => of_store(error),
        CollectError::Fetch(_) => Status::with_error_details(Code::Unavailable, message, retry(SITE_RETRY)),
        CollectError::Broken { .. } => {
            tracing::error!(%error, "a feed's state cannot be read");
            Status::internal(message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::web::FetchError;

    #[test]
    fn a_collectors_failures_tell_what_a_client_can_do() {
        use CollectError as E;
        let told = || "castle".to_owned();
        for (error, code, retry) in [
            (E::Unknown { name: told(), known: told() }, Code::NotFound, None),
            (E::NoRun { feed: told(), why: told() }, Code::NotFound, None),
            (E::Disabled { feed: told(), why: told() }, Code::FailedPrecondition, None),
            (E::NoContact, Code::FailedPrecondition, None),
            (E::Held(told()), Code::Aborted, Some(LEASE)),
            (
                E::Store(StoreError::Unavailable("down".to_owned())),
                Code::Unavailable,
                Some(Duration::from_secs(1)),
            ),
            (E::Fetch(FetchError::TooManyHosts { limit: 1 }), Code::Unavailable, Some(SITE_RETRY)),
            (E::Broken { note: told(), why: told() }, Code::Internal, None),
        ] {
            let status = of_collect(&error);
            let after = status.get_error_details().retry_info().and_then(|info| info.retry_delay);
            assert_eq!((status.code(), after), (code, retry), "{error}");
        }
        let off = of_collect(&E::NoContact).get_error_details();
        let violation = off.precondition_failure().and_then(|failure| failure.violations.first().cloned());
        assert_eq!(violation.map(|violation| violation.r#type).as_deref(), Some("NO_CONTACT"));
    }
}
