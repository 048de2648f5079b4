//! Calls from one service to another: how long, how often, how many, and when not at all.
//!
//! From the outside in, a call passes
//!
//! 1. the bulkhead: one slow provider does not get all that its consumer may run (`bulkhead`);
//! 2. the circuit breaker: a provider that failed several times in a row is left alone (`breaker`);
//! 3. the time limit: the policy's, the provider's own, and three quarters of what the caller has left;
//! 4. once more from 2 on, when the fault may pass, the provider says that the function is idempotent, and
//!    retries have not added a fifth to the load already (`budget`).
//!
//! What a consumer keeps of an interface between calls is its [`Circuit`](circuit::Circuit): known by names, so
//! it outlives the consumer's revisions. It has a breaker for each revision of the provider. The policy belongs to
//! the consumer's revision.
//!
//! What is absent on purpose: health checks (calls are the check), a breaker for a whole service (its
//! interfaces fail for different reasons), and anything that runs by itself.

mod breaker;
mod budget;
mod bulkhead;
mod chance;
mod circuit;
mod ends;
mod policy;
mod snapshot;
mod upstream;

pub use breaker::{BreakerState, BreakerView, Force};
pub use policy::{BreakerPolicy, CallPolicies, CallPolicy, CallRoom};
pub use snapshot::CallSnapshot;
pub use upstream::Upstream;

pub(crate) use circuit::{Circuits, ProviderBreaker};
