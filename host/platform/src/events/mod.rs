//! Typed, durable events: the outbox in the publisher's database, and their delivery.
//!
//! A component that imports an interface named `events` publishes: each call is a row in the
//! [`Outbox`] of its own database, inside the transaction that the invocation has open, if it has one.
//! So an event is there exactly if what it tells of is.
//!
//! A component that exports such an interface subscribes. For every pair of a publisher and a
//! subscriber that are live the [`Dispatcher`] has one task (`subscription`), which reads the outbox
//! behind its position, delivers events of different keys side by side and those of one key in order
//! (`lanes`), and keeps the position and what was left behind in the publisher's database (`ledger`).
//! Delivery is at least once: after a crash what was not stored as delivered is delivered again, with
//! the same id.
//!
//! What is absent on purpose: polling, a queue of its own in memory, and any ordering between keys.

mod backoff;
mod counts;
mod delivery;
mod dispatcher;
mod lanes;
mod ledger;
mod letters;
mod limits;
mod outbox;
mod progress;
mod retention;
mod row;
mod schema;
mod standing;
mod subscriber;
mod subscription;
mod terms;

pub use backoff::Backoff;
pub use counts::DeliveryCounts;
pub use dispatcher::{Dispatcher, SubscriptionId};
pub use letters::{DeadLetter, Gathered, LeftOut, LetterCursor, LetterFilter, SubscriptionStatus};
pub use limits::EventLimits;
pub use outbox::Outbox;
pub use row::{Seq, StoredEvent};
pub use terms::{Subscriptions, Terms};

pub(crate) use schema::make as make_tables;
