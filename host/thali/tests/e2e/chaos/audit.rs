//! What is left of everything that was acknowledged.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::clients::{Book, progress};
use crate::support::TestHost;

/// The deliveries that keep a driver busy.
const UNDER_WAY: &str = "status IN ('assigned', 'picked_up')";

const LEFT_PLACED: &str = "SELECT COUNT(*) FROM orders WHERE status = 'placed'";

/// Counts. All but the first two must be 0.
#[derive(Debug, Default)]
pub(super) struct Audit {
    orders: usize,
    events: u64,
    orders_lost: Vec<String>,
    orders_twice: u64,
    untold: Vec<String>,
    told_twice: u64,
    events_undelivered: u64,
    drivers_with_two_orders: u64,
    orders_and_delivery_disagree: u64,
    orders_left_placed: u64,
    damaged: Vec<String>,
}

impl Audit {
    /// Asks the host for every order, stops it, and looks into its databases.
    pub(super) fn of(mut host: TestHost, book: &Book) -> Self {
        let orders = book.orders();
        let mut audit = Self { orders: orders.len(), ..Self::default() };
        for order in orders.values() {
            let answer = host.get(&format!("/api/v1/orders/{}", order.id));
            let status = answer.body["status"].as_str().unwrap_or_default();
            if answer.status != 200 || progress(status) < progress(&order.status) {
                audit.orders_lost.push(format!("{}: {answer:?}", order.id));
            }
        }
        assert!(host.terminate(), "the host exits with 0 on SIGTERM");
        let folder = databases(host.data());
        audit.damaged = damaged(&folder);
        audit.look_into_orders(&folder);
        audit.look_into_notifications(&folder, orders.keys());
        audit.look_into_deliveries(&folder);
        audit.orders_and_delivery_disagree = disagreements(host.data());
        audit
    }

    fn look_into_orders(&mut self, folder: &Path) {
        let orders = open(&folder.join("orders.sqlite"));
        self.orders_twice = count(
            &orders,
            "SELECT COUNT(*) FROM (SELECT phone FROM orders GROUP BY phone HAVING COUNT(*) > 1)",
        );
        self.orders_left_placed = count(&orders, LEFT_PLACED);
        for service in ["orders", "delivery", "notifications"] {
            let database = open(&folder.join(format!("{service}.sqlite")));
            self.events += count(&database, "SELECT COUNT(*) FROM _thali_events");
            self.events_undelivered += count(&database, "SELECT COUNT(*) FROM _thali_deliveries");
        }
    }

    /// Every customer was told something, and nothing twice.
    fn look_into_notifications<'a>(
        &mut self,
        folder: &Path,
        phones: impl Iterator<Item = &'a String>,
    ) {
        let notifications = open(&folder.join("notifications.sqlite"));
        self.told_twice = count(
            &notifications,
            "SELECT COUNT(*) FROM (SELECT recipient FROM notifications \
             GROUP BY recipient, message HAVING COUNT(*) > 1)",
        );
        let mut told = notifications
            .prepare("SELECT COUNT(*) FROM notifications WHERE recipient = ?1")
            .unwrap();
        let is_untold = |phone: &&String| told.query_row([phone], |row| row.get(0)) == Ok(0_i64);
        self.untold = phones.filter(is_untold).cloned().collect();
    }

    fn look_into_deliveries(&mut self, folder: &Path) {
        let delivery = open(&folder.join("delivery.sqlite"));
        self.drivers_with_two_orders = count(
            &delivery,
            &format!(
                "SELECT COUNT(*) FROM (SELECT driver_id FROM deliveries WHERE {UNDER_WAY} \
                 GROUP BY driver_id HAVING COUNT(*) > 1)"
            ),
        );
    }

    pub(super) fn assert_nothing_is_wrong(&self) {
        assert!(self.orders > 0 && self.events > 0, "nothing happened: {self:?}");
        let wrong = self.orders_lost.len()
            + self.untold.len()
            + self.damaged.len()
            + usize::try_from(
                self.orders_twice
                    + self.told_twice
                    + self.events_undelivered
                    + self.drivers_with_two_orders
                    + self.orders_and_delivery_disagree
                    + self.orders_left_placed,
            )
            .unwrap();
        assert_eq!(wrong, 0, "{self:#?}");
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} orders acknowledged, {} lost, {} twice; {} events, {} undelivered, {} customers \
             untold, {} told twice; {} drivers with two orders, {} orders that delivery knows \
             otherwise, {} left half placed; {} damaged databases",
            self.orders,
            self.orders_lost.len(),
            self.orders_twice,
            self.events,
            self.events_undelivered,
            self.untold.len(),
            self.told_twice,
            self.drivers_with_two_orders,
            self.orders_and_delivery_disagree,
            self.orders_left_placed,
            self.damaged.len()
        )
    }
}

/// Orders that were cut while they were placed, and wait to be gone on with.
pub(super) fn orders_left_placed(data: &Path) -> u64 {
    count(&open(&databases(data).join("orders.sqlite")), LEFT_PLACED)
}

/// Orders with a driver of whom delivery does not know, and deliveries for orders that have none.
pub(super) fn disagreements(data: &Path) -> u64 {
    let folder = databases(data);
    let driven = pairs(
        &open(&folder.join("delivery.sqlite")),
        &format!("SELECT order_id, tracking_id FROM deliveries WHERE {UNDER_WAY}"),
    );
    let waiting = pairs(
        &open(&folder.join("orders.sqlite")),
        "SELECT id, tracking_id FROM orders \
         WHERE status IN ('confirmed', 'preparing', 'ready', 'picked_up')",
    );
    let missing = waiting.iter().filter(|(order, tracking)| driven.get(*order) != Some(tracking));
    let surplus = driven.keys().filter(|order| !waiting.contains_key(*order));
    (missing.count() + surplus.count()) as u64
}

fn databases(data: &Path) -> PathBuf {
    data.join("data/databases")
}

/// The databases that fail SQLite's own check.
fn damaged(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let databases = files.filter(|path| path.extension().is_some_and(|x| x == "sqlite"));
    databases
        .filter_map(|path| {
            let check: Result<String, _> =
                open(&path).query_row("PRAGMA integrity_check", [], |row| row.get(0));
            (check.as_deref() != Ok("ok")).then(|| format!("{}: {check:?}", path.display()))
        })
        .collect()
}

fn open(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap()
}

fn count(database: &Connection, sql: &str) -> u64 {
    let count: i64 = database.query_row(sql, [], |row| row.get(0)).unwrap();
    u64::try_from(count).unwrap()
}

fn pairs(database: &Connection, sql: &str) -> BTreeMap<String, Option<String>> {
    let mut statement = database.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}
