//! The jobs of `bench/flask` as one native server: nothing is called, nothing is written to a disk.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use crate::town;

/// How many orders are kept. A round takes more than should be held in memory.
const ORDERS_KEPT: usize = 100_000;

#[derive(Debug, Deserialize)]
struct NewOrder {
    restaurant_id: String,
    items: Vec<Line>,
    customer: Customer,
    #[expect(dead_code, reason = "decoded and checked, as the service's is")]
    address: Address,
}

#[derive(Debug, Deserialize)]
struct Line {
    item_id: String,
    quantity: u32,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "decoded and checked, as the service's is")]
struct Customer {
    name: String,
    phone: String,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "decoded and checked, as the service's is")]
struct Address {
    line: String,
    lat: f64,
    lon: f64,
}

#[derive(Clone, Debug, Serialize)]
struct Money {
    amount: i64,
    currency: &'static str,
}

#[derive(Clone, Debug, Serialize)]
struct Item {
    item_id: String,
    name: &'static str,
    price: Money,
    quantity: u32,
}

#[derive(Clone, Debug, Serialize)]
struct Driver {
    id: String,
    name: &'static str,
}

#[derive(Clone, Debug, Serialize)]
struct Order {
    id: String,
    status: &'static str,
    restaurant_id: String,
    restaurant: &'static str,
    items: Vec<Item>,
    total: Money,
    tracking_id: String,
    driver: Driver,
    eta_minutes: u32,
}

/// The restaurants by id, and what changes.
struct Town {
    restaurants: HashMap<String, &'static str>,
    desk: Mutex<Desk>,
}

#[derive(Default)]
struct Desk {
    orders: HashMap<String, Order>,
    /// Whom to tell what.
    messages: Vec<(String, String)>,
    placed: u32,
}

#[derive(Debug, Deserialize)]
struct Basket {
    lines: Vec<Wanted>,
    #[expect(dead_code, reason = "decoded and checked, as the service's is")]
    destination: Destination,
}

#[derive(Debug, Deserialize)]
struct Wanted {
    product_id: String,
    quantity: u32,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "decoded and checked, as the service's is")]
struct Destination {
    country: String,
    region: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Purchase {
    id: String,
    status: &'static str,
    lines: Vec<Bought>,
    subtotal: Money,
    tax: Money,
    shipping: Money,
    total: Money,
}

#[derive(Clone, Debug, Serialize)]
struct Bought {
    product_id: String,
    quantity: u32,
    unit_price: Money,
    total: Money,
}

/// What is on the shelf, and what was bought.
#[derive(Default)]
struct Shelf {
    taken: HashMap<String, u64>,
    purchases: HashMap<String, Purchase>,
    placed: u64,
}

/// `POST /api/v1/orders` and `POST /api/v1/shop/orders`.
pub(crate) fn router() -> Router {
    let shop = Router::new().route("/api/v1/shop/orders", post(buy));
    food().merge(shop.with_state(Arc::new(Mutex::new(Shelf::default()))))
}

fn food() -> Router {
    let (rows, columns) = town::RESTAURANTS;
    let ids = (0..rows).flat_map(|i| (0..columns).map(move |j| format!("town-{i}-{j}")));
    let restaurants = ids.map(|id| (id, "Pizza Paradise")).collect();
    let town = Town { restaurants, desk: Mutex::default() };
    Router::new().route("/api/v1/orders", post(place)).with_state(Arc::new(town))
}

async fn buy(
    State(shelf): State<Arc<Mutex<Shelf>>>,
    Json(basket): Json<Basket>,
) -> Result<(StatusCode, Json<Purchase>), StatusCode> {
    let lines = basket.lines.into_iter().map(bought).collect::<Option<Vec<_>>>();
    let lines = lines.ok_or(StatusCode::UNPROCESSABLE_ENTITY)?;
    let usd = |amount| Money { amount, currency: "USD" };
    let subtotal: i64 = lines.iter().map(|line| line.total.amount).sum();
    let (tax, shipping) = (subtotal * 8 / 100, if subtotal < 5_000 { 499 } else { 0 });
    let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
    shelf.placed += 1;
    let purchase = Purchase {
        id: format!("{:032x}", shelf.placed),
        status: "confirmed",
        lines,
        subtotal: usd(subtotal),
        tax: usd(tax),
        shipping: usd(shipping),
        total: usd(subtotal + tax + shipping),
    };
    shelf.keep(&purchase);
    Ok((StatusCode::CREATED, Json(purchase)))
}

impl Shelf {
    fn keep(&mut self, purchase: &Purchase) {
        if self.purchases.len() >= ORDERS_KEPT {
            self.purchases.clear();
        }
        for line in &purchase.lines {
            *self.taken.entry(line.product_id.clone()).or_default() += u64::from(line.quantity);
        }
        self.purchases.insert(purchase.id.clone(), purchase.clone());
    }
}

fn bought(Wanted { product_id, quantity }: Wanted) -> Option<Bought> {
    let price = match product_id.as_str() {
        "1" => 1999,
        "2" => 1299,
        _ => return None,
    };
    let usd = |amount| Money { amount, currency: "USD" };
    let total = usd(price * i64::from(quantity));
    Some(Bought { product_id, quantity, unit_price: usd(price), total })
}

async fn place(
    State(town): State<Arc<Town>>,
    Json(new): Json<NewOrder>,
) -> Result<(StatusCode, Json<Order>), StatusCode> {
    let restaurant = town.restaurants.get(&new.restaurant_id).ok_or(StatusCode::NOT_FOUND)?;
    let items = new.items.into_iter().map(priced).collect::<Option<Vec<_>>>();
    let items = items.ok_or(StatusCode::CONFLICT)?;
    let amount = items.iter().map(|item| item.price.amount * i64::from(item.quantity)).sum();
    let mut desk = town.desk.lock().unwrap_or_else(PoisonError::into_inner);
    desk.placed = desk.placed.wrapping_add(1);
    let number = desk.placed;
    let order = Order {
        id: format!("{number:032x}"),
        status: "confirmed",
        restaurant_id: new.restaurant_id,
        restaurant,
        items,
        total: Money { amount, currency: "USD" },
        tracking_id: format!("{:032x}", u64::from(number) << 32),
        // Those who have an order are free again when everybody had one.
        driver: Driver {
            id: format!("driver-{}", number % town::DRIVERS_COUNT),
            name: "Speed Racer",
        },
        eta_minutes: 20 + number % 26,
    };
    desk.keep(&order, new.customer.phone);
    Ok((StatusCode::CREATED, Json(order)))
}

impl Desk {
    fn keep(&mut self, order: &Order, phone: String) {
        if self.orders.len() >= ORDERS_KEPT {
            self.orders.clear();
            self.messages.clear();
        }
        let text = format!(
            "Your order is confirmed! {} is there in {} minutes.",
            order.driver.name, order.eta_minutes
        );
        self.messages.push((phone, text));
        self.orders.insert(order.id.clone(), order.clone());
    }
}

fn priced(Line { item_id, quantity }: Line) -> Option<Item> {
    let price = Money { amount: 1299, currency: "USD" };
    (item_id == "1").then_some(Item { item_id, name: "Margherita", price, quantity })
}
