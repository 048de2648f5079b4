//! Where the events of `tracing` come in.

use std::sync::Arc;

use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::Logs;
use super::record::Record;

/// Keeps the events that reach it.
pub struct LogLayer(pub(super) Arc<Logs>);

impl<S: Subscriber> Layer<S> for LogLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut record = Record::begin(event.metadata());
        event.record(&mut record);
        self.0.queue.push(record);
    }
}
