//! The shop: products, stock, prices, orders, and what goes with what.

use serde_json::{Value, json};

use super::client::{Client, text};
use super::users::sign_up;
use crate::support::eventually;

/// A product that only this story knows, of which there are so many.
fn product(client: &Client, price: u32, stock: u32) -> String {
    let desk = client.staff("products:write inventory:write");
    let new = json!({
        "name": client.name("Kettle"), "category": client.name("kettles"), "tags": ["kettle"],
        "price": {"amount": price, "currency": "USD"}, "weight_grams": 900,
    });
    let made = desk.create("/api/v1/products", &new);
    let id = text(&made, "id").to_owned();
    let level = desk.put(&format!("/api/v1/inventory/{id}"), &json!({"stock": stock}), 200);
    assert_eq!(level["available"], stock);
    id
}

fn available(client: &Client, id: &str) -> Value {
    client.nobody().get(&format!("/api/v1/inventory/{id}"), 200)["available"].clone()
}

pub(super) fn products(client: &Client) {
    let (nobody, desk) = (client.nobody(), client.staff("products:write"));
    let id = product(client, 4500, 3);
    let path = format!("/api/v1/products/{id}");
    let shown = nobody.get(&path, 200);
    assert_eq!((&shown["available"], &shown["price"]["amount"]), (&json!(3), &json!(4500)));
    let category = text(&shown, "category");
    let found = nobody.get(&format!("/api/v1/products?category={category}&q=kettle"), 200);
    assert_eq!(found["items"], json!([shown]));
    nobody.refused("GET /api/v1/products?limit=1000", &Value::Null, 422, "invalid");
    nobody.refused("GET /api/v1/products/nothing", &Value::Null, 404, "not_found");
    nobody.refused("POST /api/v1/products", &json!({}), 401, "unauthenticated");
    desk.refused("POST /api/v1/products", &json!({"name": "?"}), 400, "bad_request");
    let free = json!({"name": "Kettle", "category": "kettles", "price": {"amount": -1, "currency": "USD"}});
    desk.refused("POST /api/v1/products", &free, 422, "invalid");

    let reserved = nobody.post(&format!("{path}/reserve/2"), &json!({}), 201);
    assert_eq!((&reserved["reserved"], &reserved["quantity"]), (&json!(true), &json!(2)));
    assert_eq!(available(client, &id), 1);
    let short = format!("POST {path}/reserve/2");
    let short = nobody.refused(&short, &json!({}), 409, "insufficient_stock").to_string();
    assert!(short.contains("\"reserved\":false") && short.contains("\"available\":1"), "{short}");
    nobody.refused(&format!("POST {path}/reserve/0"), &json!({}), 422, "invalid");

    let other = json!({"name": "Samovar", "category": category, "price": {"amount": 9900, "currency": "USD"}});
    assert_eq!(desk.put(&path, &other, 200)["name"], "Samovar");
    desk.refused("PUT /api/v1/products/nothing", &other, 404, "not_found");
    desk.delete(&path, 204);
    nobody.refused(&format!("GET {path}"), &Value::Null, 404, "not_found");
    let gone = client.person("bob", "");
    gone.refused(&format!("DELETE {path}"), &Value::Null, 403, "insufficient_scope");
}

pub(super) fn stock(client: &Client) {
    let (nobody, desk) = (client.nobody(), client.staff("inventory:write"));
    let unknown = format!("/api/v1/inventory/{}", client.name("unheard-of"));
    let level = nobody.get(&unknown, 200);
    assert_eq!(
        (&level["stock"], &level["reserved"], &level["available"]),
        (&json!(0), &json!(0), &json!(0))
    );
    nobody.refused(&format!("PUT {unknown}"), &json!({"stock": 1}), 401, "unauthenticated");
    desk.refused(&format!("PUT {unknown}"), &json!({"stock": -1}), 400, "bad_request");
    nobody.refused("GET /api/v1/inventory/%20", &Value::Null, 422, "invalid");
    let id = product(client, 100, 5);
    nobody.post(&format!("/api/v1/products/{id}/reserve/4"), &json!({}), 201);
    let path = format!("PUT /api/v1/inventory/{id}");
    desk.refused(&path, &json!({"stock": 3}), 409, "below_reserved");
}

pub(super) fn prices(client: &Client) {
    let (nobody, desk) = (client.nobody(), client.staff("pricing:write"));
    let id = product(client, 1000, 5);
    let basket = |coupon: Option<&str>| json!({"lines": [{"product_id": id, "quantity": 2}], "destination": {"country": "US", "region": "NY"}, "coupon": coupon});
    let calculate = "/api/v1/pricing/calculate";
    let plain = nobody.post(calculate, &basket(None), 200);
    assert_eq!((&plain["subtotal"]["amount"], &plain["discounts"]), (&json!(2000), &json!([])));
    let amount = |name: &str| plain[name]["amount"].as_i64().unwrap();
    let tax = plain["tax"]["amount"]["amount"].as_i64().unwrap();
    assert_eq!(amount("total"), amount("subtotal") + tax + amount("shipping"), "{plain}");
    let code = client.name("HALF");
    let coupon = json!({"code": code, "reduction": {"percent": 50}});
    assert_eq!(desk.post("/api/v1/pricing/coupons", &coupon, 201)["code"], code);
    desk.refused("POST /api/v1/pricing/coupons", &coupon, 409, "already_exists");
    let impossible = json!({"code": client.name("ALL"), "reduction": {"percent": 101}});
    desk.refused("POST /api/v1/pricing/coupons", &impossible, 422, "invalid");
    nobody.refused("GET /api/v1/pricing/coupons", &Value::Null, 401, "unauthenticated");
    assert!(!desk.get("/api/v1/pricing/coupons", 200)["items"].as_array().unwrap().is_empty());
    let half = nobody.post(calculate, &basket(Some(&code.to_lowercase())), 200);
    assert_eq!(
        half["discounts"][0],
        json!({"code": code, "amount": {"amount": 1000, "currency": "USD"}})
    );
    let calculate = format!("POST {calculate}");
    nobody.refused(&calculate, &basket(Some("NO-SUCH-COUPON")), 422, "unknown_coupon");
    nobody.refused(&calculate, &json!({"lines": []}), 400, "bad_request");
}

pub(super) fn buying(client: &Client) {
    let (nobody, user) = (client.nobody(), sign_up(client, "grace"));
    let customer = client.bearer(&user.access_token);
    let (id, other) = (product(client, 2500, 10), product(client, 500, 10));
    let order = |quantity: u32, number: &str| {
        json!({
            "lines": [{"product_id": id, "quantity": quantity}, {"product_id": other, "quantity": 1}],
            "destination": {"country": "US", "region": "NY"},
            "payment": {"method": {"card": {"number": number, "expiry": "12/40", "cvc": "123"}}},
        })
    };
    let good = "4242424242424242";
    nobody.refused("POST /api/v1/shop/orders", &order(1, good), 401, "unauthenticated");
    customer.refused("POST /api/v1/shop/orders", &json!({}), 400, "bad_request");
    let key = client.name("bought");
    let headers = [("idempotency-key", key.as_str())];
    let first = customer.ask("POST", "/api/v1/shop/orders", &headers, Some(&order(2, good)));
    assert_eq!((first.status, &first.body["status"]), (201, &json!("confirmed")), "{first:?}");
    let again = customer.ask("POST", "/api/v1/shop/orders", &headers, Some(&order(2, good)));
    assert_eq!((again.status, &again.body["id"]), (201, &first.body["id"]));
    assert_eq!(available(client, &id), 8, "bought once");

    let declined = order(1, "4000000000000002");
    customer.refused("POST /api/v1/shop/orders", &declined, 402, "payment_declined");
    assert_eq!(available(client, &id), 8, "given back");
    let short =
        customer.refused("POST /api/v1/shop/orders", &order(9, good), 409, "insufficient_stock");
    assert!(short.to_string().contains("\"available\":8"), "{short}");
    let mut wrong = order(1, good);
    wrong["coupon"] = json!("NO-SUCH-COUPON");
    customer.refused("POST /api/v1/shop/orders", &wrong, 422, "unknown_coupon");

    let path = format!("/api/v1/shop/orders/{}", text(&first.body, "id"));
    assert_eq!(customer.get(&path, 200)["total"], first.body["total"]);
    let bob = client.person("bob", "");
    bob.refused(&format!("GET {path}"), &Value::Null, 404, "not_found");
    let own = customer.get("/api/v1/shop/orders", 200);
    assert!(own["items"].as_array().unwrap().iter().any(|order| order["id"] == first.body["id"]));
    nobody.refused("GET /api/v1/shop/orders", &Value::Null, 401, "unauthenticated");

    let related = format!("/api/v1/recommendations/{id}?limit=5");
    let related = eventually("what was bought together is recommended", || {
        let answer = nobody.get(&related, 200);
        (answer["items"][0]["product_id"] == json!(other)).then_some(answer)
    });
    assert_eq!(related["items"][0]["reason"], "bought_together");
    nobody.refused("GET /api/v1/recommendations/nothing", &Value::Null, 404, "not_found");
    let history = format!("/api/v1/recommendations/users/{}", user.id);
    customer.get(&history, 200);
    nobody.refused(&format!("GET {history}"), &Value::Null, 401, "unauthenticated");
    bob.refused(&format!("GET {history}"), &Value::Null, 404, "not_found");
}
