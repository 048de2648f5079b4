//! Customers, kitchens and drivers, and what the host told them.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::dice::Dice;
use crate::support::{Answer, TestHost};

/// Clients at the same time.
pub(super) const CLIENTS: u64 = 8;

/// With more orders open than this, clients move orders on rather than place new ones.
const OPEN_MAX: usize = 40;

/// The statuses of an order that goes its way, in order.
const WAY: [&str; 7] =
    ["queued", "placed", "confirmed", "preparing", "ready", "picked_up", "delivered"];

/// What the host acknowledged.
pub(super) struct Book {
    seed: u64,
    pages: Mutex<Pages>,
    stopped: AtomicBool,
}

#[derive(Default)]
struct Pages {
    /// By phone number: each order has one of its own.
    orders: BTreeMap<String, Placed>,
    /// Phone numbers of orders that were sent and not answered.
    unanswered: Vec<String>,
}

/// An order that was answered with 201.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) id: String,
    /// The furthest status that was acknowledged.
    pub(super) status: String,
    tracking_id: Option<String>,
}

/// How far an order is; a cancelled one is as far as can be.
pub(super) fn progress(status: &str) -> usize {
    WAY.iter().position(|known| *known == status).unwrap_or(WAY.len())
}

impl Placed {
    fn is_over(&self) -> bool {
        matches!(self.status.as_str(), "delivered" | "cancelled")
    }
}

impl Book {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, pages: Mutex::default(), stopped: AtomicBool::new(false) }
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(super) fn go_on(&self) {
        self.stopped.store(false, Ordering::Relaxed);
    }

    /// Every acknowledged order by its phone number.
    pub(super) fn orders(&self) -> BTreeMap<String, Placed> {
        self.pages.lock().unwrap().orders.clone()
    }

    /// A customer who heard nothing asks again, with the same key, until there is an answer.
    pub(super) fn ask_again_for_what_was_not_answered(&self, host: &TestHost) {
        let unanswered = std::mem::take(&mut self.pages.lock().unwrap().unanswered);
        for phone in unanswered {
            self.place(host, &phone);
        }
        let pages = self.pages.lock().unwrap();
        assert!(pages.unanswered.is_empty(), "the host is up and does not answer");
    }

    fn new_phone(&self, dice: &mut Dice) -> String {
        format!("+1555{:010}", dice.within(0..10_000_000_000))
    }

    fn place(&self, host: &TestHost, phone: &str) {
        let order = json!({
            "restaurant_id": "1",
            "items": [{"item_id": "1", "quantity": 1}],
            "customer": {"name": "Ada", "phone": phone},
            "address": {"line": "1 Main St", "lat": 52.52, "lon": 13.40},
        });
        let key = format!("chaos-{}-{phone}", self.seed);
        let answer = host.try_post("/api/v1/orders", &[("idempotency-key", &key)], &order).ok();
        let mut pages = self.pages.lock().unwrap();
        match answer {
            Some(Answer { status: 201, body, .. }) => {
                let order = placed(&body);
                if let Some(before) = pages.orders.insert(phone.to_owned(), order.clone()) {
                    assert_eq!(before.id, order.id, "two orders for one key");
                }
            }
            // Cut, or refused for now: by the contract the customer asks again with the same key.
            None | Some(Answer { status: 409 | 503 | 504, .. }) => {
                pages.unanswered.push(phone.to_owned());
            }
            Some(other) => panic!("an order is answered with {other:?}"),
        }
    }

    /// Some order that is not over.
    fn open_order(&self, dice: &mut Dice) -> Option<(String, Placed)> {
        let pages = self.pages.lock().unwrap();
        let open: Vec<_> = pages.orders.iter().filter(|(_, order)| !order.is_over()).collect();
        let at =
            usize::try_from(dice.within(0..u64::try_from(open.len().max(1)).unwrap())).unwrap();
        open.get(at).map(|(phone, order)| ((*phone).clone(), (*order).clone()))
    }

    fn open_orders(&self) -> usize {
        self.pages.lock().unwrap().orders.values().filter(|order| !order.is_over()).count()
    }

    /// Notes what an answer said of an order. It must not say less than an earlier one.
    fn note(&self, phone: &str, known: &Placed, body: &Value) {
        let told = placed(body);
        assert_eq!(told.id, known.id);
        assert!(
            progress(&told.status) >= progress(&known.status),
            "order {} was {} and is {} now",
            told.id,
            known.status,
            told.status
        );
        let mut pages = self.pages.lock().unwrap();
        let kept = pages.orders.get_mut(phone).unwrap();
        if progress(&told.status) >= progress(&kept.status) {
            *kept = told;
        }
    }
}

fn placed(body: &Value) -> Placed {
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    Placed {
        id: text("id").expect("an id"),
        status: text("status").expect("a status"),
        tracking_id: text("tracking_id"),
    }
}

/// One client, until the host is gone.
pub(super) fn load(host: &TestHost, book: &Book, mut dice: Dice) {
    while !book.stopped.load(Ordering::Relaxed) {
        let busy = book.open_orders() > OPEN_MAX;
        match book.open_order(&mut dice) {
            Some((phone, order)) if dice.percent(if busy { 90 } else { 50 }) => {
                move_on(host, book, &mut dice, &phone, &order);
            }
            _ => {
                let again = book.pages.lock().unwrap().unanswered.pop();
                let phone = again.unwrap_or_else(|| book.new_phone(&mut dice));
                book.place(host, &phone);
            }
        }
    }
}

/// Looks at an order, and then does what comes next with it, or calls it off.
fn move_on(host: &TestHost, book: &Book, dice: &mut Dice, phone: &str, known: &Placed) {
    let path = format!("/api/v1/orders/{}", known.id);
    let Some(seen) = host.try_get(&path).ok() else { return };
    if seen.status != 200 {
        assert!(matches!(seen.status, 503 | 504), "order {} is gone: {seen:?}", known.id);
        return;
    }
    book.note(phone, known, &seen.body);
    let order = placed(&seen.body);
    if dice.percent(5) {
        let cancelled = host.try_post(&format!("{path}/cancel"), &[], &json!({})).ok();
        note_success(book, phone, &order, cancelled.as_ref());
        return;
    }
    let set = |status: &str| {
        host.try_post(&format!("{path}/status"), &[], &json!({ "status": status })).ok()
    };
    let drive = |step: &str| {
        let tracking_id = order.tracking_id.as_deref()?;
        host.try_post(&format!("/api/v1/delivery/{tracking_id}/{step}"), &[], &json!({})).ok()
    };
    match order.status.as_str() {
        "confirmed" => note_success(book, phone, &order, set("preparing").as_ref()),
        "preparing" => note_success(book, phone, &order, set("ready").as_ref()),
        "ready" => drop(drive("pickup")),
        "picked_up" => drop(drive("complete")),
        _ => {}
    }
}

/// Whoever was refused heard nothing new.
fn note_success(book: &Book, phone: &str, order: &Placed, answer: Option<&Answer>) {
    if let Some(answer) = answer.filter(|answer| answer.status == 200) {
        book.note(phone, order, &answer.body);
    }
}
