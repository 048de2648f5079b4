//! What Thali's own services share, and nothing of what they do.
//!
//! A service written by somebody else needs none of this: it is what remains when the same twenty
//! lines turned up in every service. No domain type lives here.

pub mod check;
pub mod clock;
pub mod contact;
pub mod geo;
pub mod id;
pub mod sql;
#[cfg(feature = "testing")]
pub mod testing;
