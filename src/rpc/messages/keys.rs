//! API keys <-> messages. No rules.

use std::time::Duration;

use prost::Message;

use crate::access::{Scope, Wanted};
use crate::operate::OperateError;
use crate::operate::keys::{NewKey, OwnedKey, Rotation, named};
use crate::operate::once::Form;

use super::super::pb;
use super::{asked, listings};

/// A key's answer is remembered without the key's text.
pub(crate) const CREATED: Form<pb::CreateKeyResponse> = Form {
    write: |made| pb::CreateKeyResponse { api_key: String::new(), ..made.clone() }.encode_to_vec(),
    read: asked::read,
};

/// The same of a key that takes the place of another.
pub(crate) const ROTATED: Form<pb::RotateKeyResponse> = Form {
    write: |made| pb::RotateKeyResponse { api_key: String::new(), ..made.clone() }.encode_to_vec(),
    read: asked::read,
};

pub(crate) fn wanted(request: pb::CreateKeyRequest) -> Result<Wanted, OperateError> {
    let scopes = scopes(&request.scopes)?;
    let expires_at = listings::time("expires_at", request.expires_at.as_ref())?;
    Ok(Wanted { client: request.client, scopes, expires_at })
}

pub(crate) fn rotation(request: pb::RotateKeyRequest) -> Result<Rotation, OperateError> {
    let key = named(&request.key_id)?;
    let expires_at = listings::time("expires_at", request.expires_at.as_ref())?;
    let overlap = Duration::try_from(request.overlap.unwrap_or_default());
    let overlap = overlap.map_err(|_| OperateError::invalid("overlap", "expected 0 or more seconds"))?;
    Ok(Rotation { key, overlap, expires_at })
}

pub(crate) fn created(made: NewKey) -> pb::CreateKeyResponse {
    pb::CreateKeyResponse { key: Some(key(&made.key)), api_key: made.text }
}

pub(crate) fn rotated(made: NewKey) -> pb::RotateKeyResponse {
    let old = made.old.as_ref().map(key);
    pb::RotateKeyResponse { key: Some(key(&made.key)), api_key: made.text, old }
}

pub(crate) fn key(OwnedKey { client, record }: &OwnedKey) -> pb::Key {
    pb::Key {
        key_id: record.id.to_string(),
        client: client.clone(),
        scopes: record.scopes.iter().map(|scope| pb_scope(*scope).into()).collect(),
        created_at: Some(listings::timestamp(record.created_at)),
        expires_at: record.expires_at.map(listings::timestamp),
        revoked_at: record.revoked_at.map(listings::timestamp),
    }
}

fn pb_scope(scope: Scope) -> pb::Scope {
    match scope {
        Scope::Check => pb::Scope::Check,
        Scope::Report => pb::Scope::Report,
        Scope::Read => pb::Scope::Read,
        Scope::Admin => pb::Scope::Admin,
    }
}

fn scopes(scopes: &[i32]) -> Result<Vec<Scope>, OperateError> {
    let known = |(at, scope): (usize, &i32)| {
        let found = Scope::ALL.into_iter().find(|known| i32::from(pb_scope(*known)) == *scope);
        let expected = "expected CHECK, REPORT, READ or ADMIN";
        found.ok_or_else(|| OperateError::invalid(format!("scopes[{at}]"), expected))
    };
    scopes.iter().enumerate().map(known).collect()
}
