//! The catalogue, as seen from here.

use crate::bindings::thali::products::lookup::{self, Item};

/// Who knows the products. Each call answers nothing when nobody does now.
pub(crate) trait Catalogue {
    /// Those of the products that there are.
    fn find(&self, ids: &[String]) -> Option<Vec<Item>>;
    /// So many of a category.
    fn in_category(&self, category: &str, limit: u32) -> Option<Vec<Item>>;
}

/// The service `products`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live;

impl Catalogue for Live {
    fn find(&self, ids: &[String]) -> Option<Vec<Item>> {
        lookup::find(ids).ok()
    }

    fn in_category(&self, category: &str, limit: u32) -> Option<Vec<Item>> {
        lookup::in_category(category, limit).ok()
    }
}
