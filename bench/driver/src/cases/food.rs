//! The main job: an order through restaurants, delivery and notifications, committed to four databases.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::Bench;
use crate::build;
use crate::client::Client;
use crate::host::{Host, HostSpec};
use crate::report::{Report, Row, Unit};
use crate::stats::Spread;

/// The name of the case.
pub(super) const CASE: &str = "order";

/// Customers at the same time: fewer than the drivers of the seed data, so that everyone gets one.
const CUSTOMERS: usize = 8;

const ORDER: &[u8] = br#"{"restaurant_id":"1","items":[{"item_id":"1","quantity":2}],"customer":{"name":"Ada","phone":"+15550100"},"address":{"line":"1 Main St","lat":52.52,"lon":13.40}}"#;

pub(super) fn run(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let food = build::food(bench.work)?;
    if food.is_empty() {
        let what = "POST /orders through four services";
        let why = "not built: run `just build-components`".to_owned();
        report.push(Row::missing(CASE, what, Unit::Milliseconds, why));
        return Ok(());
    }
    let spec = HostSpec { name: "host-food", seed: true, listen: None, options: &[] };
    let host = Host::start(bench.work, spec)?;
    host.deploy_all(food.into_iter().map(Ok))?;
    let time = bench.effort.round * u32::try_from(bench.effort.rounds)?;
    for (customers, time) in [(1, time / 2), (CUSTOMERS, time)] {
        bench.say(format_args!("orders of {customers} customers for {} s", time.as_secs()));
        let begin = Instant::now();
        let times = order_for(&host, customers, time)?;
        let per_second = times.len() as f64 / begin.elapsed().as_secs_f64();
        let what = format!("POST /orders through four services, {customers} at a time");
        let spread = Spread::of(times).context("nothing was ordered")?;
        let note = format!("{per_second:.0} orders placed and cancelled per second");
        report.push(Row::new(CASE, what, Unit::Milliseconds, spread).note(note));
    }
    host.stop()
}

/// Milliseconds that each order took to be confirmed.
fn order_for(host: &Host, customers: usize, time: Duration) -> Result<Vec<f64>> {
    let times = Mutex::new(Vec::new());
    let until = Instant::now() + time;
    let customer = || -> Result<()> {
        let client = host.client();
        while Instant::now() < until {
            let took = order(&client)?;
            times.lock().unwrap_or_else(PoisonError::into_inner).push(took);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..customers).map(|_| scope.spawn(customer)).collect();
        running.into_iter().try_for_each(|customer| {
            customer.join().map_err(|_| anyhow::anyhow!("a customer panicked"))?
        })
    })?;
    Ok(times.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Places an order and cancels it, which frees its driver. Only the placing is timed.
fn order(client: &Client) -> Result<f64> {
    let begin = Instant::now();
    let order = client.json("/api/v1/orders", Some(ORDER))?;
    let took = begin.elapsed();
    let text = |name: &str| order.get(name).and_then(|value| value.as_str());
    if text("status") != Some("confirmed") {
        bail!("an order was not confirmed: {order}");
    }
    let id = text("id").context("an order has no id")?;
    client.json(&format!("/api/v1/orders/{id}/cancel"), Some(b"{}"))?;
    Ok(took.as_secs_f64() * 1e3)
}
