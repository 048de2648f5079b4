//! The shop: somebody buys, and what runs low is brought again.

use anyhow::Result;
use serde_json::{Value, json};

use crate::api::{Api, money, text};
use crate::chance::Chance;
use crate::people::Person;

/// What of a product is brought when it is sold out.
const BROUGHT: u64 = 25;
/// So few are called low.
const LOW: u64 = 5;

pub(crate) struct Shop {
    products: Vec<Value>,
    pub(crate) bought: u32,
    pub(crate) sold_out: u32,
}

impl Shop {
    pub(crate) fn look(api: &Api) -> Result<Self> {
        let listed = api.get("/products?limit=20")?;
        let products = listed["items"].as_array().cloned().unwrap_or_default();
        anyhow::ensure!(
            !products.is_empty(),
            "the shop has no products: was the host started with --seed?"
        );
        Ok(Self { products, bought: 0, sold_out: 0 })
    }

    /// Somebody buys one thing, or a few.
    pub(crate) fn buy(
        &mut self,
        api: &Api,
        who: &Person,
        chance: &mut Chance,
    ) -> Result<Vec<String>> {
        let Some(product) = chance.pick(&self.products) else { return Ok(Vec::new()) };
        let (id, name) = (text(product, "id"), text(product, "name"));
        let quantity = 1 + chance.below(6);
        let order = json!({
            "lines": [{"product_id": id, "quantity": quantity}],
            "coupon": if chance.below(4) == 0 { json!("WELCOME10") } else { Value::Null },
            "destination": {"country": "US", "region": "NY"},
            "payment": {"method": {"card": {"number": "4242424242424242", "expiry": "12/40", "cvc": "123"}}},
        });
        let what = format!("{} buys {quantity} x {name}", who.name);
        let answer = api.post_as(Some(&who.token), "/shop/orders", &order)?;
        if answer.code() == "insufficient_stock" {
            self.sold_out += 1;
            let stock =
                api.get(&format!("/inventory/{id}"))?["reserved"].as_u64().unwrap_or_default();
            api.staff("PUT", &format!("/inventory/{id}"), &json!({"stock": stock + BROUGHT}))?;
            return Ok(vec![format!("{what}: there are too few, so {BROUGHT} more are brought")]);
        }
        let order = answer.good("POST", "/shop/orders")?;
        self.bought += 1;
        let mut told =
            vec![format!("{what} for {}: {}", money(&order["total"]), text(&order, "status"))];
        let left = api.get(&format!("/inventory/{id}"))?["available"].as_u64().unwrap_or_default();
        if left <= LOW {
            told.push(format!("{name} runs low: {left} left"));
        }
        Ok(told)
    }
}
