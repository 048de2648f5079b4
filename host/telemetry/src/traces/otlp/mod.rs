//! Traces for a collector, by OTLP over HTTP (`http/protobuf`).
//!
//! Where they go is said by the variables of the OpenTelemetry specification ([`OtlpConfig::from_env`]); without an
//! endpoint nothing goes anywhere. A request hands its spans to a bounded queue, which one task empties in batches. A
//! collector that is slow, refuses or is gone costs spans, which are counted and told once in a while, and never memory
//! or the time of a request.

mod batch;
mod client;
mod convert;
mod env;
mod queue;

pub use batch::Otlp;
pub use env::{EnvError, OtlpConfig};
pub use queue::OtlpCounts;

/// Why traces cannot be sent at all.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// The certificates of the system, which the collector's is checked by, cannot be read.
    #[error("the certificates of this system cannot be read: {0}")]
    Certificates(std::io::Error),
    /// The library refuses what was configured.
    #[error("{0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
}
