//! The listener's certificate: read, checked, and read again when its files change.
//!
//! A new certificate that is wrong never takes the place of the one in use. Must not tell what a
//! key file holds.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::sync::watch;
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::Decode;
use x509_cert::time::Time;

use crate::core::listing::UnixTime;

use super::metrics;

/// How often the files are compared with what was read last.
const EVERY: Duration = Duration::from_secs(2);

/// Makes ring the provider of everything in this process that speaks TLS. Call it first.
pub fn install_tls_provider() {
    // Fails if one is installed, which then serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The files of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsOptions {
    /// PEM: our certificate, then those between it and its authority.
    pub certificate: PathBuf,
    /// PEM: its private key.
    pub key: PathBuf,
    /// PEM: who signs clients' certificates; with it, a client has to show one.
    pub client_authority: Option<PathBuf>,
}

/// Why certificates cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}: {error}")]
    File {
        /// Which.
        path: String,
        /// What the system said.
        error: String,
    },
    /// A file holds something else.
    #[error("{path}: expected {expected} in PEM")]
    NotPem {
        /// Which.
        path: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// The certificate counts no more, or not yet.
    #[error("{path}: the certificate {what}: put a valid one in its place")]
    Validity {
        /// Which.
        path: String,
        /// `expired at ...` or `is valid from ...`.
        what: String,
    },
    /// Certificate and key do not fit, or the library does not know their kind.
    #[error("{certificate} and {key}: {reason}")]
    Unusable {
        /// Which certificate.
        certificate: String,
        /// Which key.
        key: String,
        /// What the library said.
        reason: String,
    },
}

/// What was read, so that a change is seen.
#[derive(Clone, PartialEq, Eq)]
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_authority: Option<Vec<u8>>,
}

/// A listener's TLS.
pub struct Tls {
    options: TlsOptions,
    clock: fn() -> UnixTime,
    config: ArcSwap<ServerConfig>,
    /// What was looked at last, or why it could not be read.
    seen: Mutex<Result<Files, TlsError>>,
}

impl Tls {
    /// Reads and checks the files.
    pub fn open(options: TlsOptions, clock: fn() -> UnixTime) -> Result<Self, TlsError> {
        let files = options.read()?;
        let config = options.config(&files, clock())?;
        metrics::in_use(options.validity(&files, clock())?);
        Ok(Self { options, clock, config: ArcSwap::from_pointee(config), seen: Mutex::new(Ok(files)) })
    }

    /// What a new connection is greeted with.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.config.load_full()
    }

    /// Takes over files that have changed: `None` if they have not, else until when the new
    /// certificate counts, or why the old one stays. Each change is told once.
    pub fn reload(&self) -> Option<Result<UnixTime, TlsError>> {
        let read = self.options.read();
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if *seen == read {
                return None;
            }
            seen.clone_from(&read);
        }
        Some(read.and_then(|files| {
            let now = (self.clock)();
            let config = self.options.config(&files, now)?;
            let until = self.options.validity(&files, now)?;
            self.config.store(Arc::new(config));
            metrics::in_use(until);
            Ok(until)
        }))
    }

    /// Looks after the files until `stopped`.
    pub async fn follow(self: Arc<Self>, mut stopped: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = stopped.wait_for(|stopped| *stopped) => return,
            }
            let tls = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || tls.reload()).await {
                Ok(Some(Ok(until))) => tracing::info!(%until, "the new certificate is in use"),
                Ok(Some(Err(error))) => {
                    metrics::RELOAD_FAILURES.inc();
                    tracing::error!(%error, "the old certificate stays in use, the new one cannot be used");
                }
                _ => {}
            }
        }
    }
}

impl TlsOptions {
    fn read(&self) -> Result<Files, TlsError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|error| TlsError::File {
                path: path.display().to_string(),
                error: error.to_string(),
            })
        };
        Ok(Files {
            certificate: read(&self.certificate)?,
            key: read(&self.key)?,
            client_authority: self.client_authority.as_deref().map(read).transpose()?,
        })
    }

    fn config(&self, files: &Files, now: UnixTime) -> Result<ServerConfig, TlsError> {
        let chain = certificates(&self.certificate, &files.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&files.key)
            .map_err(|_| not_pem(&self.key, "a private key without a passphrase"))?;
        self.validity(files, now)?;
        let unusable = |reason: String| TlsError::Unusable {
            certificate: self.certificate.display().to_string(),
            key: self.key.display().to_string(),
            reason,
        };
        let building = ServerConfig::builder();
        let building = match self.client_authority.as_deref().zip(files.client_authority.as_deref()) {
            None => building.with_no_client_auth(),
            Some((path, pem)) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path, pem)? {
                    roots.add(certificate).map_err(|_| not_pem(path, "certificates of an authority"))?;
                }
                let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build();
                building.with_client_cert_verifier(verifier.map_err(|error| unusable(error.to_string()))?)
            }
        };
        let mut config = building.with_single_cert(chain, key).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => unusable("the key is not the certificate's".to_owned()),
            other => unusable(other.to_string()),
        })?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }

    /// Until when the first certificate counts, if it does now.
    fn validity(&self, files: &Files, now: UnixTime) -> Result<UnixTime, TlsError> {
        let path = self.certificate.display().to_string();
        let chain = certificates(&self.certificate, &files.certificate)?;
        let first = chain.first().map(|certificate| certificate.as_ref()).unwrap_or_default();
        let odd = |_| not_pem(&self.certificate, "a certificate (X.509, valid from 1970 or later)");
        // Raw: a serial number longer than RFC 5280 allows does not matter here.
        let certificate = CertificateInner::<Raw>::from_der(first).map_err(odd)?;
        let validity = certificate.tbs_certificate().validity();
        let (from, until) = (unix_time(validity.not_before), unix_time(validity.not_after));
        if now > until {
            return Err(TlsError::Validity { path, what: format!("expired at {until}") });
        }
        if now < from {
            return Err(TlsError::Validity { path, what: format!("is valid from {from} only") });
        }
        Ok(until)
    }
}

/// What lies beyond the last moment that we can name counts as that moment.
fn unix_time(time: Time) -> UnixTime {
    UnixTime(u32::try_from(time.to_unix_duration().as_secs()).unwrap_or(u32::MAX))
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    read.ok().filter(|found| !found.is_empty()).ok_or_else(|| not_pem(path, "a certificate"))
}

fn not_pem(path: &Path, expected: &'static str) -> TlsError {
    TlsError::NotPem { path: path.display().to_string(), expected }
}
