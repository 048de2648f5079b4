//! A town with drivers.

use thali_support::geo::Point;
use thali_support::sql::{Database as _, Failed, statement};
use thali_support::testing::{Memory, Recorder as Kept};

use crate::bindings::thali::types::types::Location;
use crate::events::{Event, Events};
use crate::nearest::Cell;
use crate::route;

pub(crate) const PIZZA_PARADISE: Location = Location { lat: 52.52, lon: 13.405 };
pub(crate) const DOOR: Location = Location { lat: 52.51, lon: 13.39 };

/// The ten drivers of the seed data.
pub(crate) fn database() -> Memory {
    let database = without_drivers();
    database.script(include_str!("../seed.sql"));
    database
}

pub(crate) fn without_drivers() -> Memory {
    Memory::new(&[
        include_str!("../migrations/0001_init.sql"),
        include_str!("../migrations/0002_free_drivers.sql"),
    ])
}

/// Free drivers at these places, whose ids are their numbers.
pub(crate) fn add_drivers(database: &Memory, places: &[Location]) {
    let sql = "INSERT INTO drivers (id, name, lat, lon, x, y, z, cell_y, cell_x, available) \
               VALUES ($1, 'Somebody', $2, $3, $4, $5, $6, $7, $8, TRUE)";
    let row = |(n, place): (usize, &Location)| {
        let Point { x, y, z } = route::point(*place);
        let cell = Cell::of(*place);
        let mut values = vec![n.to_string().as_str().into()];
        values.extend([place.lat, place.lon, x, y, z].map(Into::into));
        values.extend([cell.y, cell.x].map(Into::into));
        statement(sql, values)
    };
    let rows: Vec<_> = places.iter().enumerate().map(row).collect();
    database.batch(&rows).unwrap();
}

/// The events that took place.
pub(crate) struct Recorder<'a>(Kept<'a, Event>);

impl<'a> Recorder<'a> {
    pub(crate) fn new(database: &'a Memory) -> Self {
        Self(Kept::new(database))
    }

    pub(crate) fn published(&self) -> Vec<Event> {
        self.0.published()
    }
}

impl Events for Recorder<'_> {
    fn publish(&self, event: Event) -> Result<(), Failed> {
        self.0.publish(event)
    }
}
