//! Rollouts: moving the requests of a service from one revision to another by and by.
//!
//! A service has one stable revision, and while a rollout runs some others, the *canaries*, each with a
//! percent of the requests. Everything that a plain deploy checks is checked for a canary: each live
//! revision of a service can take the place of each other one, for everybody who calls it.
//!
//! [`Control::deploy`](crate::Control::deploy) with a percent begins a rollout, [`traffic`] changes the
//! shares, [`promote`] ends it with a canary as the stable revision, and a rollback ends it with
//! everything as it was. [`watch`] does that by itself when a canary is worse than the stable revision, by the
//! rule in [`judge`].

mod canary;
mod error;
mod journal;
mod judge;
mod promote;
mod record;
mod status;
mod traffic;
mod watch;

pub(crate) use canary::Plan;
pub use error::RolloutError;
pub use journal::{CHANGES_KEPT, Cause, Change, ChangeKind, InvalidMessage, Message};
pub use record::{CANARIES_MAX, InvalidSticky, Percent, Rollout, Share, StickyBy};
pub use status::{LiveRevisionStatus, RolloutStatus};
pub use traffic::Traffic;
pub use watch::TakenOut;
pub(crate) use watch::{TellTakenOut, watch_forever};
