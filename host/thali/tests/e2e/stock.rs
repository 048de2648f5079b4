//! Stock: never oversold, and what is not bought comes back.

use std::sync::Barrier;
use std::thread;

use serde_json::{Value, json};

use crate::support::{Answer, TestHost, component, eventually, with_manifest};

const BUYERS: usize = 64;
const TRIES_PER_BUYER: usize = 4;

fn reserve(host: &TestHost, product: &str, quantity: u32) -> Answer {
    host.send_as(
        None,
        "POST",
        &format!("/api/v1/products/{product}/reserve/{quantity}"),
        &json!({}),
    )
}

fn level(host: &TestHost, product: &str) -> Value {
    let answer = host.send_as(None, "GET", &format!("/api/v1/inventory/{product}"), &Value::Null);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

/// As a client does that wants an answer: while the host is too busy, the same wish is sent again with
/// its key.
fn reserve_until_told(host: &TestHost, key: &str) -> Answer {
    let key = [("Idempotency-Key", key)];
    eventually("the host has time for it", || {
        let answer = host.try_post("/api/v1/products/1/reserve/1", &key, &json!({})).unwrap();
        (answer.status != 503).then_some(answer)
    })
}

/// Products set aside for a second, and inventory looking every second.
fn impatient() -> TestHost {
    let host = TestHost::with_all_services();
    for (name, from, to) in [
        ("inventory", "*/5 * * * * *", "* * * * * *"),
        ("products", "reservation-seconds = 600", "reservation-seconds = 1"),
    ] {
        let quick = with_manifest(&component(name), |manifest| {
            assert!(manifest.contains(from), "{manifest}");
            manifest.replace(from, to)
        });
        let deployed = host.deploy(&quick);
        assert_eq!(deployed.status, 201, "{deployed:?}");
    }
    host
}

#[test]
fn sixty_four_buyers_at_once_get_exactly_what_there_is() {
    let host = TestHost::with_all_services();
    let at_once = Barrier::new(BUYERS);
    let buy = &|buyer: usize| {
        at_once.wait();
        let key = |n| format!("{buyer}-{n}");
        (0..TRIES_PER_BUYER).map(|n| reserve_until_told(&host, &key(n))).collect::<Vec<_>>()
    };
    let answers: Vec<Answer> = thread::scope(|scope| {
        let buyers: Vec<_> = (0..BUYERS).map(|n| scope.spawn(move || buy(n))).collect();
        buyers.into_iter().flat_map(|buyer| buyer.join().unwrap()).collect()
    });

    let (sold, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!((sold.len(), refused.len()), (100, BUYERS * TRIES_PER_BUYER - 100));
    for answer in &refused {
        let told = (answer.status, &answer.body["code"], &answer.body["reserved"]);
        assert_eq!(told, (409, &json!("insufficient_stock"), &json!(false)), "{answer:?}");
        assert_eq!(answer.body["available"], 0);
    }
    let expected = json!({"product_id": "1", "stock": 100, "reserved": 100, "available": 0});
    assert_eq!(level(&host, "1"), expected);

    let mut ids: Vec<_> =
        sold.iter().map(|answer| answer.body["reservation_id"].as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 100, "each has a reservation of its own");
    for id in ids {
        let confirmed = host
            .admin_post_json("/services/inventory/call/reservations/confirm", &json!({"key": id}));
        assert_eq!(confirmed.body["status"], "confirmed", "{confirmed:?}");
    }
    let expected = json!({"product_id": "1", "stock": 0, "reserved": 0, "available": 0});
    assert_eq!(level(&host, "1"), expected);
}

#[test]
fn what_expired_comes_back_by_itself_and_can_be_had_again() {
    let host = impatient();
    let first = reserve(&host, "3", 25);
    assert_eq!((first.status, &first.body["reserved"]), (201, &json!(true)), "{first:?}");
    let second = reserve(&host, "3", 1);
    assert_eq!(second.status, 409, "{second:?}");
    eventually("it comes back", || (level(&host, "3")["available"] == 25).then_some(()));
    let key = &first.body["reservation_id"];
    let late =
        host.admin_post_json("/services/inventory/call/reservations/confirm", &json!({"key": key}));
    assert_eq!(late.body["error"], "expired", "{late:?}");
    assert_eq!(reserve(&host, "3", 25).status, 201);
}

#[test]
fn a_wish_that_is_sent_again_with_its_key_is_reserved_once() {
    let host = TestHost::with_all_services();
    let wish = || {
        let key = [("Idempotency-Key", "k-1")];
        host.try_post("/api/v1/products/2/reserve/3", &key, &json!({})).unwrap()
    };
    let (first, again) = (wish(), wish());
    assert_eq!((first.status, again.status), (201, 201), "{first:?}");
    assert_eq!(first.body, again.body);
    assert_eq!(level(&host, "2")["reserved"], 3);
}

#[test]
fn without_inventory_products_are_shown_but_not_set_aside() {
    let host = TestHost::with_all_services();
    let product = || host.get("/api/v1/products/1").body;
    assert_eq!((&product()["stock"], &product()["available"]), (&json!(100), &json!(100)));
    let removed = host.remove("inventory");
    assert!(removed.status < 300, "{removed:?}");
    assert_eq!(product()["name"], "Python T-Shirt");
    assert_eq!(product().get("stock"), None);
    let listed = host.get("/api/v1/products");
    assert_eq!((listed.status, listed.body["items"].as_array().unwrap().len()), (200, 3));
    let refused = reserve(&host, "1", 1);
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (503, &json!("unavailable")),
        "{refused:?}"
    );
}
