//! The Redis store against the battery, on all five set-ups.

use std::sync::Arc;
use std::time::Duration;

use numguard::store::{Redis, RedisOptions, RedisTls, Store};

use crate::battery::{self, every_case};
use crate::servers::{Place, on_every_setup};

pub(crate) fn options(url: &str, prefix: &str) -> RedisOptions {
    RedisOptions {
        address: url.parse().unwrap(),
        prefix: prefix.to_owned(),
        username: None,
        password: None,
        sentinel_username: None,
        sentinel_password: None,
        tls: RedisTls::default(),
        timeout: Duration::from_secs(5),
        wait_replicas: 0,
        log_entries: 1_000,
    }
}

async fn open(place: Place) -> Arc<dyn Store> {
    Arc::new(Redis::open(options(&place.url, &place.prefix)))
}

every_case!(on_every_setup!(open, battery,));
