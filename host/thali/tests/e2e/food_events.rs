//! What the four services tell each other by events, and what becomes of an order by them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Answer, TestHost, an_order, component, eventually};

/// "Assigned as soon as a driver is free": well before the schedule would look, every ten seconds.
const BY_EVENT: Duration = Duration::from_secs(3);

/// A host with so many of the ten drivers.
fn with_drivers(count: usize) -> TestHost {
    let host = TestHost::with_services();
    for id in count + 1..=10 {
        let path = format!("/api/v1/drivers/{id}/availability");
        assert_eq!(host.put(&path, &json!({"available": false})).status, 200);
    }
    host
}

fn place(host: &TestHost) -> Value {
    let order = host.post("/api/v1/orders", &an_order());
    assert_eq!(order.status, 201, "{order:?}");
    order.body
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn act(host: &TestHost, path: &str, body: &Value) -> Answer {
    let answer = host.post(path, body);
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer
}

/// Waits until an order has a status, and answers it.
fn await_status(host: &TestHost, order: &Value, status: &str) -> Value {
    let path = format!("/api/v1/orders/{}", text(order, "id"));
    eventually(&format!("{path} is {status}"), || {
        Some(host.get(&path).body).filter(|order| order["status"] == status)
    })
}

/// Waits until the customer was told so many things, and answers them, the first one first.
fn await_messages(host: &TestHost, count: usize) -> Vec<String> {
    let mut told = eventually(&format!("{count} messages"), || {
        let page = host.get("/api/v1/notifications?recipient=%2B15550100").body;
        let items = page["items"].as_array()?.clone();
        (items.len() >= count).then_some(items)
    });
    told.reverse();
    assert_eq!(told.len(), count, "{told:?}");
    told.iter().map(|message| text(message, "message").to_owned()).collect()
}

fn set_status(host: &TestHost, order: &Value, status: &str) {
    let path = format!("/api/v1/orders/{}/status", text(order, "id"));
    act(host, &path, &json!({ "status": status }));
}

fn drive(host: &TestHost, order: &Value, step: &str) -> Value {
    act(host, &format!("/api/v1/delivery/{}/{step}", text(order, "tracking_id")), &json!({})).body
}

#[test]
fn the_driver_moves_the_order_and_the_customer_is_told_of_every_step_once() {
    let host = TestHost::with_services();
    let order = place(&host);
    drive(&host, &order, "pickup");
    await_status(&host, &order, "picked_up");
    drive(&host, &order, "complete");
    let delivered = await_status(&host, &order, "delivered");
    assert_eq!(delivered["driver"], order["driver"]);
    let told = await_messages(&host, 3);
    for (message, part) in told.iter().zip(["is confirmed", "is on its way", "is at the door"]) {
        assert!(message.starts_with("Pizza Paradise: ") && message.contains(part), "{told:?}");
    }
}

#[test]
fn the_kitchen_moves_the_delivery_and_nothing_echoes() {
    let host = TestHost::with_services();
    let order = place(&host);
    for status in ["preparing", "ready", "picked_up", "delivered"] {
        set_status(&host, &order, status);
    }
    let path = format!("/api/v1/delivery/{}", text(&order, "tracking_id"));
    eventually("the delivery is over", || {
        (host.get(&path).body["status"] == "delivered").then_some(())
    });
    await_messages(&host, 3);
    assert_eq!(await_status(&host, &order, "delivered")["status"], "delivered");
}

#[test]
fn a_queued_order_gets_the_driver_whose_delivery_is_over_and_the_oldest_first() {
    let host = with_drivers(1);
    let order = place(&host);
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            // Placed in different milliseconds, so that there is an oldest one.
            std::thread::sleep(Duration::from_millis(2));
            place(&host)
        })
        .collect();
    assert!(waiting.iter().all(|order| order["status"] == "queued"), "{waiting:?}");
    let mut busy = order;
    for next in &waiting {
        drive(&host, &busy, "pickup");
        drive(&host, &busy, "complete");
        let begin = Instant::now();
        busy = await_status(&host, next, "confirmed");
        assert!(begin.elapsed() < BY_EVENT, "{:?}", begin.elapsed());
        assert_eq!(busy["driver"]["name"], "Speed Racer");
    }
}

#[test]
fn drivers_who_come_back_take_the_orders_that_wait() {
    let host = with_drivers(0);
    let orders: Vec<_> = (0..3).map(|_| place(&host)).collect();
    for id in 1..=3 {
        let path = format!("/api/v1/drivers/{id}/availability");
        assert_eq!(host.put(&path, &json!({"available": true})).status, 200);
    }
    let mut drivers: Vec<_> = orders
        .iter()
        .map(|order| text(&await_status(&host, order, "confirmed")["driver"], "id").to_owned())
        .collect();
    drivers.sort();
    assert_eq!(drivers, ["1", "2", "3"]);
}

#[test]
fn a_cancelled_order_frees_its_driver_for_the_one_that_waits() {
    let host = with_drivers(1);
    let (order, waiting) = (place(&host), place(&host));
    assert_eq!(waiting["status"], "queued");
    act(&host, &format!("/api/v1/orders/{}/cancel", text(&order, "id")), &json!({}));
    await_status(&host, &waiting, "confirmed");
    let path = format!("/api/v1/delivery/{}", text(&order, "tracking_id"));
    assert_eq!(host.get(&path).body["status"], "released");
    let late = host.post(&format!("/api/v1/orders/{}/cancel", text(&order, "id")), &json!({}));
    assert_eq!((late.status, &late.body["status"]), (200, &json!("cancelled")));
}

#[test]
fn of_64_clients_who_want_the_last_driver_exactly_one_wins() {
    let host = with_drivers(1);
    let orders: Vec<_> = std::thread::scope(|scope| {
        let placing: Vec<_> = (0..64).map(|_| scope.spawn(|| place(&host))).collect();
        placing.into_iter().map(|order| order.join().unwrap()).collect()
    });
    let with = |status: &str| orders.iter().filter(|order| order["status"] == status).count();
    assert_eq!((with("confirmed"), with("queued")), (1, 63), "{orders:?}");
    await_messages_of_all(&host, 64);
    let busy = host.get("/api/v1/drivers?limit=100").body;
    let busy = busy["items"].as_array().unwrap();
    assert_eq!(busy.iter().filter(|driver| !driver["tracking_id"].is_null()).count(), 1);
}

/// Everybody was told how their order stands, each once.
fn await_messages_of_all(host: &TestHost, count: usize) {
    let path = "/api/v1/notifications?recipient=%2B15550100&limit=100";
    let told = eventually("everybody is told", || {
        let items = host.get(path).body["items"].as_array()?.clone();
        (items.len() >= count).then_some(items)
    });
    assert_eq!(told.len(), count);
}

#[test]
fn an_order_is_placed_once_however_often_its_key_is_sent() {
    let host = TestHost::with_services();
    let place = |key: &str| {
        host.try_post("/api/v1/orders", &[("idempotency-key", key)], &an_order()).unwrap()
    };
    let first = place("a");
    assert_eq!((first.status, first.header("idempotency-replayed")), (201, ""));
    let again = place("a");
    assert_eq!((again.status, again.header("idempotency-replayed")), (201, "true"));
    assert_eq!(again.body, first.body);
    assert_ne!(place("b").body["id"], first.body["id"]);
}

#[test]
fn orders_that_a_dying_host_had_in_hand_are_settled_after_its_restart_and_told_once() {
    let host = TestHost::with_services();
    let acknowledged: Vec<Value> = std::thread::scope(|scope| {
        let place = || {
            let order = host.try_post("/api/v1/orders", &[], &an_order()).ok()?;
            (order.status == 201).then_some(order.body)
        };
        let placing: Vec<_> = (0..16).map(|_| scope.spawn(place)).collect();
        eventually("somebody ordered", || {
            placing.iter().any(std::thread::ScopedJoinHandle::is_finished).then_some(())
        });
        host.kill();
        placing.into_iter().filter_map(|order| order.join().unwrap()).collect()
    });
    let host = host.restart_killed();
    assert!(!acknowledged.is_empty());
    let mut drivers = Vec::new();
    for order in &acknowledged {
        let path = format!("/api/v1/orders/{}", text(order, "id"));
        let order = eventually("it is settled", || {
            let order = host.get(&path).body;
            ["confirmed", "queued"].contains(&text(&order, "status")).then_some(order)
        });
        drivers.extend(order["driver"]["id"].as_str().map(str::to_owned));
    }
    let count = drivers.len();
    drivers.sort();
    drivers.dedup();
    assert_eq!(drivers.len(), count, "nobody drives for two");
}

#[test]
fn whoever_is_notified_by_request_hears_that_it_is_queued_and_reads_that_it_is_sent() {
    let host = TestHost::with_services();
    let message = json!({"type": "sms", "recipient": "+1 555 0111", "message": "Hello"});
    let receipt = host.post("/api/v1/notify", &message);
    assert_eq!((receipt.status, &receipt.body["status"]), (202, &json!("queued")), "{receipt:?}");
    let kept = host.get(&format!("/api/v1/notifications/{}", text(&receipt.body, "id")));
    assert_eq!((&kept.body["status"], &kept.body["attempts"]), (&json!("sent"), &json!(1)));
}

#[test]
fn whoever_follows_an_order_sees_every_step_and_the_driver_until_it_is_at_the_door() {
    let host = TestHost::with_services();
    let order = place(&host);
    let path = format!("/api/v1/orders/{}/track", text(&order, "id"));
    let stream = std::thread::scope(|scope| {
        // It ends by itself after the last step.
        let following = scope.spawn(|| host.get(&path));
        drive(&host, &order, "pickup");
        await_status(&host, &order, "picked_up");
        let driver = text(&order["driver"], "id");
        let moved = host.put(
            &format!("/api/v1/drivers/{driver}/location"),
            &json!({"lat": 52.515, "lon": 13.40}),
        );
        assert_eq!(moved.status, 200, "{moved:?}");
        drive(&host, &order, "complete");
        following.join().unwrap()
    });
    assert_eq!(stream.status, 200, "{stream:?}");
    let body = stream.body.as_str().unwrap();
    let events: Vec<_> = body.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(events.first(), Some(&"snapshot"), "{body}");
    assert!(events.contains(&"driver-moved"), "{body}");
    let last = body.lines().rfind(|line| line.starts_with("data: ")).unwrap();
    assert!(last.contains("\"status\":\"delivered\""), "{body}");
}

#[test]
fn orders_that_waited_for_delivery_itself_are_assigned_on_schedule() {
    let host = TestHost::with_services();
    assert_eq!(host.remove("delivery").status, 200);
    let order = place(&host);
    assert_eq!(order["status"], "queued");
    assert_eq!(host.deploy(&component("delivery")).status, 201);
    let run = host.admin_post("/schedules/orders/assign-queued/run", b"");
    assert_eq!(run.status, 200, "{run:?}");
    await_status(&host, &order, "confirmed");
}
