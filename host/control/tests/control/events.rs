//! Events between services, from a publisher's call to its subscribers.

use std::time::{Duration, Instant};

use thali_contract::events::Topic;
use thali_platform::events::LetterFilter;

use crate::support::{Guest, TestHost, guest, name};

const EVENTS: &str = "shop:orders/events@1.0.0";
const PLACED: &str = "placed: func(id: u32)";

fn topic() -> Topic {
    Topic::of(&EVENTS.parse().unwrap())
}

/// Publishes `placed(7)` when its `place` is called, and then goes on with `rest`.
fn publisher_that(rest: &str) -> Guest {
    let publish = format!("i32.const 7 call ${EVENTS}#placed {rest}");
    guest("orders")
        .imports(EVENTS, &[PLACED])
        .exports("shop:till/ordering@1.0.0", &["place: func() -> u32"])
        .runs(&publish)
}

fn publisher() -> Guest {
    publisher_that("i32.const 1")
}

#[tokio::test]
async fn an_event_is_stored_in_the_publishers_database_before_the_call_returns() {
    let host = TestHost::new().await;
    host.deploy(publisher()).await;
    let outbox = host.outbox("orders");
    assert_eq!((outbox.last_seq().await.unwrap(), outbox.oldest_seq().await.unwrap()), (0, 0));
    let mut announcements = outbox.announcements();
    for _ in 0..3 {
        assert_eq!(host.call("orders", "ordering.place").await, Ok(1));
    }
    assert!(announcements.has_changed().unwrap());
    announcements.borrow_and_update();
    let events = outbox.read(&topic(), None, 1, 10).await.unwrap();
    let seen: Vec<_> = events
        .iter()
        .map(|event| (event.seq, event.function.as_str(), event.key.as_str(), &*event.payload))
        .collect();
    assert_eq!(seen, [(2, "placed", "7", r#"{"id":7}"#), (3, "placed", "7", r#"{"id":7}"#)]);
    assert_ne!(events[0].id, events[1].id);
    assert_eq!(outbox.read(&topic(), Some("7"), 0, 2).await.unwrap().len(), 2);
    assert_eq!(outbox.read(&topic(), Some("8"), 0, 2).await.unwrap(), []);
    let other = Topic::of(&"shop:orders/events@2.0.0".parse().unwrap());
    assert_eq!(outbox.read(&other, None, 0, 2).await.unwrap(), []);
}

#[tokio::test]
async fn an_event_outlives_the_trap_of_its_publisher_and_a_restart() {
    let mut host = TestHost::new().await;
    host.deploy(publisher_that("unreachable")).await;
    assert!(host.call("orders", "ordering.place").await.is_err());
    host.restart().await;
    assert_eq!(host.outbox("orders").last_seq().await.unwrap(), 1);
}

#[tokio::test]
async fn a_publisher_waits_for_nobody_and_subscribers_do_not_compete() {
    let host = TestHost::new().await;
    let deployed = host.deploy(publisher()).await;
    assert_eq!(deployed.waiting_for, None);
    host.deploy(guest("mail").exports(EVENTS, &[PLACED])).await;
    host.deploy(guest("audit").exports(EVENTS, &[PLACED])).await;
    let details = host.show("mail");
    assert!(details.routes.is_empty(), "{:?}", details.routes);
    host.remove("orders").await.unwrap();
}

#[tokio::test]
async fn a_deploy_that_subscribers_would_not_understand_is_refused() {
    let host = TestHost::new().await;
    host.deploy(publisher()).await;
    let deaf = || guest("mail").exports(EVENTS, &["placed: func(id: u64)"]);
    let refused = host.refuse(deaf()).await.problem();
    assert_eq!((refused.status, refused.code.as_str()), (409, "contract_mismatch"));
    let detail = &refused.errors[0].detail;
    for part in ["mail subscribes to events.placed of orders", "id: u64", "id: u32"] {
        assert!(detail.contains(part), "{part} is not in {detail:?}");
    }
    let forced = host.force(deaf()).await;
    assert!(forced.warnings[0].contains("such events fail until this is mended"), "{forced:?}");
}

#[tokio::test]
async fn what_cannot_be_an_event_is_refused_by_name() {
    let host = TestHost::new().await;
    let refused = host.refuse(
        guest("a")
            .imports(EVENTS, &["count: func() -> u32"])
            .runs(&format!("call ${EVENTS}#count"))
            .exports("a:a/api@1.0.0", &["get: func() -> u32"]),
    );
    let refused = refused.await.problem();
    assert_eq!((refused.status, refused.code.as_str()), (422, "invalid_events"));
    assert!(refused.to_string().contains("shop:orders/events@1.0.0.count"), "{refused}");
    let manifest = "[subscriptions.\"shop:orders/events\"]\nonly = [\"placd\"]";
    let refused = host.refuse(guest("a").exports(EVENTS, &[PLACED]).manifest(manifest)).await;
    assert!(refused.to_string().contains("did you mean \"placed\"?"), "{refused}");
}

/// Handles `placed` by doing nothing.
fn subscriber(name: &str) -> Guest {
    guest(name).exports(EVENTS, &[PLACED])
}

fn manifest(keys: &str) -> String {
    format!("[subscriptions.\"shop:orders/events\"]\n{keys}")
}

async fn publish(host: &TestHost, events: usize) {
    for _ in 0..events {
        assert_eq!(host.call("orders", "ordering.place").await, Ok(1));
    }
}

impl TestHost {
    /// Waits until the live revision of a service was invoked so often, and no oftener.
    async fn expect_invocations(&self, service: &str, expected: u64) {
        self.eventually(service, |host| host.show(service).status.invocations >= expected).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert_eq!(self.show(service).status.invocations, expected, "{service}");
    }

    async fn eventually(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !condition(self) {
            assert!(Instant::now() < deadline, "{what} does not happen");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

#[tokio::test]
async fn every_subscriber_gets_every_event_once() {
    let host = TestHost::new().await;
    host.deploy(publisher()).await;
    host.deploy(subscriber("mail")).await;
    host.deploy(subscriber("audit")).await;
    publish(&host, 20).await;
    host.expect_invocations("mail", 20).await;
    host.expect_invocations("audit", 20).await;
}

#[tokio::test]
async fn a_service_may_tell_itself() {
    let host = TestHost::new().await;
    host.deploy(publisher().exports(EVENTS, &[PLACED])).await;
    publish(&host, 3).await;
    // Three calls, three deliveries.
    host.expect_invocations("orders", 6).await;
}

#[tokio::test]
async fn a_new_subscriber_gets_what_comes_after_it_or_everything() {
    let host = TestHost::new().await;
    host.deploy(publisher()).await;
    publish(&host, 3).await;
    host.deploy(subscriber("mail")).await;
    host.deploy(subscriber("audit").manifest(&manifest("from = \"start\""))).await;
    publish(&host, 2).await;
    host.expect_invocations("mail", 2).await;
    host.expect_invocations("audit", 5).await;
}

#[tokio::test]
async fn what_a_subscriber_does_not_want_is_passed_over() {
    let host = TestHost::new().await;
    host.deploy(publisher()).await;
    let functions = [PLACED, "gone: func(id: u32)"];
    let picky = guest("mail").exports(EVENTS, &functions).manifest(&manifest("only = [\"gone\"]"));
    host.deploy(picky).await;
    host.deploy(guest("old").exports(EVENTS, &["gone: func(id: u32)"])).await;
    host.deploy(subscriber("audit")).await;
    publish(&host, 3).await;
    host.expect_invocations("audit", 3).await;
    host.expect_invocations("mail", 0).await;
    host.expect_invocations("old", 0).await;
}

#[tokio::test]
async fn a_subscriber_that_comes_back_gets_what_it_missed() {
    let mut host = TestHost::new().await;
    host.deploy(publisher()).await;
    host.deploy(subscriber("mail")).await;
    publish(&host, 2).await;
    host.expect_invocations("mail", 2).await;
    host.remove("mail").await.unwrap();
    publish(&host, 3).await;
    host.deploy(subscriber("mail").version("1.1.0")).await;
    host.expect_invocations("mail", 3).await;
    host.restart().await;
    publish(&host, 1).await;
    host.expect_invocations("mail", 1).await;
}

#[tokio::test]
async fn a_subscriber_that_waits_for_a_provider_gets_its_events_when_that_comes() {
    let host = TestHost::new().await;
    host.deploy(publisher()).await;
    let waits = subscriber("mail").imports("shop:smtp/api@1.0.0", &["send: func() -> u32"]);
    host.deploy(waits.does("call $shop:smtp/api@1.0.0#send drop")).await;
    publish(&host, 2).await;
    host.expect_invocations("mail", 0).await;
    host.deploy(guest("smtp").exports("shop:smtp/api@1.0.0", &["send: func() -> u32"])).await;
    host.expect_invocations("smtp", 2).await;
}

#[tokio::test]
async fn a_failed_delivery_is_tried_again_in_order_until_it_succeeds() {
    let host = TestHost::new().await;
    host.deploy(publisher()).await;
    let backoff = manifest("attempts = 100\nbackoff = { first = \"1ms\", max = \"20ms\" }");
    host.deploy(subscriber("mail").does("unreachable").manifest(&backoff)).await;
    publish(&host, 3).await;
    host.eventually("three attempts", |host| host.show("mail").status.traps >= 3).await;
    host.deploy(subscriber("mail").manifest(&backoff)).await;
    host.expect_invocations("mail", 3).await;
}

/// Publishes like [`publisher`], and keeps what was delivered for a millisecond.
fn forgetful_publisher() -> Guest {
    publisher().manifest("[events]\nretention = \"1ms\"")
}

/// Waits until delivered events are older than a millisecond and their position is stored.
async fn kept_after_a_while(host: &TestHost, delivered: i64) -> (i64, i64) {
    let events = host.control().events();
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let subscriptions = events.subscriptions().await.all;
        let there = subscriptions.iter().filter(|status| status.live);
        if there.map(|status| status.position).all(|position| position >= delivered) {
            break;
        }
        assert!(Instant::now() < deadline, "{subscriptions:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(5)).await;
    events.sweep().await;
    let outbox = host.outbox("orders");
    (outbox.oldest_seq().await.unwrap(), outbox.last_seq().await.unwrap())
}

#[tokio::test]
async fn what_every_subscriber_has_got_is_deleted_in_time_but_for_the_newest() {
    let host = TestHost::new().await;
    host.deploy(forgetful_publisher()).await;
    host.deploy(subscriber("mail")).await;
    publish(&host, 5).await;
    assert_eq!(kept_after_a_while(&host, 5).await, (5, 5));
    publish(&host, 1).await;
    assert_eq!(host.outbox("orders").last_seq().await.unwrap(), 6);
    host.expect_invocations("mail", 6).await;
}

#[tokio::test]
async fn what_nobody_listens_to_is_deleted_as_well() {
    let host = TestHost::new().await;
    host.deploy(forgetful_publisher()).await;
    publish(&host, 5).await;
    assert_eq!(kept_after_a_while(&host, 0).await, (5, 5));
}

#[tokio::test]
async fn what_a_live_subscriber_has_not_got_and_what_is_dead_is_kept() {
    let host = TestHost::new().await;
    host.deploy(forgetful_publisher()).await;
    let waits = subscriber("mail").imports("shop:smtp/api@1.0.0", &["send: func() -> u32"]);
    host.deploy(waits.does("call $shop:smtp/api@1.0.0#send drop")).await;
    publish(&host, 3).await;
    assert_eq!(kept_after_a_while(&host, 0).await, (1, 3));
    host.deploy(subscriber("mail").does("unreachable").manifest(&manifest("attempts = 1"))).await;
    assert_eq!(kept_after_a_while(&host, 3).await, (1, 3));
    let events = host.control().events();
    let filter = LetterFilter { subscriber: Some(name("mail")), ..LetterFilter::default() };
    assert_eq!(events.dead_letters(&filter, None, 10).await.all.len(), 3);
    assert_eq!(events.discard(&filter).await.all, 3);
    assert_eq!(kept_after_a_while(&host, 3).await, (3, 3));
}

#[tokio::test]
async fn what_a_new_subscriber_cannot_read_is_dead_until_a_fixed_one_is_told_again() {
    let host = TestHost::new().await;
    host.deploy(publisher()).await;
    let deaf = guest("mail").exports(EVENTS, &["placed: func(id: u8)"]);
    host.force(deaf.manifest(&manifest("attempts = 1"))).await;
    // 7 is a u8 as well; 700 is not.
    publish(&host, 1).await;
    host.expect_invocations("mail", 1).await;
    let larger = format!("i32.const 700 call ${EVENTS}#placed i32.const 1");
    host.force(publisher().version("1.1.0").runs(&larger)).await;
    publish(&host, 1).await;
    let events = host.control().events();
    let deadline = Instant::now() + Duration::from_secs(10);
    let letters = loop {
        let letters = events.dead_letters(&LetterFilter::default(), None, 10).await.all;
        if !letters.is_empty() {
            break letters;
        }
        assert!(Instant::now() < deadline, "the event does not die");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert!(letters[0].error.contains("does not fit the subscriber's types: /id"), "{letters:?}");
    assert_eq!(letters[0].event.payload, "", "lists are without");
    let letter = events.dead_letter(letters[0].event.id).await.all.unwrap();
    assert_eq!(letter.event.payload, r#"{"id":700}"#);
    host.deploy(subscriber("mail").version("1.1.0")).await;
    let filter = LetterFilter { id: Some(letters[0].event.id), ..LetterFilter::default() };
    assert_eq!(events.redrive(&filter).await.all, 1);
    host.expect_invocations("mail", 1).await;
    assert_eq!(events.redrive(&filter).await.all, 0);
}

#[tokio::test]
async fn a_damaged_publisher_hides_nothing_of_the_others() {
    let mut host = TestHost::new().await;
    host.deploy(publisher()).await;
    host.deploy(subscriber("mail").does("unreachable").manifest(&manifest("attempts = 1"))).await;
    // One that has events, and comes before the other in every list.
    let other = "shop:baskets/events@1.0.0";
    let fill = format!("i32.const 7 call ${other}#filled i32.const 1");
    let baskets = guest("baskets")
        .imports(other, &["filled: func(id: u32)"])
        .exports("shop:till/filling@1.0.0", &["fill: func() -> u32"])
        .runs(&fill);
    host.deploy(baskets).await;
    publish(&host, 2).await;
    let filter = LetterFilter::default();
    host.eventually("2 deliveries", |host| host.show("mail").status.traps >= 2).await;
    host.stop();
    let database = host.dir().join("databases/baskets.sqlite");
    let deadline = Instant::now() + Duration::from_secs(10);
    // Whoever closes it writes its log into it.
    while database.with_extension("sqlite-wal").exists() {
        assert!(Instant::now() < deadline, "the database is not closed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    std::fs::write(&database, vec![b'x'; 8192]).unwrap();
    host.start().await;
    let events = host.control().events();
    let left_out = |names: Vec<thali_platform::events::LeftOut>| {
        names.into_iter().map(|left_out| left_out.publisher.to_string()).collect::<Vec<_>>()
    };
    let subscriptions = events.subscriptions().await;
    assert_eq!(subscriptions.all[0].id.publisher, name("orders"));
    assert_eq!(left_out(subscriptions.left_out), ["baskets"]);
    let deadline = Instant::now() + Duration::from_secs(10);
    let letters = loop {
        let letters = events.dead_letters(&filter, None, 10).await;
        if letters.all.len() == 2 {
            break letters;
        }
        assert!(Instant::now() < deadline, "{letters:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(left_out(letters.left_out), ["baskets"]);
    let letter = events.dead_letter(letters.all[0].event.id).await;
    assert!(letter.all.is_some() && letter.left_out.is_empty(), "{letter:?}");
    let discarded = events.discard(&filter).await;
    assert_eq!((discarded.all, left_out(discarded.left_out)), (2, vec!["baskets".into()]));
    let of_orders = LetterFilter { publisher: Some(name("orders")), ..filter };
    assert!(events.redrive(&of_orders).await.left_out.is_empty(), "nobody asked for the other");
}

#[tokio::test]
async fn a_backup_that_is_put_back_loses_nothing_that_is_published_afterwards() {
    let host = TestHost::new().await;
    host.deploy(publisher()).await;
    host.deploy(subscriber("mail")).await;
    publish(&host, 5).await;
    host.expect_invocations("mail", 5).await;
    let control = host.control();
    let database = control.database_of(&name("orders")).unwrap();
    let backup = control.backup(&database).await.unwrap().into_temp_path();
    publish(&host, 5).await;
    host.expect_invocations("mail", 10).await;
    control.replace_database(&name("orders"), backup).await.unwrap();
    assert_eq!(host.outbox("orders").last_seq().await.unwrap(), 5);
    publish(&host, 3).await;
    host.eventually("13 deliveries", |host| host.show("mail").status.invocations >= 13).await;
    assert_eq!(kept_after_a_while(&host, 8).await, (1, 8));
}
