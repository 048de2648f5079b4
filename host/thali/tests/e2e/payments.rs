//! Orders by card, and what becomes of them while payments does not answer.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{TestHost, an_order, component, eventually, trapping, with_manifest};

fn by_card(number: &str) -> Value {
    let mut order = an_order();
    order["payment"] =
        json!({"method": {"card": {"number": number, "expiry": "12/30", "cvc": "123"}}});
    order
}

fn calls_of_payments(host: &TestHost) -> Value {
    let listed = host.admin_get("/breakers").body;
    let items = listed["items"].as_array().unwrap().iter();
    let mut charging = items.filter(|calls| calls["interface"] == "thali:payments/charging@1.0.0");
    charging.next().unwrap().clone()
}

fn status(host: &TestHost, id: &str) -> String {
    host.get(&format!("/api/v1/orders/{id}")).body["status"].as_str().unwrap().to_owned()
}

#[test]
fn five_failures_of_payments_open_the_breaker_and_one_probe_closes_it() {
    let host = TestHost::with_services();
    let quick = with_manifest(&component("orders"), |manifest| {
        let reset = "reset = \"1s\", jitter-percent = 0";
        let manifest = manifest.replace("reset = \"60s\"", reset);
        manifest.replace("*/10 * * * * *", "* * * * * *")
    });
    assert_eq!(host.deploy(&quick).status, 201);
    assert_eq!(host.deploy(&trapping("payments", str::to_owned)).status, 201);

    let mut orders = Vec::new();
    for _ in 0..5 {
        let answer = host.post("/api/v1/orders", &by_card("4242424242424242"));
        assert_eq!((answer.status, &answer.body["status"]), (201, &json!("queued")), "{answer:?}");
        orders.push(answer.body["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(calls_of_payments(&host)["opened"], 1);
    let begun = Instant::now();
    let answer = host.post("/api/v1/orders", &by_card("4242424242424242"));
    assert_eq!((answer.status, &answer.body["status"]), (201, &json!("queued")));
    assert!(begun.elapsed() < Duration::from_secs(1), "nobody waits for payments");
    orders.push(answer.body["id"].as_str().unwrap().to_owned());

    assert_eq!(host.admin_post_json("/services/payments/rollback", &json!({})).status, 200);
    for id in &orders {
        eventually("the order is charged and confirmed", || {
            (status(&host, id) == "confirmed").then_some(())
        });
        let charge =
            host.admin_post_json("/services/payments/call/charging/find", &json!({"order_id": id}));
        assert_eq!(charge.body["status"], "succeeded", "{charge:?}");
    }
    let calls = calls_of_payments(&host);
    assert_eq!((&calls["state"], &calls["failures_in_a_row"]), (&json!("closed"), &json!(0)));
    assert!(!host.log().contains("4242424242424242"), "no card is logged");
}

#[test]
fn a_declined_card_is_a_402_and_the_order_is_cancelled() {
    let host = TestHost::with_services();
    let declined = host.post("/api/v1/orders", &by_card("4000000000000002"));
    assert_eq!(declined.status, 402, "{declined:?}");
    assert_eq!(declined.body["code"], "payment_declined");
    let wrong = host.post("/api/v1/orders", &by_card("4242424242424243"));
    assert_eq!(wrong.status, 422, "{wrong:?}");
    assert!(!host.log().contains("4000000000000002"), "no card is logged");
}

#[test]
fn a_cancelled_order_gets_its_money_back() {
    let host = TestHost::with_services();
    let placed = host.post("/api/v1/orders", &by_card("4242424242424242"));
    assert_eq!((placed.status, &placed.body["status"]), (201, &json!("confirmed")), "{placed:?}");
    let id = placed.body["id"].as_str().unwrap();
    assert_eq!(host.post(&format!("/api/v1/orders/{id}/cancel"), &json!({})).status, 200);
    eventually("the charge is refunded", || {
        let find = "/services/payments/call/charging/find";
        let charge = host.admin_post_json(find, &json!({"order_id": id}));
        (charge.body["status"] == "refunded").then_some(())
    });
}
