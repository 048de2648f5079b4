//! A client as a service would have it.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use http_body_util::{BodyExt, Empty};
use thali_contract::manifest::Manifest;
use thali_platform::config::Settings;
use thali_platform::outbound::{
    Answer, Client, Grants, Invocation, Outbound, OutboundError, OutboundLimits, OutboundRequest,
    PrivateTargets, RequestBody, Resolve, ResponseBody, Timeouts,
};
use thali_runtime::TraceContext;
use tokio::time::Instant;
use uuid::Uuid;

/// A host that lets services call these private targets.
pub(crate) fn host(private: &[&str]) -> Outbound {
    host_within(OutboundLimits::default(), private)
}

pub(crate) fn host_within(limits: OutboundLimits, private: &[&str]) -> Outbound {
    let private = private.iter().map(|target| target.parse().unwrap()).collect();
    Outbound::new(limits, PrivateTargets::new(private))
}

/// The client of a service whose manifest allows these origins.
pub(crate) fn client(host: Outbound, allow: &[&str]) -> Arc<Client> {
    let text =
        format!("[service]\nname = \"guest\"\nversion = \"1.0.0\"\n[outbound]\nallow = {allow:?}");
    let section = Manifest::parse(&text).unwrap().outbound.unwrap();
    let grants = Grants::of(&section, &Settings::default(), host.private());
    Arc::new(Client::new("guest".parse().unwrap(), &Arc::new(host), grants))
}

/// The client of a service that may call one server on this machine.
pub(crate) fn client_of(origin: &str) -> Arc<Client> {
    client(host(&[origin]), &[origin])
}

/// An invocation of ten seconds.
pub(crate) fn invocation(client: &Client) -> Invocation {
    invocation_of(client, Duration::from_secs(10))
}

pub(crate) fn invocation_of(client: &Client, time: Duration) -> Invocation {
    let trace = TraceContext::begin(Uuid::from_u128(7));
    Invocation::new(client.host().limits(), Instant::now() + time, trace)
}

pub(crate) fn request(url: &str) -> OutboundRequest {
    OutboundRequest {
        method: Method::GET,
        url: url.parse().unwrap(),
        headers: HeaderMap::new(),
        body: RequestBody::new(Empty::<Bytes>::new().map_err(|never| match never {})),
        timeouts: Timeouts::default(),
    }
}

/// Gets a URL in an invocation of its own.
pub(crate) async fn get(client: &Client, url: &str) -> Result<(u16, Bytes), OutboundError> {
    read(client.send(request(url), &invocation(client)).await?).await
}

/// Reads an answer to its end.
pub(crate) async fn read(answer: Response<ResponseBody>) -> Result<(u16, Bytes), OutboundError> {
    let status = answer.status().as_u16();
    Ok((status, answer.into_body().collect().await?.to_bytes()))
}

/// Answers look-ups from a list, one entry each; the last one stays.
#[derive(Clone)]
pub(crate) struct Names {
    answers: Arc<[Vec<IpAddr>]>,
    asked: Arc<AtomicUsize>,
}

impl Names {
    pub(crate) fn new(answers: &[&[&str]]) -> Self {
        let answers =
            answers.iter().map(|answer| answer.iter().map(|ip| ip.parse().unwrap()).collect());
        Self { answers: answers.collect(), asked: Arc::default() }
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Resolve for Names {
    fn resolve(&self, _: &str) -> Answer {
        let at = self.asked.fetch_add(1, Ordering::SeqCst).min(self.answers.len() - 1);
        let answer = self.answers[at].clone();
        Box::pin(async move { Ok(answer) })
    }
}
