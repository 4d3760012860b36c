//! A gRPC client of one test, with or without a key.

use std::time::Duration;

use numguard::rpc::pb;
use pb::admin_service_client::AdminServiceClient;
use pb::check_service_client::CheckServiceClient;
use prost::bytes::{Buf, BufMut};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status, Streaming};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_prost::ProstCodec;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_types::StatusExt;

pub(crate) struct Caller {
    pub(crate) runtime: Runtime,
    pub(crate) channel: Channel,
    key: String,
}

impl Caller {
    pub(crate) fn at(url: &str, key: &str) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let endpoint = Endpoint::from_shared(url.to_owned()).unwrap();
        let channel = runtime.block_on(endpoint.connect()).unwrap();
        Self { runtime, channel, key: key.to_owned() }
    }

    /// The same where nobody may answer.
    pub(crate) fn try_at(url: &str, key: &str) -> Option<Self> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let endpoint = Endpoint::from_shared(url.to_owned()).unwrap();
        let channel = runtime.block_on(endpoint.connect()).ok()?;
        Some(Self { runtime, channel, key: key.to_owned() })
    }

    /// Begins a stream of checks and says nothing, until the connection ends.
    pub(crate) fn hang(&self) -> tokio::task::JoinHandle<()> {
        let mut client = CheckServiceClient::new(self.channel.clone());
        let began = std::sync::Arc::new(tokio::sync::Notify::new());
        let begins = std::sync::Arc::clone(&began);
        let hanging = self.runtime.spawn(async move {
            let answers = client.stream_check_numbers(tokio_stream::pending()).await;
            begins.notify_one();
            if let Ok(answers) = answers {
                let _ = answers.into_inner().message().await;
            }
        });
        self.runtime.block_on(began.notified());
        hanging
    }

    /// Begins checks of one number and sends none, on a connection that is well otherwise. Returns what they
    /// are answered.
    pub(crate) fn hang_checks(&self, calls: usize) -> Vec<Code> {
        let call = || {
            let mut grpc = tonic::client::Grpc::new(self.channel.clone());
            self.runtime.spawn(async move {
                let path = PathAndQuery::from_static("/numguard.v1.CheckService/CheckNumber");
                let codec: ProstCodec<pb::CheckNumberRequest, pb::CheckNumberResponse> =
                    ProstCodec::default();
                grpc.ready().await.unwrap();
                grpc.client_streaming(Request::new(tokio_stream::pending()), path, codec).await.err()
            })
        };
        let hanging: Vec<_> = (0..calls).map(|_| call()).collect();
        hanging
            .into_iter()
            .map(|call| self.runtime.block_on(call).unwrap().map_or(Code::Ok, |e| e.code()))
            .collect()
    }

    /// Sends one message that is already encoded to a method.
    pub(crate) fn raw(&self, path: &'static str, message: Vec<u8>) -> Result<(), Status> {
        let request = self.request(tokio_stream::once(message));
        let mut grpc = tonic::client::Grpc::new(self.channel.clone());
        self.runtime.block_on(async {
            grpc.ready().await.unwrap();
            let path = PathAndQuery::from_static(path);
            grpc.client_streaming(request, path, Raw).await.map(drop)
        })
    }

    /// A request that shows the key and ends within half a minute.
    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = self.unlimited(message);
        request.set_timeout(Duration::from_secs(30));
        request
    }

    /// A request that shows the key.
    pub(crate) fn unlimited<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if !self.key.is_empty() {
            let value: AsciiMetadataValue = format!("Bearer {}", self.key).parse().unwrap();
            request.metadata_mut().insert("authorization", value);
        }
        request
    }

    pub(crate) fn check(&self) -> Result<(), Status> {
        self.check_with(|_| {})
    }

    /// A check whose metadata is changed.
    pub(crate) fn check_with(
        &self,
        change: impl FnOnce(&mut Request<pb::CheckNumberRequest>),
    ) -> Result<(), Status> {
        let mut request = self.request(number());
        change(&mut request);
        let mut client = CheckServiceClient::new(self.channel.clone());
        self.runtime.block_on(client.check_number(request)).map(drop)
    }

    pub(crate) fn batch(&self, numbers: usize) -> Result<usize, Status> {
        let request = self.request(pb::BatchCheckNumbersRequest { requests: vec![number(); numbers] });
        let mut client = CheckServiceClient::new(self.channel.clone()).max_decoding_message_size(64 << 20);
        let answer = self.runtime.block_on(client.batch_check_numbers(request));
        answer.map(|answer| answer.into_inner().responses.len())
    }

    /// Whether health is told.
    pub(crate) fn health(&self) -> Result<(), Status> {
        let mut client = HealthClient::new(self.channel.clone());
        self.runtime.block_on(client.check(HealthCheckRequest::default())).map(drop)
    }

    /// A page of listings.
    pub(crate) fn page(&self, prefix: &str, page_token: &str) -> Result<pb::ListListingsResponse, Status> {
        let filter = Some(pb::ListingFilter { prefix: prefix.to_owned(), ..Default::default() });
        let request =
            self.request(pb::ListListingsRequest { filter, page_size: 1, page_token: page_token.to_owned() });
        let mut client = AdminServiceClient::new(self.channel.clone());
        self.runtime.block_on(client.list_listings(request)).map(tonic::Response::into_inner)
    }

    /// The first answer of a stream of one check.
    pub(crate) fn stream(&self) -> Result<(), Status> {
        let asked = pb::StreamCheckNumbersRequest { request: Some(number()) };
        let request = self.request(tokio_stream::once(asked));
        let mut client = CheckServiceClient::new(self.channel.clone());
        let asked = async { client.stream_check_numbers(request).await?.into_inner().message().await };
        self.runtime.block_on(asked).map(drop)
    }

    /// Whether reflection answers.
    pub(crate) fn reflection(&self) -> Result<(), Code> {
        let ask = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut client = ServerReflectionClient::new(self.channel.clone());
        let asked = async {
            let mut answers = client.server_reflection_info(tokio_stream::once(ask)).await?.into_inner();
            answers.message().await
        };
        self.runtime.block_on(asked).map(drop).map_err(|status| status.code())
    }
}

/// Far more than a stream may take to end, and far less than it takes to end by itself.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A stream of checks that is open.
pub(crate) struct Checks {
    asks: mpsc::Sender<pb::StreamCheckNumbersRequest>,
    answers: Streaming<pb::StreamCheckNumbersResponse>,
}

impl Checks {
    pub(crate) fn open(caller: &Caller) -> Self {
        let (asks, asked) = mpsc::channel(8);
        let mut client = CheckServiceClient::new(caller.channel.clone());
        let request = caller.unlimited(ReceiverStream::new(asked));
        let answers = caller.runtime.block_on(client.stream_check_numbers(request)).unwrap().into_inner();
        let mut checks = Self { asks, answers };
        assert!(checks.ask(caller).is_ok());
        checks
    }

    pub(crate) fn ask(&mut self, caller: &Caller) -> Result<(), Status> {
        let request = pb::StreamCheckNumbersRequest { request: Some(number()) };
        caller.runtime.block_on(async {
            self.asks.send(request).await.unwrap();
            self.answers.message().await.map(|answer| assert!(answer.is_some()))
        })
    }

    /// What it ends with, nothing more being sent.
    pub(crate) fn end(&mut self, caller: &Caller) -> Option<Status> {
        ends(caller, &mut self.answers)
    }
}

/// What a stream ends with, whatever still comes of it.
pub(crate) fn ends<T>(caller: &Caller, answers: &mut Streaming<T>) -> Option<Status> {
    let end = async {
        loop {
            match answers.message().await {
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(status) => return Some(status),
            }
        }
    };
    caller.runtime.block_on(async { tokio::time::timeout(PATIENCE, end).await }).expect("the stream goes on")
}

/// Messages as bytes; answers are dropped.
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        buffer.advance(buffer.remaining());
        Ok(Some(()))
    }
}

pub(crate) fn number() -> pb::CheckNumberRequest {
    pb::CheckNumberRequest { number: "+447911123456".to_owned(), ..Default::default() }
}

/// Code, message and when to try again.
pub(crate) fn refusal(status: &Status) -> (Code, String, Option<Duration>) {
    let retry = status.get_error_details().retry_info().and_then(|info| info.retry_delay);
    (status.code(), status.message().to_owned(), retry)
}
