//! The {{name}} service: things to do, which are added, listed, changed and taken away.

mod bindings {
    wit_bindgen::generate!({
        world: "component:{{name}}/service",
        path: ["{{wit}}/platform", "{{wit}}/{{name}}", "world.wit"],
        generate_all,
        additional_derives: [PartialEq],
    });

    // What the service offers.
    pub(crate) use self::exports::{{namespace}}::{{module}}::items as contract;
}

mod rules;
mod table;

use bindings::contract::{Error, Guest, Input, Item, Page};
use uuid::Uuid;

/// The component: each exported function.
#[derive(Clone, Copy, Debug)]
pub struct Service;

impl Guest for Service {
    fn create(item: Input) -> Result<Item, Error> {
        let id = Uuid::now_v7().to_string();
        let item = Item { id, title: rules::title(&item.title)?, done: item.done == Some(true) };
        table::insert(&item)?;
        Ok(item)
    }

    fn get(id: String) -> Result<Item, Error> {
        table::find(&rules::id(&id)?)?.ok_or(Error::NotFound)
    }

    fn list(limit: Option<u32>, cursor: Option<String>) -> Result<Page, Error> {
        let (limit, after) = (rules::limit(limit)?, rules::cursor(cursor)?);
        // One more than asked for says whether there are more.
        let mut items = table::after(&after, limit + 1)?;
        let is_last = items.len() <= limit as usize;
        items.truncate(limit as usize);
        let next = if is_last { None } else { items.last().map(|item| item.id.clone()) };
        Ok(Page { items, next })
    }

    fn update(id: String, item: Input) -> Result<Item, Error> {
        let (id, title) = (rules::id(&id)?, rules::title(&item.title)?);
        let item = Item { id, title, done: item.done == Some(true) };
        if table::update(&item)? { Ok(item) } else { Err(Error::NotFound) }
    }

    fn delete(id: String) -> Result<(), Error> {
        if table::delete(&rules::id(&id)?)? { Ok(()) } else { Err(Error::NotFound) }
    }
}

#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "the host calls these functions by the component ABI")]
mod export {
    use super::{Service, bindings};

    bindings::export!(Service with_types_in bindings);
}
