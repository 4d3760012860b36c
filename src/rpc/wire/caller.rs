//! Who makes a call, as the gate has put it into the request, and what the call takes from the caller's limit.

use tonic::Status;

use crate::access::{ANONYMOUS, Client};

use super::super::status::of_limit;

/// Whose API key a call showed; empty if keys are off.
pub(crate) fn client_name<T>(request: &tonic::Request<T>) -> String {
    let client = request.extensions().get::<Client>();
    client.map(Client::name).filter(|name| *name != ANONYMOUS).unwrap_or_default().to_owned()
}

/// Takes `numbers` from the caller's limit; a call without any costs as much as one.
pub(crate) fn charge(client: Option<&Client>, numbers: usize) -> Result<(), Status> {
    let Some(client) = client else { return Ok(()) };
    let numbers = numbers.max(1);
    client.charge(numbers).map_err(|exceeded| *of_limit(&exceeded, numbers))
}
