//! The products service, as seen from here.

use crate::bindings::thali::products::lookup::{self, Item};

/// The answer of a catalogue that is away, or makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Away;

/// Who knows what products cost and weigh.
pub(crate) trait Catalogue {
    /// The products with these ids; unknown ones are left out.
    fn find(&self, ids: &[String]) -> Result<Vec<Item>, Away>;
}

/// The service that is deployed beside this one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live;

impl Catalogue for Live {
    fn find(&self, ids: &[String]) -> Result<Vec<Item>, Away> {
        lookup::find(ids).map_err(|_| Away)
    }
}
