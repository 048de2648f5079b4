//! The reference: the work of `bench/components/echo` as a native axum server, the way one is written.
//!
//! It runs in a process of its own and ends when its standard input closes, so it goes with the run
//! however that ends.

use std::io::{Read, Write};
use std::net::SocketAddr;

use anyhow::Result;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::native_jobs;

const ITEMS: u64 = 1_000_000;

/// What the echo component says before the driver makes another build of it.
const BUILD: &str = "thali-bench-build-000000";

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Money {
    amount: i64,
    currency: String,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Category {
    Food,
}

#[derive(Debug, Serialize)]
struct Variation {
    sku: String,
    label: String,
    stock: u32,
}

#[derive(Debug, Serialize)]
pub(crate) struct Item {
    id: u64,
    build: String,
    name: String,
    description: String,
    category: Category,
    price: Money,
    available: bool,
    rating: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sale_price: Option<Money>,
    tags: Vec<String>,
    variations: Vec<Variation>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Customer {
    name: String,
    #[expect(dead_code, reason = "decoded and checked, as the component's is")]
    email: String,
    #[expect(dead_code, reason = "decoded and checked, as the component's is")]
    phone: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "decoded and checked, as the component's is")]
struct Address {
    line: String,
    city: String,
    country: String,
    lat: f64,
    lon: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "decoded and checked, as the component's is")]
struct Line {
    sku: String,
    quantity: u32,
    unit_price: Money,
    note: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "decoded and checked, as the component's is")]
pub(crate) struct Order {
    customer: Customer,
    address: Address,
    lines: Vec<Line>,
    express: bool,
    coupon: Option<String>,
}

#[derive(Debug, Serialize)]
struct Summary {
    customer: String,
    destination: String,
    lines: u32,
    quantity: u32,
    total: Money,
    express: bool,
}

/// Serves until standard input closes; says the address on standard output.
pub(crate) fn serve() -> Result<()> {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let app = Router::new()
            .route("/api/v1/bench/items/{id}", get(item))
            .route("/api/v1/bench/orders", post(order))
            .merge(native_jobs::router());
        let app = crate::board::routes(app);
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
        let no_delay = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        axum::serve(no_delay, app).await?;
        Ok(())
    })
}

async fn item(Path(id): Path<u64>) -> Result<Json<Item>, StatusCode> {
    Item::get(id).map(Json).ok_or(StatusCode::NOT_FOUND)
}

async fn order(Json(order): Json<Order>) -> Result<(StatusCode, Json<Summary>), StatusCode> {
    let summary = order.summary().ok_or(StatusCode::UNPROCESSABLE_ENTITY)?;
    Ok((StatusCode::CREATED, Json(summary)))
}

impl Item {
    /// What the component's `items.get` answers.
    pub(crate) fn get(id: u64) -> Option<Self> {
        if id >= ITEMS {
            return None;
        }
        let stock = u32::try_from(id % 50).unwrap_or_default();
        let variation =
            |size: &str| Variation { sku: format!("margherita-{size}"), label: size.into(), stock };
        Some(Self {
            id,
            build: BUILD.into(),
            name: "Margherita".into(),
            description: "Tomatoes, mozzarella and basil on a thin crust, baked in a wood oven."
                .into(),
            category: Category::Food,
            price: money(1299),
            available: stock > 0,
            rating: 4.5,
            sale_price: id.is_multiple_of(2).then(|| money(1099)),
            tags: ["pizza", "vegetarian", "classic"].map(String::from).into(),
            variations: vec![variation("small"), variation("large")],
        })
    }
}

impl Order {
    /// What the component's `orders.place` answers.
    fn summary(self) -> Option<Summary> {
        let currency = self.lines.first()?.unit_price.currency.clone();
        let cost = |line: &Line| i64::from(line.quantity) * line.unit_price.amount;
        Some(Summary {
            customer: self.customer.name,
            destination: format!("{}, {}", self.address.line, self.address.city),
            lines: u32::try_from(self.lines.len()).unwrap_or(u32::MAX),
            quantity: self.lines.iter().map(|line| line.quantity).sum(),
            total: Money { amount: self.lines.iter().map(cost).sum(), currency },
            express: self.express,
        })
    }
}

fn money(amount: i64) -> Money {
    Money { amount, currency: "USD".into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::ORDER;

    #[test]
    fn the_body_of_the_benchmark_is_an_order() {
        let order: Order = serde_json::from_slice(ORDER).unwrap();
        let summary = order.summary().unwrap();
        assert_eq!((summary.lines, summary.quantity, summary.total.amount), (7, 15, 10_389));
    }
}
