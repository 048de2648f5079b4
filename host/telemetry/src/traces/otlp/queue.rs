//! Between requests and the task that sends: bounded, and never waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use thali_runtime::trace::SharedTrace;
use tokio::sync::{mpsc, oneshot};

/// What became of spans that were to be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OtlpCounts {
    /// Taken by the collector.
    pub exported: u64,
    /// Lost because the queue was full.
    pub dropped_queue: u64,
    /// Lost because the collector did not take them.
    pub dropped_collector: u64,
    /// In the queue, or on their way.
    pub waiting: usize,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) exported: AtomicU64,
    pub(super) dropped_queue: AtomicU64,
    pub(super) dropped_collector: AtomicU64,
    pub(super) waiting: AtomicUsize,
}

/// What the task is told.
#[derive(Debug)]
pub(super) enum Job {
    Send(SharedTrace),
    /// Send everything now, and say when it is done.
    Flush(oneshot::Sender<()>),
}

/// The way in. The channel is bounded by the count of spans beside it, not by itself.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    jobs: mpsc::UnboundedSender<Job>,
    counts: Arc<Counts>,
    spans_max: usize,
}

impl Queue {
    pub(super) fn new(spans_max: usize) -> (Self, mpsc::UnboundedReceiver<Job>, Arc<Counts>) {
        let (jobs, receiver) = mpsc::unbounded_channel();
        let counts = Arc::<Counts>::default();
        (Self { jobs, counts: Arc::clone(&counts), spans_max }, receiver, counts)
    }

    /// Takes a trace, or counts its spans as lost. One that is larger than the queue goes into an empty one.
    pub(super) fn offer(&self, trace: &SharedTrace) {
        let spans = trace.spans.len();
        let fits = |waiting: usize| {
            (waiting == 0 || waiting + spans <= self.spans_max).then_some(waiting + spans)
        };
        let taken = self.counts.waiting.fetch_update(Relaxed, Relaxed, fits).is_ok();
        if !taken || self.jobs.send(Job::Send(Arc::clone(trace))).is_err() {
            self.counts.dropped_queue.fetch_add(spans as u64, Relaxed);
        }
    }

    /// Waits until everything that was offered before has been sent, or lost.
    pub(super) async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.jobs.send(Job::Flush(done)).is_ok() {
            // A task that has ended has nothing left to send.
            let _ = flushed.await;
        }
    }

    pub(super) fn counts(&self) -> OtlpCounts {
        OtlpCounts {
            exported: self.counts.exported.load(Relaxed),
            dropped_queue: self.counts.dropped_queue.load(Relaxed),
            dropped_collector: self.counts.dropped_collector.load(Relaxed),
            waiting: self.counts.waiting.load(Relaxed),
        }
    }
}
