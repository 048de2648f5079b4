//! Answers a record of usual size and adds up a body of a kilobyte. `bench/driver/src/native.rs` does
//! the same work natively.

#[allow(unsafe_code, reason = "generated from WIT")]
mod bindings {
    wit_bindgen::generate!({
        world: "bench:echo/service",
        path: "../../wit/echo",
        generate_all,
    });
    use super::Echo;
    export!(Echo with_types_in self);
}

use bindings::exports::bench::echo::items::{self, Category, Item, Money, Variation};
use bindings::exports::bench::echo::orders::{self, Order, Summary};

const ITEMS: u64 = 1_000_000;

/// The benchmark driver writes another number over this text to make another build of the component.
#[used]
static BUILD: [u8; 24] = *b"thali-bench-build-000000";

struct Echo;

impl items::Guest for Echo {
    fn get(id: u64) -> Result<Item, items::Error> {
        if id >= ITEMS {
            return Err(items::Error::NotFound);
        }
        let stock = u32::try_from(id % 50).unwrap_or_default();
        let variation =
            |size: &str| Variation { sku: format!("margherita-{size}"), label: size.into(), stock };
        Ok(Item {
            id,
            build: build(),
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

impl orders::Guest for Echo {
    fn place(order: Order) -> Result<Summary, orders::Error> {
        let Some(first) = order.lines.first() else {
            return Err(orders::Error::Empty);
        };
        let currency = first.unit_price.currency.clone();
        let cost = |line: &orders::Line| i64::from(line.quantity) * line.unit_price.amount;
        Ok(Summary {
            customer: order.customer.name,
            destination: format!("{}, {}", order.address.line, order.address.city),
            lines: u32::try_from(order.lines.len()).unwrap_or(u32::MAX),
            quantity: order.lines.iter().map(|line| line.quantity).sum(),
            total: Money { amount: order.lines.iter().map(cost).sum(), currency },
            express: order.express,
        })
    }
}

fn money(amount: i64) -> Money {
    Money { amount, currency: "USD".into() }
}

/// Read so that the compiler cannot know what is there: the text must stay in one piece.
fn build() -> String {
    String::from_utf8_lossy(std::hint::black_box(&BUILD)).into_owned()
}
