//! The one place where errors become gRPC statuses, with the details that a client can read.

use std::borrow::Cow;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::access::{Denied, Exceeded, KeyError, Weight};
use crate::collect::CollectError;
use crate::operate::audit::AuditError;
use crate::operate::{OperateError, REUSED};
use crate::store::{LEASE, StoreError};

use crate::log_limiter::LogLimiter;

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

impl From<OperateError> for Status {
    fn from(error: OperateError) -> Self {
        of_operate(&error)
    }
}

/// Why what somebody asked for was not done. The message is the error's own text; the code says what the
/// caller can do about it.
pub(crate) fn of_operate(error: &OperateError) -> Status {
    let message = error.to_string();
    match error {
        OperateError::Invalid { field, expected } => invalid(field, expected),
        OperateError::Reused => invalid("request_id", REUSED),
        OperateError::NotFound(what) => not_found(what),
        OperateError::ChangedSince { .. } => not_now("CHANGED_SINCE", "subject", message),
        OperateError::InWork => {
            let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(1)));
            Status::with_error_details(Code::Aborted, message, details)
        }
        OperateError::Crowded => Status::aborted(message),
        OperateError::Unreadable(_) | OperateError::EndedEarly { .. } => Status::internal(message),
        OperateError::Audit(error) => of_audit(error, message),
        OperateError::Store(error) => of_store(error),
        OperateError::Key(error) => of_key(error),
        OperateError::Collect(error) => of_collect(error, message),
    }
}

/// FAILED_PRECONDITION: the kind of obstacle, and the field of the request that it is about.
fn not_now(kind: &str, field: &str, message: String) -> Status {
    let details = ErrorDetails::with_precondition_failure_violation(kind, field, message.clone());
    Status::with_error_details(Code::FailedPrecondition, message, details)
}

/// What cannot be put on record is not done.
fn of_audit(error: &AuditError, message: String) -> Status {
    if matches!(error, AuditError::Closed) {
        return Status::failed_precondition(message);
    }
    tracing::error!(%error, "an operator's change was refused");
    unavailable(message)
}

/// What a store failure means to a caller. A store that is away fails every call, so one line is logged in ten seconds.
pub(super) fn of_store(error: &StoreError) -> Status {
    static AWAY: LogLimiter = LogLimiter::once(Duration::from_secs(10));
    if error.is_transient() {
        AWAY.log(|untold| tracing::error!(%error, untold, "a call failed, because the store is away"));
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
fn of_key(error: &KeyError) -> Status {
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
fn of_collect(error: &CollectError, message: String) -> Status {
    let retry = |after| ErrorDetails::with_retry_info(Some(after));
    match error {
        CollectError::Unknown { .. } | CollectError::NoRun { .. } => not_found(&message),
        CollectError::NoHolders(_) => invalid("feed", error),
        CollectError::BadFile { .. } => invalid("file", error),
        CollectError::Disabled { .. } => not_now("FEED_DISABLED", "feed", message),
        CollectError::NoContact => not_now("NO_CONTACT", "feed", message),
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

    fn word() -> String {
        "castle".to_owned()
    }

    /// Field of the first violation of BadRequest, kind and subject of the first of PreconditionFailure.
    fn violations(status: &Status) -> (Option<String>, Option<(String, String)>) {
        let details = status.get_error_details();
        let field =
            details.bad_request().and_then(|bad| bad.field_violations.first()).map(|one| one.field.clone());
        let kind = details.precondition_failure().and_then(|failure| failure.violations.first());
        (field, kind.map(|one| (one.r#type.clone(), one.subject.clone())))
    }

    fn retry(status: &Status) -> Option<Duration> {
        status.get_error_details().retry_info().and_then(|info| info.retry_delay)
    }

    #[test]
    fn what_is_not_done_tells_a_client_what_it_can_do() {
        use OperateError as E;
        const SECOND: Option<Duration> = Some(Duration::from_secs(1));
        let down = || StoreError::Unavailable("down".to_owned());
        let disk = || AuditError::File {
            verb: "write",
            path: word(),
            error: std::io::ErrorKind::StorageFull.into(),
        };
        let no_run = || CollectError::NoRun { feed: word(), why: word() };
        let id = || "ng_0123456789ab".parse().unwrap_or_else(|e| panic!("{e}"));
        for (error, code, after) in [
            (E::invalid("author", "is long"), Code::InvalidArgument, None),
            (E::Reused, Code::InvalidArgument, None),
            (E::not_found("the subject is not listed"), Code::NotFound, None),
            (E::ChangedSince { subject: 1, subjects: 2, line: 3 }, Code::FailedPrecondition, None),
            (E::InWork, Code::Aborted, SECOND),
            (E::Crowded, Code::Aborted, None),
            (E::Unreadable(word()), Code::Internal, None),
            (E::EndedEarly { what: "the work", why: word() }, Code::Internal, None),
            (E::Audit(AuditError::Closed), Code::FailedPrecondition, None),
            (E::Audit(disk()), Code::Unavailable, SECOND),
            (E::Store(down()), Code::Unavailable, SECOND),
            (E::Store(StoreError::Unconfirmed(word())), Code::Unavailable, SECOND),
            (E::Store(StoreError::Damaged(word())), Code::Internal, None),
            (E::Key(KeyError::Wrong { field: "scopes", expected: word() }), Code::InvalidArgument, None),
            (E::Key(KeyError::Unknown(id())), Code::NotFound, None),
            (E::Key(KeyError::Enough { client: word(), keys: word() }), Code::FailedPrecondition, None),
            (
                E::Key(KeyError::Dead { key: id(), client: word(), what: word() }),
                Code::FailedPrecondition,
                None,
            ),
            (E::Key(KeyError::Busy(word())), Code::Aborted, None),
            (E::Key(KeyError::NoRandomness), Code::Unavailable, SECOND),
            (E::Key(KeyError::Broken { client: word(), why: word() }), Code::Internal, None),
            (E::Key(KeyError::Store(down())), Code::Unavailable, SECOND),
            (E::Collect(no_run()), Code::NotFound, None),
        ] {
            let status = of_operate(&error);
            assert_eq!((status.code(), retry(&status)), (code, after), "{error}");
            assert_eq!(status.message(), error.to_string(), "a record and a caller read the same words");
        }
        let fields = |error| violations(&of_operate(&error));
        assert_eq!(fields(E::invalid("author", "is long")).0.as_deref(), Some("author"));
        assert_eq!(fields(E::Reused).0.as_deref(), Some("request_id"));
        let wrong = KeyError::Wrong { field: "scopes", expected: word() };
        assert_eq!(fields(E::Key(wrong)).0.as_deref(), Some("scopes"));
        let since = fields(E::ChangedSince { subject: 1, subjects: 2, line: 3 }).1;
        assert_eq!(since, Some(("CHANGED_SINCE".to_owned(), "subject".to_owned())));
    }

    #[test]
    fn a_collectors_failures_tell_what_a_client_can_do() {
        use CollectError as E;
        let off = || E::Disabled { feed: word(), why: word() };
        for (error, code, after) in [
            (E::Unknown { name: "typed".to_owned(), known: word() }, Code::NotFound, None),
            (E::NoRun { feed: word(), why: word() }, Code::NotFound, None),
            (E::NoHolders(word()), Code::InvalidArgument, None),
            (E::BadFile { file: word(), why: word() }, Code::InvalidArgument, None),
            (off(), Code::FailedPrecondition, None),
            (E::NoContact, Code::FailedPrecondition, None),
            (E::Held(word()), Code::Aborted, Some(LEASE)),
            (
                E::Store(StoreError::Unavailable("down".to_owned())),
                Code::Unavailable,
                Some(Duration::from_secs(1)),
            ),
            (E::Fetch(FetchError::TooManyHosts { limit: 1 }), Code::Unavailable, Some(SITE_RETRY)),
            (E::Broken { note: word(), why: word() }, Code::Internal, None),
        ] {
            let error = OperateError::Collect(error);
            let status = of_operate(&error);
            assert_eq!((status.code(), retry(&status)), (code, after), "{error}");
            assert_eq!(status.message(), error.to_string(), "a record and a caller read the same words");
            assert!(!status.message().contains("typed"), "what was typed may be a number: {error}");
        }
        let fields = |error| violations(&of_operate(&OperateError::Collect(error)));
        assert_eq!(fields(E::NoHolders(word())).0.as_deref(), Some("feed"));
        assert_eq!(fields(E::BadFile { file: word(), why: word() }).0.as_deref(), Some("file"));
        for (error, kind) in [(E::NoContact, "NO_CONTACT"), (off(), "FEED_DISABLED")] {
            assert_eq!(fields(error).1, Some((kind.to_owned(), "feed".to_owned())));
        }
    }
}
