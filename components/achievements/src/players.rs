//! Asking who plays.

use crate::bindings::thali::players::profiles::{self, FindError};

/// Nobody answers whether there is such a player.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Silence;

/// Who knows the players.
pub(crate) trait Players {
    /// Whether there is such a player.
    fn is_known(&self, id: &str) -> Result<bool, Silence>;
}

/// The players service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live;

impl Players for Live {
    fn is_known(&self, id: &str) -> Result<bool, Silence> {
        match profiles::find(id) {
            Ok(_) => Ok(true),
            Err(FindError::NotFound) => Ok(false),
            Err(FindError::Unavailable) => Err(Silence),
        }
    }
}
