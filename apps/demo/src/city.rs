//! Food: orders on their way from the kitchen to the door.

use anyhow::Result;
use serde_json::{Value, json};

use crate::api::{Api, money, text};
use crate::chance::Chance;
use crate::people::Person;

/// So many moves of a driver to the restaurant, and from there to the door.
const MOVES: (u32, u32) = (3, 5);

/// Where people live: around the restaurants.
const HOMES: ((f64, f64), (f64, f64)) = ((52.48, 52.54), (13.35, 13.45));

/// The restaurants, and the orders that are under way.
pub(crate) struct City {
    restaurants: Vec<Restaurant>,
    under_way: Vec<Order>,
    pub(crate) placed: u32,
    pub(crate) delivered: u32,
}

struct Restaurant {
    id: String,
    name: String,
    place: Place,
    dishes: Vec<(String, String)>,
}

#[derive(Clone, Copy)]
struct Place {
    lat: f64,
    lon: f64,
}

/// One order, and what happens to it next.
struct Order {
    id: String,
    who: &'static str,
    restaurant: Place,
    home: Place,
    next: Step,
}

#[derive(Clone, Copy)]
enum Step {
    /// Until it has a driver.
    Wait,
    Kitchen(&'static str),
    /// So many moves of the driver are left.
    ToRestaurant(u32),
    ToDoor(u32),
}

impl City {
    pub(crate) fn look(api: &Api) -> Result<Self> {
        let listed = api.get("/restaurants?open=true&limit=20")?;
        let mut restaurants = Vec::new();
        for restaurant in listed["items"].as_array().into_iter().flatten() {
            let id = text(restaurant, "id").to_owned();
            let menu = api.get(&format!("/restaurants/{id}/menu"))?;
            let dishes = menu["items"].as_array().into_iter().flatten();
            let dishes: Vec<_> = dishes
                .filter(|dish| dish["available"] == true)
                .map(|dish| (text(dish, "id").to_owned(), text(dish, "name").to_owned()))
                .collect();
            if !dishes.is_empty() {
                let place = Place::of(&restaurant["location"]);
                restaurants.push(Restaurant {
                    id,
                    name: text(restaurant, "name").to_owned(),
                    place,
                    dishes,
                });
            }
        }
        anyhow::ensure!(
            !restaurants.is_empty(),
            "no restaurant is open: was the host started with --seed?"
        );
        Ok(Self { restaurants, under_way: Vec::new(), placed: 0, delivered: 0 })
    }

    /// Somebody is hungry.
    pub(crate) fn order(&mut self, api: &Api, who: &Person, chance: &mut Chance) -> Result<String> {
        let Some(restaurant) = chance.pick(&self.restaurants) else { return Ok(String::new()) };
        let Some((dish, name)) = chance.pick(&restaurant.dishes) else { return Ok(String::new()) };
        let quantity = 1 + chance.below(3);
        let ((south, north), (west, east)) = HOMES;
        let home = Place { lat: chance.between(south, north), lon: chance.between(west, east) };
        let method = match chance.below(2) {
            0 => json!("cash"),
            _ => json!({"card": {"number": "4242424242424242", "expiry": "12/40", "cvc": "123"}}),
        };
        let order = json!({
            "restaurant_id": restaurant.id,
            "items": [{"item_id": dish, "quantity": quantity}],
            "customer": {"name": who.name, "phone": who.phone},
            "address": {"line": "1 Demo Street", "lat": home.lat, "lon": home.lon},
            "payment": {"method": method},
        });
        let what = format!("{} orders {quantity} x {name} at {}", who.name, restaurant.name);
        let answer = api.post_as(Some(&who.token), "/orders", &order)?;
        if matches!(answer.status, 402 | 409) {
            return Ok(format!("{what}: {}", text(&answer.body, "title")));
        }
        let placed = answer.good("POST", "/orders")?;
        self.placed += 1;
        let id = text(&placed, "id").to_owned();
        let restaurant = restaurant.place;
        self.under_way.push(Order { id, who: who.name, restaurant, home, next: Step::Wait });
        let driver = match text(&placed["driver"], "name") {
            "" => "no driver is free yet".to_owned(),
            driver => format!("{driver} drives, {} min", placed["eta_minutes"]),
        };
        Ok(format!("{what} for {}: {}, {driver}", money(&placed["total"]), text(&placed, "status")))
    }

    /// Everybody takes a step. Says what customers would notice.
    pub(crate) fn step(&mut self, api: &Api) -> Result<Vec<String>> {
        let mut told = Vec::new();
        let mut still = Vec::new();
        for mut order in std::mem::take(&mut self.under_way) {
            let (says, goes_on) = order.step(api)?;
            told.extend(says);
            if goes_on {
                still.push(order);
            } else {
                self.delivered += 1;
            }
        }
        self.under_way = still;
        Ok(told)
    }

    pub(crate) fn under_way(&self) -> usize {
        self.under_way.len()
    }
}

impl Order {
    fn step(&mut self, api: &Api) -> Result<(Option<String>, bool)> {
        let path = format!("/orders/{}", self.id);
        let order = api.staff("GET", &path, &Value::Null)?;
        let driver = text(&order["driver"], "name");
        let mut says = None;
        self.next = match self.next {
            Step::Wait if order["status"] == "queued" || order["status"] == "placed" => Step::Wait,
            Step::Wait => Step::Kitchen("preparing"),
            Step::Kitchen(status) => {
                api.staff("POST", &format!("{path}/status"), &json!({ "status": status }))?;
                match status {
                    "preparing" => Step::Kitchen("ready"),
                    _ => Step::ToRestaurant(MOVES.0),
                }
            }
            Step::ToRestaurant(0) => {
                drive(api, &order, "pickup")?;
                says = Some(format!("{driver} has {}'s order", self.who));
                Step::ToDoor(MOVES.1)
            }
            Step::ToRestaurant(left) => {
                move_driver(api, &order, self.restaurant, left)?;
                Step::ToRestaurant(left - 1)
            }
            Step::ToDoor(0) => {
                drive(api, &order, "complete")?;
                return Ok((Some(format!("{driver} is at {}'s door", self.who)), false));
            }
            Step::ToDoor(left) => {
                move_driver(api, &order, self.home, left)?;
                Step::ToDoor(left - 1)
            }
        };
        Ok((says, true))
    }
}

fn drive(api: &Api, order: &Value, step: &str) -> Result<Value> {
    let path = format!("/delivery/{}/{step}", text(order, "tracking_id"));
    api.staff("POST", &path, &json!({}))
}

/// Moves the driver of an order a part of the way, so that so many moves lead there.
fn move_driver(api: &Api, order: &Value, to: Place, moves_left: u32) -> Result<()> {
    let delivery = api.get(&format!("/delivery/{}", text(order, "tracking_id")))?;
    let at = Place::of(&delivery["location"]);
    let next = at.towards(to, 1.0 / f64::from(moves_left));
    let path = format!("/drivers/{}/location", text(&order["driver"], "id"));
    api.staff("PUT", &path, &json!({"lat": next.lat, "lon": next.lon}))?;
    Ok(())
}

impl Place {
    fn of(value: &Value) -> Self {
        let degrees = |name: &str| value[name].as_f64().unwrap_or_default();
        Self { lat: degrees("lat"), lon: degrees("lon") }
    }

    fn towards(self, to: Self, share: f64) -> Self {
        let along = |from: f64, to: f64| from + (to - from) * share;
        Self { lat: along(self.lat, to.lat), lon: along(self.lon, to.lon) }
    }
}
