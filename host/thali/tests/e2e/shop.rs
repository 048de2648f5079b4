//! Buying in the shop: through pricing, inventory and payments, and what becomes of it while one of them is away.

use serde_json::{Value, json};

use crate::support::{Answer, TestHost, component, eventually, with_manifest};

const GOOD: &str = "4242424242424242";
const DECLINED: &str = "4000000000000002";

fn order(number: &str, quantity: u32) -> Value {
    json!({
        "lines": [{"product_id": "1", "quantity": quantity}],
        "destination": {"country": "US", "region": "NY"},
        "payment": {"method": {"card": {"number": number, "expiry": "12/30", "cvc": "123"}}},
    })
}

fn buy(host: &TestHost, order: &Value) -> Answer {
    host.send_as(Some(&host.token_of("ann", "")), "POST", "/api/v1/shop/orders", order)
}

fn get(host: &TestHost, user: &str, path: &str) -> Answer {
    host.send_as(Some(&host.token_of(user, "")), "GET", &format!("/api/v1{path}"), &Value::Null)
}

fn status(host: &TestHost, id: &str) -> String {
    get(host, "ann", &format!("/shop/orders/{id}")).body["status"].as_str().unwrap().to_owned()
}

/// What is on the shelf of product 1, and what of it is set aside.
fn stock(host: &TestHost) -> (u64, u64) {
    let level = host.get("/api/v1/inventory/1").body;
    (level["stock"].as_u64().unwrap(), level["reserved"].as_u64().unwrap())
}

fn charge_of(host: &TestHost, id: &str) -> Value {
    host.admin_post_json("/services/payments/call/charging/find", &json!({"order_id": id})).body
}

/// A host whose shop goes on every second with what waits.
fn host() -> TestHost {
    let host = TestHost::with_all_services();
    let quick = with_manifest(&component("shop"), |manifest| {
        manifest.replace("*/10 * * * * *", "* * * * * *")
    });
    assert_eq!(host.deploy(&quick).status, 201);
    host
}

#[test]
fn a_purchase_is_charged_taken_from_the_shelf_and_remembered() {
    let host = TestHost::with_all_services();
    let mut both = order(GOOD, 2);
    let mug = json!({"product_id": "2", "quantity": 1});
    both["lines"].as_array_mut().unwrap().push(mug);
    let bought = buy(&host, &both);
    assert_eq!((bought.status, &bought.body["status"]), (201, &json!("confirmed")), "{bought:?}");
    let id = bought.body["id"].as_str().unwrap();
    assert_eq!(bought.header("location"), format!("/api/v1/shop/orders/{id}"));
    assert_eq!(get(&host, "ann", &format!("/shop/orders/{id}")).body, bought.body);
    assert_eq!(get(&host, "ann", "/shop/orders").body["items"][0]["id"], id);
    let nothing = get(&host, "bob", "/shop/orders/nothing");
    let hers = get(&host, "bob", &format!("/shop/orders/{id}"));
    assert_eq!((hers.status, &hers.body["code"]), (404, &nothing.body["code"]));
    assert_eq!(stock(&host), (98, 0));
    let charge = charge_of(&host, id);
    assert_eq!(
        (&charge["status"], &charge["amount"]),
        (&json!("succeeded"), &bought.body["total"])
    );
    let related = eventually("what was bought together is recommended", || {
        let related = host.get("/api/v1/recommendations/1").body;
        (related["items"][0]["reason"] == "bought_together").then_some(related)
    });
    assert_eq!(related["items"][0]["product_id"], "2");
    assert!(!host.log().contains(GOOD), "no card is logged");
}

#[test]
fn what_cannot_be_bought_is_told_and_stock_and_money_are_as_before() {
    let host = TestHost::with_all_services();
    let declined = buy(&host, &order(DECLINED, 2));
    assert_eq!((declined.status, &declined.body["code"]), (402, &json!("payment_declined")));
    let admin = host.token_of("operator", "inventory:write");
    let set = |stock: u32| {
        host.send_as(Some(&admin), "PUT", "/api/v1/inventory/1", &json!({"stock": stock})).status
    };
    assert_eq!(set(1), 200);
    let short = buy(&host, &order(GOOD, 2));
    assert_eq!((short.status, &short.body["code"]), (409, &json!("insufficient_stock")));
    assert_eq!((&short.body["product_id"], &short.body["available"]), (&json!("1"), &json!(1)));
    assert_eq!(set(100), 200);
    let mut coupon = order(GOOD, 1);
    coupon["coupon"] = json!("NO-SUCH-COUPON");
    let unknown = buy(&host, &coupon);
    assert_eq!((unknown.status, &unknown.body["code"]), (422, &json!("unknown_coupon")));
    assert_eq!(stock(&host), (100, 0));
    let orders = get(&host, "ann", "/shop/orders").body["items"].clone();
    let orders = orders.as_array().unwrap();
    assert_eq!(orders.len(), 2);
    for order in orders {
        assert_eq!(order["status"], "cancelled");
        let charge = charge_of(&host, order["id"].as_str().unwrap());
        assert_ne!(charge["status"], "succeeded", "{charge}");
    }
}

#[test]
fn without_payments_an_order_is_queued_and_charged_when_they_are_back() {
    let host = host();
    assert_eq!(host.thali(&["remove", "payments", "--force"]).status.code(), Some(0));
    let queued = buy(&host, &order(GOOD, 2));
    assert_eq!((queued.status, &queued.body["status"]), (201, &json!("queued")), "{queued:?}");
    assert_eq!(stock(&host), (100, 2));
    assert_eq!(host.deploy(&component("payments")).status, 201);
    let id = queued.body["id"].as_str().unwrap();
    eventually("the order is charged", || (status(&host, id) == "confirmed").then_some(()));
    assert_eq!(stock(&host), (98, 0));
    assert_eq!(charge_of(&host, id)["status"], "succeeded");
}

#[test]
fn without_pricing_nothing_is_done_and_a_request_sent_again_buys_once() {
    let host = host();
    assert_eq!(host.thali(&["remove", "pricing", "--force"]).status.code(), Some(0));
    let refused = buy(&host, &order(GOOD, 2));
    assert_eq!((refused.status, &refused.body["code"]), (503, &json!("unavailable")));
    assert_eq!(stock(&host), (100, 0));
    assert_eq!(get(&host, "ann", "/shop/orders").body["items"], json!([]));
    assert_eq!(host.deploy(&component("pricing")).status, 201);
    let key = [("idempotency-key", "key-1")];
    let send = || host.try_post("/api/v1/shop/orders", &key, &order(GOOD, 2)).unwrap();
    let first = send();
    assert_eq!(first.status, 201, "{first:?}");
    assert_eq!(send().body, first.body);
    assert_eq!(stock(&host), (98, 0));
}

#[test]
fn an_order_that_waits_when_the_host_is_killed_is_undone_because_its_card_is_in_no_database() {
    let host = host();
    assert_eq!(host.thali(&["remove", "payments", "--force"]).status.code(), Some(0));
    let queued = buy(&host, &order(GOOD, 2));
    assert_eq!((queued.status, stock(&host)), (201, (100, 2)));
    host.kill();
    let host = host.restart_killed();
    let id = queued.body["id"].as_str().unwrap();
    assert_eq!(status(&host, id), "queued", "nobody knows whether it was charged");
    assert_eq!(host.deploy(&component("payments")).status, 201);
    eventually("the order is called off", || (status(&host, id) == "cancelled").then_some(()));
    assert_eq!(stock(&host), (100, 0));
}
