//! The connection of the verbs: where the service is, whom we trust, and what we show of ourselves.
//!
//! A key never goes over the network in the clear, and never stands in an error.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rustls::CertificateError;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Uri};
use tonic::{Request, Status};

use crate::config;

use super::super::uses::Uses;

/// Where a service is that nobody told to be elsewhere.
const USUAL: &str = "http://127.0.0.1:50051";

/// How long a connection may take.
const CONNECT_SECONDS: u64 = 5;

/// Where the service is, and how to come in.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Connection {
    /// URL of the service; https:// for TLS
    #[arg(long, global = true, value_name = "URL", env = "NUMGUARD_SERVER", hide_env_values = true, default_value = USUAL)]
    pub(crate) server: String,
    /// Seconds to wait for an answer; imports, exports and runs of feeds may take longer
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) timeout: u64,
    /// File with the API key, unless NUMGUARD_API_KEY has the key itself
    #[arg(long, global = true, value_name = "FILE", env = "NUMGUARD_API_KEY_FILE", hide_env_values = true)]
    api_key_file: Option<PathBuf>,
    /// PEM file of the authority to trust in place of the system's
    #[arg(long, global = true, value_name = "FILE", env = "NUMGUARD_CA", hide_env_values = true)]
    ca: Option<PathBuf>,
    // No `requires` here: in the environment alone, one of the two must not stop verbs that ask no service.
    /// PEM file of our certificate
    #[arg(long, global = true, value_name = "FILE", env = "NUMGUARD_CERT", hide_env_values = true)]
    cert: Option<PathBuf>,
    /// PEM file of its key
    #[arg(long, global = true, value_name = "FILE", env = "NUMGUARD_CERT_KEY", hide_env_values = true)]
    cert_key: Option<PathBuf>,
}

/// The service that a verb asks.
pub(crate) type ServerArg = Uses<Connection>;

/// What each call goes through.
pub(crate) type Wire = InterceptedService<Channel, Key>;

/// Puts the API key on each call, if there is one.
#[derive(Clone)]
pub(crate) struct Key(Option<MetadataValue<Ascii>>);

impl Interceptor for Key {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(key) = &self.0 {
            request.metadata_mut().insert("authorization", key.clone());
        }
        Ok(request)
    }
}

impl Connection {
    /// Whether somebody has said where the service is, or how to come in.
    pub(crate) fn is_named(&self) -> bool {
        self.server != USUAL || self.api_key_file.is_some()
    }

    /// Connects.
    pub(crate) async fn connect(&self) -> Result<Wire> {
        let url = &self.server;
        let wrong = || {
            anyhow!(
                "--server {url}: expected a URL such as http://127.0.0.1:50051 or https://numguard.example:50051"
            )
        };
        let endpoint = Endpoint::from_shared(url.clone()).map_err(|_| wrong())?;
        let uri = endpoint.uri().clone();
        let key = self.key(&uri)?;
        let endpoint = match uri.scheme_str() {
            Some("https") => {
                endpoint.tls_config(self.tls()?).with_context(|| format!("cannot use TLS with {url}"))?
            }
            Some("http") => {
                if self.ca.is_some() || self.cert.is_some() {
                    bail!("--server {url} is not TLS, so certificates are of no use: expected https://");
                }
                endpoint
            }
            _ => return Err(wrong()),
        };
        let endpoint = endpoint.connect_timeout(Duration::from_secs(CONNECT_SECONDS));
        let channel = endpoint.connect().await.map_err(|error| refused(url, &uri, &error))?;
        Ok(InterceptedService::new(channel, key))
    }

    fn key(&self, uri: &Uri) -> Result<Key> {
        let Some(key) = config::api_key(self.api_key_file.as_deref())? else { return Ok(Key(None)) };
        let local = matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if uri.scheme_str() != Some("https") && !local {
            bail!("the API key would go over the network in the clear: expected --server https://...");
        }
        let mut value: MetadataValue<Ascii> = format!("Bearer {}", key.reveal())
            .parse()
            .map_err(|_| anyhow!("the API key holds characters that no key has: copy it again, whole"))?;
        value.set_sensitive(true);
        Ok(Key(Some(value)))
    }

    fn tls(&self) -> Result<ClientTlsConfig> {
        let mut tls = ClientTlsConfig::new();
        tls = match &self.ca {
            Some(path) => tls.ca_certificate(Certificate::from_pem(pem(path, "CERTIFICATE")?)),
            None => tls.with_native_roots(),
        };
        if let (Some(certificate), Some(key)) = (&self.cert, &self.cert_key) {
            tls =
                tls.identity(Identity::from_pem(pem(certificate, "CERTIFICATE")?, pem(key, "PRIVATE KEY")?));
        }
        Ok(tls)
    }
}

/// A PEM file that holds at least one block of a kind.
fn pem(path: &Path, kind: &str) -> Result<Vec<u8>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    if !text.lines().any(|line| line.starts_with("-----BEGIN ") && line.contains(kind)) {
        bail!("{}: expected a PEM file with a {kind}", path.display());
    }
    Ok(bytes)
}

/// Why there is no connection, and what to do.
fn refused(url: &str, uri: &Uri, error: &(dyn Error + 'static)) -> anyhow::Error {
    use rustls::Error as Tls;
    match tls_error(error) {
        None => anyhow!(
            "no numguard answers at {url}: start one with `numguard serve`, or name another with --server"
        ),
        Some(Tls::InvalidCertificate(wrong)) => of_certificate(url, uri.host().unwrap_or_default(), wrong),
        Some(other) => {
            broken_off(other).unwrap_or_else(|| anyhow!("no TLS with {url}: {other} (does it speak TLS?)"))
        }
    }
}

/// What is wrong with the service's certificate.
fn of_certificate(url: &str, host: &str, wrong: &CertificateError) -> anyhow::Error {
    use CertificateError as Wrong;
    match wrong {
        Wrong::Expired | Wrong::ExpiredContext { .. } => {
            anyhow!("the certificate of {url} has expired: put a new one in its place on the service")
        }
        Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => {
            anyhow!("the certificate of {url} is not valid yet: is this machine's clock right?")
        }
        Wrong::NotValidForName => {
            anyhow!("the certificate of {url} is not for {host}: expected --server with a name that it has")
        }
        Wrong::NotValidForNameContext { presented, .. } => anyhow!(
            "the certificate of {url} is not for {host} but for {}: expected --server with a name that it has",
            presented.join(", ")
        ),
        Wrong::UnknownIssuer => {
            anyhow!("nobody we trust has signed the certificate of {url}: name its authority with --ca FILE")
        }
        other => anyhow!("the certificate of {url} cannot be used: {other}"),
    }
}

/// Why a connection ended before the answer, as far as the TLS library knows: with TLS 1.3 a service
/// judges our certificate when we are talking already.
pub(crate) fn broken_off(error: &(dyn Error + 'static)) -> Option<anyhow::Error> {
    use rustls::AlertDescription as Alert;
    let Some(rustls::Error::AlertReceived(alert)) = tls_error(error) else { return None };
    Some(match alert {
        Alert::CertificateRequired => {
            anyhow!("the service wants a certificate of us: name it with --cert FILE and --cert-key FILE")
        }
        Alert::CertificateExpired => {
            anyhow!(
                "the service does not take our certificate: it has expired, and --cert FILE needs a new one"
            )
        }
        Alert::UnknownCA | Alert::BadCertificate | Alert::CertificateUnknown | Alert::DecryptError => {
            anyhow!(
                "the service does not take our certificate: expected one of the authority that it trusts in --cert FILE"
            )
        }
        other => anyhow!("the service broke off TLS: {other:?}"),
    })
}

/// The TLS library's error among the causes.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(tls) = error.downcast_ref() {
            return Some(tls);
        }
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}
