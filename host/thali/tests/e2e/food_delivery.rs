//! An order through all four services.

use serde_json::json;

use crate::support::{TestHost, an_order, eventually, trapping};

#[test]
fn an_order_goes_through_all_four_services() {
    let host = TestHost::with_services();

    let menu = host.get("/api/v1/restaurants/1/menu");
    assert_eq!(menu.status, 200, "{menu:?}");
    assert_eq!(menu.body["restaurant"], "Pizza Paradise");
    let names: Vec<_> = menu.body["items"].as_array().unwrap().iter().map(|i| &i["name"]).collect();
    assert_eq!(names, ["Margherita", "Pepperoni"]);

    let order = host.post("/api/v1/orders", &an_order());
    assert_eq!(order.status, 201, "{order:?}");
    assert_eq!(order.body["status"], "confirmed");
    assert_eq!(order.body["total"], json!({"amount": 2598, "currency": "USD"}));
    assert!(order.body["eta_minutes"].as_u64().unwrap() > 0);
    let id = order.body["id"].as_str().unwrap();
    assert_eq!(order.header("location"), format!("/api/v1/orders/{id}"));

    let again = host.get(&format!("/api/v1/orders/{id}"));
    assert_eq!((again.status, &again.body), (200, &order.body));

    let tracking = order.body["tracking_id"].as_str().unwrap();
    let delivery = host.get(&format!("/api/v1/delivery/{tracking}"));
    assert_eq!(delivery.status, 200, "{delivery:?}");
    assert_eq!(delivery.body["order_id"], id);
    assert_eq!(delivery.body["driver"]["name"], order.body["driver"]["name"]);
    assert_eq!(delivery.body["eta_minutes"], order.body["eta_minutes"]);

    let told = eventually("the customer is told", || {
        let told = host.get("/api/v1/notifications?recipient=%2B15550100");
        assert_eq!(told.status, 200, "{told:?}");
        told.body["items"].as_array().filter(|items| !items.is_empty()).cloned()
    });
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["status"], "sent");
    assert!(told[0]["message"].as_str().unwrap().contains("is confirmed"), "{told:?}");
}

#[test]
fn a_body_that_is_wrong_in_three_places_gets_three_pointers() {
    let host = TestHost::with_services();
    let mut order = an_order();
    order["items"][0]["quantity"] = json!("two");
    order["customer"]["surname"] = json!("Lovelace");
    order["address"].as_object_mut().unwrap().remove("lat");
    let answer = host.post("/api/v1/orders", &order);
    assert_eq!(answer.status, 400);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let mut pointers: Vec<_> = answer.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/address/lat", "/customer/surname", "/items/0/quantity"]);
    assert_eq!(answer.body["request_id"], answer.header("x-request-id"));
}

#[test]
fn when_every_driver_is_busy_orders_are_queued_and_no_driver_has_two() {
    let host = TestHost::with_services();
    let orders: Vec<_> = std::thread::scope(|scope| {
        let place = || scope.spawn(|| host.post("/api/v1/orders", &an_order()));
        let placed: Vec<_> = (0..16).map(|_| place()).collect();
        placed.into_iter().map(|order| order.join().unwrap()).collect()
    });
    let drivers: std::collections::BTreeSet<_> = orders
        .iter()
        .filter(|order| order.body["status"] == "confirmed")
        .map(|order| order.body["driver"]["id"].as_str().unwrap())
        .collect();
    assert!(orders.iter().all(|order| order.status == 201), "{orders:?}");
    assert_eq!(drivers.len(), 10, "ten drivers, each with one order");
    assert_eq!(orders.iter().filter(|order| order.body["status"] == "queued").count(), 6);
}

#[test]
fn a_closed_restaurant_and_a_missing_item_are_conflicts() {
    let host = TestHost::with_services();
    let mut missing = an_order();
    missing["items"][0]["item_id"] = json!("no-such-item");
    let answer = host.post("/api/v1/orders", &missing);
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (409, &json!("item_unavailable")),
        "{answer:?}"
    );

    assert_eq!(host.post("/api/v1/restaurants/1/close", &json!({})).status, 200);
    let menu = host.get("/api/v1/restaurants/1/menu");
    assert_eq!((menu.status, &menu.body["code"]), (409, &json!("closed")), "{menu:?}");
    let answer = host.post("/api/v1/orders", &an_order());
    assert_eq!((answer.status, &answer.body["code"]), (409, &json!("closed")), "{answer:?}");
}

#[test]
fn a_trap_in_notifications_leaves_orders_answering() {
    let mut host = TestHost::with_services();
    let broken = host.deploy(&trapping("notifications", str::to_owned));
    assert_eq!(broken.status, 201, "{broken:?}");

    let order = host.post("/api/v1/orders", &an_order());
    assert_eq!((order.status, &order.body["status"]), (201, &json!("confirmed")), "{order:?}");
    let direct = host.get("/api/v1/notifications?recipient=%2B15550100");
    assert_eq!((direct.status, &direct.body["code"]), (500, &json!("trapped")), "{direct:?}");
    assert!(direct.body.get("detail").is_none_or(|d| !d.to_string().contains("wasm")));
    assert_eq!(host.admin_post("/services/notifications/rollback", b"").status, 200);
    assert_eq!(host.get("/api/v1/notifications?recipient=%2B15550100").status, 200);

    // The log is complete when the host has ended.
    assert!(host.terminate());
    let (id, log) = (direct.body["request_id"].as_str().unwrap(), host.log());
    let trap = log.lines().find(|line| line.contains(id) && line.contains("trap: "));
    assert!(trap.is_some_and(|line| line.contains("wasm backtrace")), "{log}");
}

#[test]
fn without_delivery_orders_are_queued_and_without_restaurants_they_are_told() {
    let host = TestHost::with_services();
    assert_eq!(host.remove("delivery").status, 200);
    let order = host.post("/api/v1/orders", &an_order());
    assert_eq!((order.status, &order.body["status"]), (201, &json!("queued")), "{order:?}");
    assert_eq!(host.get("/api/v1/drivers").status, 404);

    assert_eq!(host.remove("restaurants").status, 200);
    let order = host.post("/api/v1/orders", &an_order());
    assert_eq!(order.status, 503, "{order:?}");
    assert!(!order.header("retry-after").is_empty());
}

#[test]
fn the_openapi_document_names_every_route() {
    let host = TestHost::with_services();
    let document = host.get("/openapi.json");
    assert_eq!(document.status, 200);
    assert_eq!(document.body["openapi"], "3.1.0");
    assert_eq!(document.body["servers"][0]["url"], "/api/v1");
    for path in ["/orders", "/orders/{id}", "/restaurants/{id}/menu", "/notify"] {
        assert!(document.body["paths"].get(path).is_some(), "{path}");
    }
}
