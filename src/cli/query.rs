//! The flags of a verb that asks a service and prints the answer as a table or JSON.

use anyhow::Result;

use super::connection::{Client, ServerArg};
use super::output::{Output, OutputArg};

/// `--output` and the connection.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct QueryArgs {
    #[command(flatten)]
    output: OutputArg,
    #[command(flatten)]
    server: ServerArg,
}

impl QueryArgs {
    pub(crate) async fn client(&self) -> Result<Client> {
        Client::connect(&self.server).await
    }

    pub(crate) fn form(&self) -> Output {
        self.output.form()
    }
}
