//! The five set-ups that a store on Redis must work on, each started once per test process.
//!
//! A case gets a `Place`: the URL, and a key prefix that no other case has. It must neither pause nor
//! kill anything here; a test that does starts servers of its own.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Cluster, Flavor, Sentinels, Server};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Setup {
    Redis7,
    Valkey9,
    Redis8,
    Cluster,
    Sentinels,
}

/// Where a case keeps its keys.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) prefix: String,
}

/// Kept alive by a static, and killed with the process by their watchdogs.
enum Running {
    Server(Server),
    Cluster(Cluster),
    Sentinels(Sentinels),
}

static RUNNING: [OnceLock<Option<Running>>; 5] = [const { OnceLock::new() }; 5];

impl Setup {
    /// A place of the caller's own. Nothing if a program is missing, which is said for each test.
    pub(crate) fn place(self) -> Option<Place> {
        self.flavor().program()?;
        let running = RUNNING[self as usize].get_or_init(|| self.start()).as_ref()?;
        let url = match running {
            Running::Server(server) => server.url(),
            Running::Cluster(cluster) => cluster.url(),
            Running::Sentinels(sentinels) => sentinels.url(),
        };
        static NEXT: AtomicU32 = AtomicU32::new(1);
        Some(Place { url, prefix: format!("t{}:", NEXT.fetch_add(1, Ordering::Relaxed)) })
    }

    fn flavor(self) -> Flavor {
        match self {
            Self::Redis7 | Self::Sentinels => Flavor::Redis7,
            Self::Valkey9 | Self::Cluster => Flavor::Valkey9,
            Self::Redis8 => Flavor::Redis8,
        }
    }

    fn start(self) -> Option<Running> {
        let flavor = self.flavor();
        match self {
            Self::Redis7 | Self::Valkey9 | Self::Redis8 => Server::start(flavor, &[]).map(Running::Server),
            Self::Cluster => Cluster::start_shared(flavor).map(Running::Cluster),
            Self::Sentinels => Sentinels::start_shared(flavor).map(Running::Sentinels),
        }
    }
}

/// Runs each case on each set-up: `on_every_setup!(open, battery, [case, case])` makes the tests
/// `redis7::case`, `cluster::case` and so on, which call `battery::case(open(place).await).await`.
/// The whole battery: `every_case!(on_every_setup!(open, battery,))`.
macro_rules! on_every_setup {
    ($open:path, $battery:ident, $cases:tt) => {
        mod redis7 {
            use super::*;
            $crate::servers::on_setup!(Redis7, $open, $battery, $cases);
        }
        mod valkey9 {
            use super::*;
            $crate::servers::on_setup!(Valkey9, $open, $battery, $cases);
        }
        mod redis8 {
            use super::*;
            $crate::servers::on_setup!(Redis8, $open, $battery, $cases);
        }
        mod cluster {
            use super::*;
            $crate::servers::on_setup!(Cluster, $open, $battery, $cases);
        }
        mod sentinels {
            use super::*;
            $crate::servers::on_setup!(Sentinels, $open, $battery, $cases);
        }
    };
}

macro_rules! on_setup {
    ($setup:ident, $open:path, $battery:ident, [$($case:ident),* $(,)?]) => {$(
        #[tokio::test]
        async fn $case() {
            if let Some(place) = $crate::servers::Setup::$setup.place() {
                $battery::$case($open(place).await).await;
            }
        }
    )*};
}

pub(crate) use {on_every_setup, on_setup};
