//! Typed, durable events: the outbox in the publisher's database, and their delivery.
//!
//! A component that imports an interface named `events` publishes: each call is a row in the
//! [`Outbox`] of its own database, inside the transaction that the invocation has open, if it has one.
//! So an event is there exactly if what it tells of is.

mod limits;
mod outbox;
mod row;
mod schema;

pub use limits::EventLimits;
pub use outbox::Outbox;
pub use row::{Seq, StoredEvent};

pub(crate) use schema::SCHEMA;
