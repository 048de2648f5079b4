//! A collector that keeps what it gets, or takes nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

/// What a collector does with what it is sent.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Mood {
    Takes,
    /// Answers 503.
    Refuses,
    /// Never answers.
    Hangs,
}

/// A span and the service that its resource names.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) service: String,
    pub(super) resource: Vec<(String, String)>,
    pub(super) span: Span,
}

pub(super) struct Collector {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Collector {
    /// It ends with the test's process, which nextest gives each test of its own.
    pub(super) fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::<Mutex<Vec<Received>>>::default();
        let kept = Arc::clone(&received);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || serve(stream, mood, &kept));
            }
        });
        Self { address, received }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What came of one trace.
    pub(super) fn of(&self, trace_id: &str) -> Vec<Received> {
        let received = self.received.lock().unwrap();
        received.iter().filter(|got| hex(&got.span.trace_id) == trace_id).cloned().collect()
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Answers requests on one connection until it ends.
fn serve(stream: TcpStream, mood: Mood, kept: &Mutex<Vec<Received>>) {
    let mut reader = BufReader::new(stream);
    while let Some(body) = request(&mut reader) {
        let answer = match mood {
            Mood::Hangs => continue,
            Mood::Refuses => "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
            Mood::Takes => "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        };
        if mood == Mood::Takes {
            kept.lock().unwrap().extend(spans(&body));
        }
        if reader.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// The body of the next request.
fn request(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut length = 0;
    let mut lines = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let line = line.trim_end().to_ascii_lowercase();
        if lines == 0 {
            assert_eq!(line, "post /v1/traces http/1.1");
        }
        lines += 1;
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}

fn spans(body: &[u8]) -> Vec<Received> {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let mut received = Vec::new();
    for of_resource in request.resource_spans {
        let resource = texts(&of_resource.resource.unwrap().attributes);
        let name = resource.iter().find(|(key, _)| key == "service.name").unwrap().1.clone();
        for span in of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            received.push(Received { service: name.clone(), resource: resource.clone(), span });
        }
    }
    received
}

/// Attributes that are texts.
pub(super) fn texts(attributes: &[KeyValue]) -> Vec<(String, String)> {
    let text = |pair: &KeyValue| match pair.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some((pair.key.clone(), text.clone())),
        _ => None,
    };
    attributes.iter().filter_map(text).collect()
}
