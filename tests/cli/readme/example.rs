use numguard_v1::{CheckNumberRequest, Verdict, check_service_client::CheckServiceClient};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

pub struct Numguard { checks: CheckServiceClient<Channel>, key: MetadataValue<Ascii> }

impl Numguard {
    pub fn new(url: String, authority: &[u8], key: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority));
        let channel = Endpoint::from_shared(url)?.tls_config(tls)?.connect_lazy();
        Ok(Self { checks: CheckServiceClient::new(channel), key: format!("Bearer {key}").parse()? })
    }

    pub async fn verdict(&self, number: &str, default_region: &str) -> Verdict {
        let (number, default_region) = (number.to_owned(), default_region.to_owned());
        let mut request = tonic::Request::new(CheckNumberRequest { number, default_region, ..Default::default() });
        request.metadata_mut().insert("authorization", self.key.clone());
        let mut checks = self.checks.clone();
        match tokio::time::timeout(std::time::Duration::from_millis(20), checks.check_number(request)).await {
            Ok(Ok(answer)) => answer.get_ref().verdict(),
            _ => Verdict::Allow, // late, away or refused
        }
    }
}
