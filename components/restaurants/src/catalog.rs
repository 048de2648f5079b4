//! What clients browse, and what restaurants keep up to date.

use thali_support::check::{Checks, UNKNOWN_CURSOR};
use thali_support::geo::{self, Point};
use thali_support::id;
use thali_support::sql::{Database, Failed};

use crate::bindings::exports::thali::restaurants::catalog::{
    Error, Filter, MenuCard, MenuInput, Opened, Page, Restaurant, RestaurantInput, Summary,
};
use crate::hours::Week;
use crate::input;
use crate::store::{self, Selection};

/// How many batches one page looks at when it keeps only the open or the closed ones. Whoever finds
/// few in them gets a short page and a cursor to go on, instead of a long wait.
const BATCHES_PER_PAGE_MAX: usize = 10;

impl From<Failed> for Error {
    fn from(_: Failed) -> Self {
        Self::Unavailable
    }
}

/// A page of restaurants.
pub(crate) fn list(database: &dyn Database, filter: Filter, now_ms: i64) -> Result<Page, Error> {
    let (selection, limit) = selection(&filter)?;
    let mut items = Vec::new();
    let mut cursor = filter.cursor;
    for _ in 0..BATCHES_PER_PAGE_MAX {
        let mut batch = store::page(database, &selection, cursor.as_deref(), limit + 1)?;
        if batch.is_empty() {
            check_cursor(database, cursor.as_deref())?;
        }
        let mut more = batch.len() > limit;
        batch.truncate(limit);
        let mut batch = batch.into_iter();
        for restaurant in batch.by_ref() {
            cursor = Some(restaurant.id.clone());
            let open = restaurant.is_open(now_ms);
            if filter.open.is_none_or(|wanted| wanted == open) {
                items.push(summary(restaurant, open));
            }
            if items.len() == limit {
                break;
            }
        }
        more |= batch.len() > 0;
        if items.len() == limit || !more {
            return Ok(Page { items, next: cursor.filter(|_| more) });
        }
    }
    Ok(Page { items, next: cursor })
}

fn selection(filter: &Filter) -> Result<(Selection, usize), Error> {
    let mut checks = Checks::new();
    let limit = checks.page(filter.limit, filter.cursor.as_deref());
    if let Some(cuisine) = &filter.cuisine {
        checks.line("cuisine", cuisine, 1..=50);
    }
    let near = filter.near.as_deref().map(geo::parse);
    checks.rule(near != Some(None), "near", "must be lat,lon in degrees: 52.52,13.40");
    checks.done().map_err(Error::Invalid)?;
    let near = near.flatten().map(|(lat, lon)| Point::new(lat, lon));
    Ok((Selection { cuisine: filter.cuisine.clone(), near }, limit))
}

/// After a cursor that is none of ours nothing follows; to say so would end somebody's list early.
fn check_cursor(database: &dyn Database, cursor: Option<&str>) -> Result<(), Error> {
    match cursor {
        Some(id) if !store::is_known(database, id)? => {
            Err(Error::Invalid(["cursor", UNKNOWN_CURSOR].join(" ")))
        }
        _ => Ok(()),
    }
}

fn summary(restaurant: store::Restaurant, open: bool) -> Summary {
    let store::Restaurant { id, name, cuisine, location, .. } = restaurant;
    Summary { id, name, cuisine, location, open }
}

/// One restaurant.
pub(crate) fn get(database: &dyn Database, id: &str, now_ms: i64) -> Result<Restaurant, Error> {
    Ok(details(find(database, id)?, now_ms))
}

fn find(database: &dyn Database, id: &str) -> Result<store::Restaurant, Error> {
    known(id)?;
    store::find(database, id)?.ok_or(Error::NotFound)
}

fn known(id: &str) -> Result<(), Error> {
    if id::is_plausible(id) { Ok(()) } else { Err(Error::NotFound) }
}

fn details(restaurant: store::Restaurant, now_ms: i64) -> Restaurant {
    let open = restaurant.is_open(now_ms);
    let store::Restaurant { id, name, cuisine, location, time_zone, hours, .. } = restaurant;
    let hours = hours.as_ref().map(Week::to_openings);
    Restaurant { id, name, cuisine, location, open, time_zone, hours }
}

/// The menu of a restaurant that is open.
pub(crate) fn menu(database: &dyn Database, id: &str, now_ms: i64) -> Result<MenuCard, Error> {
    known(id)?;
    let (restaurant, items) = store::find_with_menu(database, id)?.ok_or(Error::NotFound)?;
    if !restaurant.is_open(now_ms) {
        return Err(Error::Closed);
    }
    Ok(MenuCard { restaurant_id: restaurant.id, restaurant: restaurant.name, items })
}

/// Adds a restaurant.
pub(crate) fn create(
    database: &dyn Database,
    input: RestaurantInput,
    now_ms: i64,
) -> Result<Restaurant, Error> {
    let restaurant = input::restaurant(&id::new(), input)?;
    store::insert(database, &restaurant)?;
    Ok(details(restaurant, now_ms))
}

/// Replaces what is known about a restaurant.
pub(crate) fn update(
    database: &dyn Database,
    id: &str,
    input: RestaurantInput,
    now_ms: i64,
) -> Result<Restaurant, Error> {
    known(id)?;
    if !store::replace(database, &input::restaurant(id, input)?)? {
        return Err(Error::NotFound);
    }
    get(database, id, now_ms)
}

/// Replaces a menu.
pub(crate) fn set_menu(
    database: &dyn Database,
    id: &str,
    input: MenuInput,
) -> Result<MenuCard, Error> {
    let restaurant = find(database, id)?;
    let items = input::menu(input)?;
    store::replace_menu(database, id, &items)?;
    Ok(MenuCard { restaurant_id: restaurant.id, restaurant: restaurant.name, items })
}

/// Switches a restaurant open or closed.
pub(crate) fn switch(
    database: &dyn Database,
    id: &str,
    open: bool,
    now_ms: i64,
) -> Result<Opened, Error> {
    known(id)?;
    if !store::switch(database, id, open)? {
        return Err(Error::NotFound);
    }
    let restaurant = find(database, id)?;
    Ok(Opened { open: restaurant.is_open(now_ms), id: restaurant.id })
}
