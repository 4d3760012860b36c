//! Flags that tell what a platform would: the context of a check. `check` and `explain` share them.

use clap::ValueEnum;

use crate::core::listing::UnixTime;
use crate::rpc::pb;

/// What is known about the registration beside the number.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ContextArgs {
    /// Region of the client's address, such as PE
    #[arg(long, value_name = "REGION", default_value = "")]
    ip_region: String,
    /// Kind of account that is registered
    #[arg(long, value_name = "KIND")]
    account: Option<Account>,
    /// When the number was last verified by a code: a date (2026-05-31) or a time
    #[arg(long, value_name = "DATE|TIME")]
    last_verified: Option<UnixTime>,
    /// Named policy that judges, instead of the usual one
    #[arg(long, value_name = "NAME", default_value = "")]
    policy: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Account {
    Consumer,
    Business,
}

impl ContextArgs {
    /// The request about one number in this context; nobody registers.
    pub(crate) fn request(&self, number: &str, default_region: &str) -> pb::CheckNumberRequest {
        let account_type = match self.account {
            None => pb::AccountType::Unspecified,
            Some(Account::Consumer) => pb::AccountType::Consumer,
            Some(Account::Business) => pb::AccountType::Business,
        };
        let last_verified =
            self.last_verified.map(|time| prost_types::Timestamp { seconds: time.0.into(), nanos: 0 });
        pb::CheckNumberRequest {
            number: number.to_owned(),
            default_region: default_region.to_owned(),
            context: Some(pb::CheckContext {
                ip_region: self.ip_region.clone(),
                account_type: account_type.into(),
                last_verified_at: last_verified,
                correlation_id: String::new(),
                policy: self.policy.clone(),
            }),
            dry_run: true,
        }
    }
}
