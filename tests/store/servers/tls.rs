//! Certificates made for one test: an authority, a server on 127.0.0.1, and a client.

use std::fs;
use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use tempfile::TempDir;

/// PEM files in a folder that lives as long as this.
pub(crate) struct Tls {
    folder: TempDir,
    clients_show_theirs: bool,
}

impl Tls {
    /// A server that shows a certificate and asks its clients for none.
    pub(crate) fn of_server() -> Self {
        Self::make(false)
    }

    /// A server that also turns away clients without a certificate of the same authority.
    pub(crate) fn of_both() -> Self {
        Self::make(true)
    }

    fn make(clients_show_theirs: bool) -> Self {
        let tls = Self { folder: tempfile::tempdir().unwrap(), clients_show_theirs };
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "numguard's tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        fs::write(tls.ca(), authority.pem()).unwrap();
        for (name, purpose) in
            [("server", ExtendedKeyUsagePurpose::ServerAuth), ("client", ExtendedKeyUsagePurpose::ClientAuth)]
        {
            let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
            let mut params = CertificateParams::new(names).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            params.extended_key_usages = vec![purpose];
            let key = KeyPair::generate().unwrap();
            let certificate = params.signed_by(&key, &authority).unwrap();
            fs::write(tls.file(&format!("{name}.pem")), certificate.pem()).unwrap();
            fs::write(tls.file(&format!("{name}.key")), key.serialize_pem()).unwrap();
        }
        tls
    }

    /// The authority's certificate, which a client trusts.
    pub(crate) fn ca(&self) -> PathBuf {
        self.file("ca.pem")
    }

    /// The certificate that a client shows.
    pub(crate) fn client_certificate(&self) -> PathBuf {
        self.file("client.pem")
    }

    pub(crate) fn client_key(&self) -> PathBuf {
        self.file("client.key")
    }

    /// Lines of the server's configuration.
    pub(crate) fn lines(&self) -> Vec<String> {
        let path = |name| format!("\"{}\"", self.file(name).display());
        vec![
            format!("tls-ca-cert-file {}", path("ca.pem")),
            format!("tls-cert-file {}", path("server.pem")),
            format!("tls-key-file {}", path("server.key")),
            format!("tls-auth-clients {}", if self.clients_show_theirs { "yes" } else { "no" }),
        ]
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
