//! A store, a site that says what the test wants, and collectors that share both.

use std::cell::Cell;
use std::sync::{Arc, Mutex};

use numguard::collect::web::{FetchOptions, Fetcher};
use numguard::collect::{Collector, CollectorOptions, FeedStatus, RunReport};
use numguard::core::index::{Builder, Index, Position};
use numguard::core::listing::{Listing, Sighting, Subject, UnixTime};
use numguard::core::number::Number;
use numguard::feed::Catalogue;
use numguard::store::{Embedded, EmbeddedOptions, Store};

use crate::site::{Asked, Reply, Site, answer, wall_clock};

thread_local! {
    /// Seconds that this test's clock is ahead.
    static AHEAD: Cell<u32> = const { Cell::new(0) };
}

/// The machine's time, and what the test has added.
pub(crate) fn clock() -> UnixTime {
    UnixTime(wall_clock().0 + AHEAD.get())
}

/// Turns the test's clock.
pub(crate) fn pass(seconds: u32) {
    AHEAD.set(AHEAD.get() + seconds);
}

pub(crate) const HOUR: u32 = 3_600;
pub(crate) const FEED: &str = "example.org";

/// What the site says next: status, headers, body.
type Said = Arc<Mutex<(String, String, String)>>;

pub(crate) struct World {
    pub(crate) site: Site,
    said: Said,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) catalogue: Arc<Catalogue>,
    _folder: tempfile::TempDir,
}

/// A definition of a JSON list; `more` are further keys.
pub(crate) fn definition(name: &str, more: &str) -> (String, String) {
    let group = if more.contains("group =") {
        String::new()
    } else {
        format!("group = \"{}\"\n", name.split('.').next().unwrap())
    };
    let text = format!(
        "name = \"{name}\"\ntitle = \"Example\"\n{group}terms = \"none\"\nurls = [\"http://{name}/list\"]\n\
         interval_minutes = 60\npace_seconds = 1\nband = {{ min = 2, max = 20000 }}\n{more}\n\
         [[json]]\nrows = \"/numbers\"\nnumber = \"number\"\ndigits = \"international\"\nactive = \"active\"\n"
    );
    (format!("{name}.toml"), text)
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(&[definition(FEED, "")])
    }

    pub(crate) fn with(definitions: &[(String, String)]) -> Self {
        let said: Said = Arc::default();
        let heard = Arc::clone(&said);
        let site = Site::open(move |asked| {
            let (status, headers, body) = heard.lock().unwrap().clone();
            if headers.contains("etag") && asked.header("if-none-match").is_some() {
                return answer("304 Not Modified", "", "");
            }
            answer(&status, &headers, body)
        });
        Self::at(site, said, definitions)
    }

    /// With a site that answers as the test says.
    pub(crate) fn served(
        definitions: &[(String, String)],
        answers: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::at(Site::open(answers), Said::default(), definitions)
    }

    fn at(site: Site, said: Said, definitions: &[(String, String)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = EmbeddedOptions { data_dir: folder.path().to_owned(), cache_bytes: 8 << 20 };
        let store: Arc<dyn Store> = Arc::new(Embedded::open(&options).unwrap());
        let catalogue = Arc::new(Catalogue::new(definitions).unwrap());
        Self { site, said, store, catalogue, _folder: folder }
    }

    pub(crate) fn fetcher(&self) -> Fetcher {
        let mut options = FetchOptions::new("https://contact.example/numguard", clock).unwrap();
        options.allow_loopback = true;
        options.resolve_all_to = Some(self.site.address);
        Fetcher::new(options).unwrap()
    }

    /// As if in a process of its own.
    pub(crate) fn collector(&self, holder: &str) -> Collector {
        self.collector_on(Arc::clone(&self.store), holder)
    }

    pub(crate) fn collector_on(&self, store: Arc<dyn Store>, holder: &str) -> Collector {
        let mut options = CollectorOptions::new(holder);
        options.tick = std::time::Duration::from_millis(100);
        Collector::new(Arc::clone(&self.catalogue), store, Some(self.fetcher()), options, clock)
    }

    pub(crate) fn says(&self, status: &str, headers: &str, body: impl Into<String>) {
        *self.said.lock().unwrap() = (status.to_owned(), headers.to_owned(), body.into());
    }

    /// A list of these numbers.
    pub(crate) fn lists(&self, numbers: impl IntoIterator<Item = u64>) {
        self.says("200 OK", "", list(numbers));
    }

    pub(crate) async fn listing(&self, number: u64) -> Option<Listing> {
        let subject = Subject::Number(Number::from_digits(number).unwrap());
        self.store.get(vec![subject]).await.unwrap().remove(0)
    }

    /// What one feed says about a number: first and last time, and count.
    pub(crate) async fn said(&self, number: u64, feed: &str) -> Option<(UnixTime, UnixTime, u32)> {
        let listing = self.listing(number).await?;
        let of = |sighting: &&Sighting| sighting.feed.as_str() == feed;
        listing.sightings().iter().find(of).map(|s| (s.first_seen, s.last_seen, s.count))
    }

    /// All listings.
    pub(crate) async fn all(&self) -> Vec<(Subject, Listing)> {
        self.store.scan(None, 1_000_000).await.unwrap()
    }

    /// Count and digest of every shard.
    pub(crate) async fn digests(&self) -> Vec<(u64, u64)> {
        let digests = self.store.digests().await.unwrap();
        digests.iter().map(|shard| (shard.listings, shard.digest)).collect()
    }

    pub(crate) async fn index(&self) -> Index {
        let mut builder = Builder::default();
        self.all().await.iter().for_each(|(subject, listing)| builder.add(*subject, listing));
        builder.finish(Position::default())
    }
}

pub(crate) fn list(numbers: impl IntoIterator<Item = u64>) -> String {
    let rows: Vec<String> =
        numbers.into_iter().map(|number| format!("{{\"number\":\"{number}\"}}")).collect();
    format!("{{\"numbers\":[{}]}}", rows.join(","))
}

/// A British mobile number of an allocated range.
pub(crate) fn gb(at: u64) -> u64 {
    447_400_000_000 + at
}

pub(crate) async fn status(collector: &Collector, feed: &str) -> FeedStatus {
    collector.status().await.unwrap().into_iter().find(|status| status.name == feed).unwrap()
}

/// Outcome, rows, new, gone, again.
pub(crate) fn told(report: &RunReport) -> (&'static str, u64, u64, u64, u64) {
    let run = &report.summary;
    (run.outcome.as_str(), run.rows, run.new, run.gone, run.again)
}
