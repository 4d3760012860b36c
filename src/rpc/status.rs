//! The one place where errors become gRPC statuses, with the details that a client can read.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::audit::AuditError;
use crate::collect::CollectError;
use crate::store::{LEASE, StoreError};

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
    tracing::error!(%error, "an operator's change was refused");
    unavailable(format!("nothing was changed, because it cannot be put on record: {error}"))
}

/// What a store failure means to a caller.
pub(super) fn of_store(error: &StoreError) -> Status {
    tracing::error!(%error, "store call failed");
    if error.is_transient() {
        return unavailable(error.to_string());
    }
    Status::internal(error.to_string())
}

/// What a collector's failure means to a caller. [`CollectError::Unknown`] is told better by whoever
/// knows the names.
pub(super) fn of_collect(error: &CollectError) -> Status {
    let message = error.to_string();
    let retry = |after| ErrorDetails::with_retry_info(Some(after));
    let not_now = |kind: &str| {
        let details = ErrorDetails::with_precondition_failure_violation(kind, "feed", message.clone());
        Status::with_error_details(Code::FailedPrecondition, message.clone(), details)
    };
    match error {
        CollectError::Unknown(_) => not_found("there is no such feed or run"),
        CollectError::Disabled(_) => not_now("FEED_DISABLED"),
        CollectError::NoContact => not_now("NO_CONTACT"),
        CollectError::Held(_) => Status::with_error_details(Code::Aborted, message, retry(LEASE)),
        CollectError::Store(error) => of_store(error),
        CollectError::Fetch(_) => Status::with_error_details(Code::Unavailable, message, retry(SITE_RETRY)),
        CollectError::Broken(_) => {
            tracing::error!(%error, "a feed's state cannot be read");
            Status::internal(message)
        }
    }
}
