//! The task that sends spans, in batches.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use opentelemetry_otlp::{Protocol, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use thali_runtime::trace::{SharedTrace, Source};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use super::client::OwnClient;
use super::convert::{Origin, span};
use super::env::OtlpConfig;
use super::queue::{Counts, Job, OtlpCounts, Queue};
use super::{OtlpError, convert};

/// How often it is told in the log that spans are lost.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Sends traces to a collector.
#[derive(Clone, Debug)]
pub struct Otlp(Queue);

impl Otlp {
    /// Begins to send. It takes a runtime of tokio.
    ///
    /// # Errors
    ///
    /// When the system's certificates cannot be read, or the configuration is refused.
    pub fn start(config: &OtlpConfig) -> Result<Self, OtlpError> {
        let client = OwnClient::new(config).map_err(OtlpError::Certificates)?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            // Its pauses would block a thread of the host; the client has its own.
            .with_retry_policy(RetryPolicy::disabled())
            .with_endpoint(config.endpoint.clone())
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(config.timeout)
            .build()?;
        let (queue, jobs, counts) = Queue::new(config.queue_max);
        let origin = Origin::new(config);
        let batcher = Batcher {
            exporter,
            origin,
            counts,
            batch_max: config.batch_max,
            delay: config.delay,
            export_timeout: config.export_timeout,
            told_at: None,
            lost: 0,
        };
        tokio::spawn(batcher.run(jobs));
        Ok(Self(queue))
    }

    /// Takes a trace; never waits.
    pub(crate) fn offer(&self, trace: &SharedTrace) {
        self.0.offer(trace);
    }

    /// Sends what there is, for at most so long. Answers whether that was enough.
    pub async fn flush(&self, longest: Duration) -> bool {
        timeout(longest, self.0.flush()).await.is_ok()
    }

    /// What became of spans.
    pub fn counts(&self) -> OtlpCounts {
        self.0.counts()
    }
}

struct Batcher {
    exporter: SpanExporter,
    origin: Origin,
    counts: Arc<Counts>,
    batch_max: usize,
    delay: Duration,
    export_timeout: Duration,
    told_at: Option<Instant>,
    /// Lost since it was told last.
    lost: u64,
}

/// Traces that wait to be sent.
#[derive(Default)]
struct Batch {
    traces: Vec<SharedTrace>,
    spans: usize,
    /// Who waits for it.
    flush: Option<oneshot::Sender<()>>,
}

impl Batcher {
    /// Until nobody can offer anything any more.
    async fn run(mut self, mut jobs: UnboundedReceiver<Job>) {
        while let Some(first) = jobs.recv().await {
            let mut batch = Batch::default();
            batch.add(first);
            let due = Instant::now() + self.delay;
            while batch.flush.is_none() && batch.spans < self.batch_max {
                match timeout_at(due, jobs.recv()).await {
                    Ok(Some(job)) => batch.add(job),
                    Ok(None) | Err(_) => break,
                }
            }
            self.send(batch).await;
        }
    }

    async fn send(&mut self, batch: Batch) {
        let Batch { traces, spans, flush } = batch;
        for (source, spans) in by_source(&traces) {
            self.send_of(source.as_deref(), spans).await;
        }
        drop(traces);
        self.counts.waiting.fetch_sub(spans, Relaxed);
        if let Some(flush) = flush {
            // Whoever waited may have given up.
            let _ = flush.send(());
        }
    }

    /// One resource has one request: the library's exporter knows no other way.
    async fn send_of(&mut self, source: Option<&Source>, spans: Vec<SpanData>) {
        self.exporter.set_resource(&self.origin.resource(source));
        for spans in chunks(spans, self.batch_max) {
            let count = spans.len() as u64;
            let sent = timeout(self.export_timeout, self.exporter.export(spans)).await;
            let failed = match sent {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some(format!("it took longer than {:?}", self.export_timeout)),
            };
            match failed {
                None => {
                    self.counts.exported.fetch_add(count, Relaxed);
                }
                Some(why) => self.lose(count, &why),
            }
        }
    }

    fn lose(&mut self, spans: u64, why: &str) {
        self.counts.dropped_collector.fetch_add(spans, Relaxed);
        self.lost += spans;
        if self.told_at.is_none_or(|at| at.elapsed() >= TOLD_EVERY) {
            let spans = std::mem::take(&mut self.lost);
            self.told_at = Some(Instant::now());
            tracing::warn!(spans, "the collector did not take spans, which are lost: {why}");
        }
    }
}

impl Batch {
    fn add(&mut self, job: Job) {
        match job {
            Job::Send(trace) => {
                self.spans += trace.spans.len();
                self.traces.push(trace);
            }
            Job::Flush(done) => self.flush = Some(done),
        }
    }
}

/// The spans about one service, or about the gateway.
type Group = (Option<Arc<Source>>, Vec<SpanData>);

/// Spans by whom they are about: one resource each.
fn by_source(traces: &[SharedTrace]) -> Vec<Group> {
    let scope = convert::scope();
    let mut groups: HashMap<Option<*const Source>, Group> = HashMap::new();
    for trace in traces {
        for one in &trace.spans {
            let key = one.source.as_ref().map(Arc::as_ptr);
            let group = groups.entry(key).or_insert_with(|| (one.source.clone(), Vec::new()));
            group.1.push(span(trace, one, &scope));
        }
    }
    groups.into_values().collect()
}

fn chunks(mut spans: Vec<SpanData>, most: usize) -> Vec<Vec<SpanData>> {
    let mut chunks = Vec::new();
    while spans.len() > most {
        let rest = spans.split_off(most);
        chunks.push(std::mem::replace(&mut spans, rest));
    }
    chunks.push(spans);
    chunks
}
