//! Food delivery: restaurants, orders, payments, delivery, notifications.

use serde_json::{Value, json};

use super::client::{Client, text};
use crate::support::{an_order, eventually};

/// An order that has a driver. All of them may be busy with orders of others for a moment.
pub(super) fn confirmed_order(client: &Client) -> Value {
    let order = client.nobody().create("/api/v1/orders", &an_order());
    await_status(client, &order, "confirmed")
}

/// Reads an order until it has this status.
fn await_status(client: &Client, order: &Value, status: &str) -> Value {
    let path = format!("/api/v1/orders/{}", text(order, "id"));
    eventually(status, || {
        let order = client.staff("orders:read").get(&path, 200);
        (order["status"] == status).then_some(order)
    })
}

/// Lets the driver of an order do this.
pub(super) fn drive(client: &Client, order: &Value, step: &str) -> Value {
    let path = format!("/api/v1/delivery/{}/{step}", text(order, "tracking_id"));
    client.staff("delivery:write").post(&path, &json!({}), 200)
}

pub(super) fn restaurants(client: &Client) {
    let (nobody, owner) = (client.nobody(), client.staff("restaurants:write"));
    let name = client.name("Noodle");
    let new = json!({"name": name, "cuisine": "test", "location": {"lat": 52.5, "lon": 13.4}});
    nobody.refused("POST /api/v1/restaurants", &new, 401, "unauthenticated");
    let bob = client.person("bob", "");
    bob.refused("POST /api/v1/restaurants", &new, 403, "insufficient_scope");
    owner.refused("POST /api/v1/restaurants", &json!({"name": name}), 400, "bad_request");
    let mut nowhere = new.clone();
    nowhere["location"]["lat"] = json!(91);
    owner.refused("POST /api/v1/restaurants", &nowhere, 422, "invalid");
    let made = owner.create("/api/v1/restaurants", &new);
    let path = format!("/api/v1/restaurants/{}", text(&made, "id"));
    assert_eq!(nobody.get(&path, 200), made);
    nobody.refused("GET /api/v1/restaurants/nothing", &Value::Null, 404, "not_found");

    let menu = json!({"items": [{
        "id": "1", "name": "Ramen", "description": "", "price": {"amount": 1100, "currency": "USD"}, "available": true
    }]});
    owner.put(&format!("{path}/menu"), &menu, 200);
    owner.refused(&format!("PUT {path}/menu"), &json!({"items": [{}]}), 400, "bad_request");
    let card = nobody.get(&format!("{path}/menu"), 200);
    assert_eq!((&card["restaurant"], &card["items"]), (&json!(name), &menu["items"]));

    let closed = owner.post(&format!("{path}/close"), &json!({}), 200);
    assert_eq!(closed, json!({"id": made["id"], "open": false}));
    nobody.refused(&format!("GET {path}/menu"), &Value::Null, 409, "closed");
    let mut order = an_order();
    order["restaurant_id"] = made["id"].clone();
    nobody.refused("POST /api/v1/orders", &order, 409, "closed");
    assert_eq!(owner.post(&format!("{path}/open"), &json!({}), 200)["open"], true);
    for step in ["open", "close"] {
        let missing = format!("POST /api/v1/restaurants/nothing/{step}");
        owner.refused(&missing, &json!({}), 404, "not_found");
    }
    let mut other = new.clone();
    other["cuisine"] = json!("other");
    assert_eq!(owner.put(&path, &other, 200)["cuisine"], "other");
    owner.refused(&format!("PUT {path}"), &json!({}), 400, "bad_request");

    let near = nobody.get("/api/v1/restaurants?near=52.52,13.405&cuisine=italian&open=true", 200);
    assert_eq!(near["items"][0]["name"], "Pizza Paradise", "{near}");
    let page = nobody.get("/api/v1/restaurants?limit=1", 200);
    let next = format!("/api/v1/restaurants?limit=1&cursor={}", text(&page, "next"));
    assert_ne!(nobody.get(&next, 200)["items"], page["items"]);
    nobody.refused("GET /api/v1/restaurants?near=here", &Value::Null, 422, "invalid");
    nobody.refused("GET /api/v1/restaurants?limit=many", &Value::Null, 400, "bad_request");
}

pub(super) fn orders(client: &Client) {
    let nobody = client.nobody();
    let ann = client.person(&client.name("ann"), "");
    let (bob, kitchen) = (client.person("bob", ""), client.staff("orders:write"));
    let key = client.name("key");
    let headers = [("idempotency-key", key.as_str())];
    let placed = ann.ask("POST", "/api/v1/orders", &headers, Some(&an_order()));
    assert_eq!(placed.status, 201, "{placed:?}");
    let again = ann.ask("POST", "/api/v1/orders", &headers, Some(&an_order()));
    assert_eq!((again.status, &again.body["id"]), (201, &placed.body["id"]));
    let order = await_status(client, &placed.body, "confirmed");
    assert_eq!(order["total"], json!({"amount": 2598, "currency": "USD"}));
    let path = format!("/api/v1/orders/{}", text(&order, "id"));

    assert_eq!(ann.get(&path, 200), order);
    bob.refused(&format!("GET {path}"), &Value::Null, 404, "not_found");
    nobody.refused(&format!("POST {path}/cancel"), &json!({}), 404, "not_found");
    let own = ann.get("/api/v1/orders?limit=5", 200);
    assert_eq!(own["items"][0]["id"], order["id"]);
    assert_eq!(own["items"].as_array().unwrap().len(), 1, "{own}");
    nobody.refused("GET /api/v1/orders", &Value::Null, 401, "unauthenticated");

    let step = format!("{path}/status");
    ann.refused(
        &format!("POST {step}"),
        &json!({"status": "preparing"}),
        403,
        "insufficient_scope",
    );
    let skipped = json!({"status": "ready"});
    kitchen.refused(&format!("POST {step}"), &skipped, 409, "invalid_transition");
    kitchen.refused(&format!("POST {step}"), &json!({"status": "eaten"}), 400, "bad_request");
    assert_eq!(kitchen.post(&step, &json!({"status": "preparing"}), 200)["status"], "preparing");
    in_the_kitchen(client, &order);
    for status in ["ready", "picked_up"] {
        assert_eq!(kitchen.post(&step, &json!({"status": status}), 200)["status"], status);
    }
    ann.refused(&format!("POST {path}/cancel"), &json!({}), 409, "too_late");
    assert_eq!(kitchen.post(&step, &json!({"status": "delivered"}), 200)["status"], "delivered");

    let cancelled = confirmed_order(client);
    let path = format!("/api/v1/orders/{}/cancel", text(&cancelled, "id"));
    for _ in 0..2 {
        assert_eq!(nobody.post(&path, &json!({}), 200)["status"], "cancelled");
    }
    let mut wrong = an_order();
    wrong["items"][0]["item_id"] = json!("nothing");
    nobody.refused("POST /api/v1/orders", &wrong, 409, "item_unavailable");
    wrong["restaurant_id"] = json!("nothing");
    nobody.refused("POST /api/v1/orders", &wrong, 404, "not_found");
    wrong["items"] = json!([]);
    nobody.refused("POST /api/v1/orders", &wrong, 422, "invalid");
    nobody.refused("POST /api/v1/orders", &json!({}), 400, "bad_request");
}

/// Kitchens see what they cook, and nobody else does. Others cook at the same time.
fn in_the_kitchen(client: &Client, order: &Value) {
    let kitchen = client.staff("orders:write");
    let list = "/api/v1/kitchen/orders";
    let cooked = kitchen.get(&format!("{list}?status=preparing&restaurant_id=1&limit=100"), 200);
    let cooked = cooked["items"].as_array().unwrap();
    let mine = cooked.iter().find(|item| item["id"] == order["id"]).unwrap();
    assert_eq!((&mine["items"], &mine["status"]), (&order["items"], &json!("preparing")));
    kitchen.refused(&format!("GET {list}?status=eaten"), &Value::Null, 400, "bad_request");
    kitchen.refused(&format!("GET {list}?cursor=x"), &Value::Null, 422, "invalid");
    let bob = client.person("bob", "");
    bob.refused(&format!("GET {list}"), &Value::Null, 403, "insufficient_scope");
}

pub(super) fn paying(client: &Client) {
    let (nobody, desk) = (client.nobody(), client.staff("payments:write payments:read"));
    let card = |number: &str| json!({"method": {"card": {"number": number, "expiry": "12/40", "cvc": "123"}}});
    let mut order = an_order();
    order["payment"] = card("4000000000000002");
    nobody.refused("POST /api/v1/orders", &order, 402, "payment_declined");
    order["payment"] = card("4242424242424242");
    let paid = nobody.create("/api/v1/orders", &order);
    nobody.post(&format!("/api/v1/orders/{}/cancel", text(&paid, "id")), &json!({}), 200);

    let charge = json!({
        "order_id": client.name("charged"),
        "amount": {"amount": 1299, "currency": "USD"},
        "method": card("4242424242424242")["method"],
    });
    nobody.refused("POST /api/v1/payments/charges", &charge, 401, "unauthenticated");
    let made = desk.create("/api/v1/payments/charges", &charge);
    assert_eq!((&made["status"], &made["last4"]), (&json!("succeeded"), &json!("4242")));
    assert!(!made.to_string().contains("424242424242"), "{made}");
    assert_eq!(desk.create("/api/v1/payments/charges", &charge)["id"], made["id"], "made once");
    let mut other = charge.clone();
    other["amount"]["amount"] = json!(1300);
    desk.refused("POST /api/v1/payments/charges", &other, 409, "already_charged");
    desk.refused("POST /api/v1/payments/charges", &json!({}), 400, "bad_request");
    let path = format!("/api/v1/payments/charges/{}", text(&made, "id"));
    assert_eq!(desk.get(&path, 200), made);
    for _ in 0..2 {
        assert_eq!(desk.post(&format!("{path}/refund"), &json!({}), 200)["status"], "refunded");
    }
    let missing = "/api/v1/payments/charges/nothing";
    desk.refused(&format!("GET {missing}"), &Value::Null, 404, "not_found");
    desk.refused(&format!("POST {missing}/refund"), &json!({}), 404, "not_found");
}

pub(super) fn drivers(client: &Client) {
    let (nobody, desk) = (client.nobody(), client.staff("delivery:write"));
    nobody.refused("GET /api/v1/drivers", &Value::Null, 401, "unauthenticated");
    // Far from everybody, so that no order of another story takes this one.
    let new = json!({"name": client.name("Polar Pia"), "location": {"lat": 89.0, "lon": 0.0}});
    let driver = desk.post("/api/v1/drivers", &new, 201);
    desk.refused("POST /api/v1/drivers", &json!({"name": ""}), 400, "bad_request");
    let path = format!("/api/v1/drivers/{}", text(&driver, "id"));
    let paused = desk.put(&format!("{path}/availability"), &json!({"available": false}), 200);
    assert_eq!(paused["available"], false);
    let moved = json!({"lat": 88.0, "lon": 1.0});
    assert_eq!(desk.put(&format!("{path}/location"), &moved, 200)["location"], moved);
    desk.refused(&format!("PUT {path}/location"), &json!({"lat": 91, "lon": 0}), 422, "invalid");
    let missing = "PUT /api/v1/drivers/nothing";
    desk.refused(&format!("{missing}/location"), &moved, 404, "not_found");
    desk.refused(&format!("{missing}/availability"), &json!({"available": true}), 404, "not_found");
    assert_eq!(desk.get("/api/v1/drivers?limit=2", 200)["items"].as_array().unwrap().len(), 2);
    desk.refused("GET /api/v1/drivers?limit=0", &Value::Null, 422, "invalid");
}

pub(super) fn deliveries(client: &Client) {
    let (nobody, desk) = (client.nobody(), client.staff("delivery:write"));
    let place = json!({"lat": 52.52, "lon": 13.40});
    let wanted = json!({"order_id": client.name("parcel"), "pickup": place, "dropoff": place});
    nobody.refused("POST /api/v1/delivery/assign", &wanted, 401, "unauthenticated");
    desk.refused("POST /api/v1/delivery/assign", &json!({}), 400, "bad_request");
    let assigned = eventually("a driver is free", || {
        let answer = desk.ask("POST", "/api/v1/delivery/assign", &[], Some(&wanted));
        match answer.status {
            503 => {
                assert_eq!(answer.body["code"], "no_driver_available");
                assert!(!answer.header("retry-after").is_empty(), "{answer:?}");
                None
            }
            status => {
                assert_eq!(status, 201, "{answer:?}");
                Some(answer.body)
            }
        }
    });
    let path = format!("/api/v1/delivery/{}", text(&assigned, "tracking_id"));
    let delivery = nobody.get(&path, 200);
    assert_eq!(
        (&delivery["order_id"], &delivery["status"]),
        (&wanted["order_id"], &json!("assigned"))
    );
    desk.refused(&format!("POST {path}/complete"), &json!({}), 409, "wrong_state");
    assert_eq!(desk.post(&format!("{path}/pickup"), &json!({}), 200)["status"], "picked_up");
    desk.refused(&format!("POST {path}/pickup"), &json!({}), 409, "wrong_state");
    assert_eq!(desk.post(&format!("{path}/complete"), &json!({}), 200)["status"], "delivered");
    nobody.refused("GET /api/v1/delivery/nothing", &Value::Null, 404, "not_found");
}

pub(super) fn notifications(client: &Client) {
    let desk = client.staff("notifications:write notifications:read");
    let recipient = format!("{}@example.com", client.name("ann"));
    let message = json!({"type": "email", "recipient": recipient, "subject": "Hello", "message": "It works."});
    client.nobody().refused("POST /api/v1/notify", &message, 401, "unauthenticated");
    desk.refused("POST /api/v1/notify", &json!({}), 400, "bad_request");
    let bad = json!({"type": "sms", "recipient": "ann", "message": "?"});
    desk.refused("POST /api/v1/notify", &bad, 422, "bad_recipient");
    let receipt = desk.post("/api/v1/notify", &message, 202);
    assert_eq!(receipt["status"], "queued");
    let path = format!("/api/v1/notifications/{}", text(&receipt, "id"));
    let sent = eventually("it is sent", || {
        let kept = desk.get(&path, 200);
        (kept["status"] == "sent").then_some(kept)
    });
    assert_eq!((&sent["attempts"], &sent["recipient"]), (&json!(1), &json!(recipient)));
    let listed = desk.get(&format!("/api/v1/notifications?recipient={recipient}"), 200);
    assert_eq!(listed["items"], json!([sent]));
    desk.refused("GET /api/v1/notifications", &Value::Null, 400, "bad_request");
    desk.refused("GET /api/v1/notifications/nothing", &Value::Null, 404, "not_found");
}
