//! How many purchases a second: each one priced, set aside, charged for and taken from the shelf, every step
//! durable in the database of its service.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Bench;
use super::beside::{Beside, Names, Series};
use crate::build;
use crate::flask;
use crate::host::{Host, HostSpec};
use crate::report::{Report, Row, Unit};
use crate::wrk::Wrk;

const CASE: &str = "shop-order";

/// What it is compared with.
const RIVALS: Names = Names {
    flask: "flask-shop-order",
    flask_what: "the same with Flask: four processes that call each other, in memory",
    flask_services: flask::SHOP,
    native: "native-shop-order",
    native_what: "the same with axum: one process, no calls, in memory",
};

/// The names of the cases.
pub(super) const CASES: &[&str] = &[CASE, RIVALS.flask, RIVALS.native];

const WHAT: &str = "POST /shop/orders, 8 customers: priced, reserved, charged, durable";
const PATH: &str = "/api/v1/shop/orders";
const BODY: &str = r#"{"lines":[{"product_id":"1","quantity":1},{"product_id":"2","quantity":2}],"destination":{"country":"US","region":"NY"},"payment":{"method":{"card":{"number":"4242424242424242","expiry":"12/30","cvc":"123"}}}}"#;

const HOST: &str = "host-shop";

pub(super) fn run(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let Some(components) = build::shop(bench.work)? else {
        let why = "not built: run `just build-components`".to_owned();
        report.push(Row::missing(CASE, WHAT, Unit::PerSecond, why));
        return Ok(());
    };
    let wrk = Wrk::find(bench.work)?;
    let options = ["--dev".to_owned()];
    let spec = HostSpec { name: HOST, seed: true, listen: None, options: &options };
    let host = Host::start(bench.work, spec)?;
    host.deploy_all(components.into_iter().map(Ok))?;
    let headers = [format!("authorization: Bearer {}", bench.work.token(HOST)?)];
    let mut beside = Beside::start(bench, RIVALS)?;
    beside.addresses()?.into_iter().chain([host.server.address]).try_for_each(|server| {
        let confirmed = buy_once(server, &headers)?;
        if confirmed { Ok(()) } else { bail!("{server} confirms no purchase") }
    })?;
    let load = |server, time| wrk.buy(&headers, server, PATH, BODY, time);
    let mut ours = Series::default();
    // The first round warms up.
    for number in 0..=bench.effort.rounds {
        bench.say(format_args!("purchases, round {number} of {}", bench.effort.rounds));
        let round = load(host.server.address, bench.effort.round)?;
        beside.round(report, |server| load(server, bench.effort.round))?;
        match number {
            0 => beside.warmed_up(),
            _ => ours.add(CASE, round, report),
        }
    }
    let per_second = ours.per_second.clone();
    report.push(beside.compare(ours.row(CASE, WHAT)?, &per_second));
    beside.finish(report)?;
    host.stop()
}

/// Whether a purchase is confirmed.
fn buy_once(server: SocketAddr, headers: &[String]) -> Result<bool> {
    let request = ureq::post(format!("http://{server}{PATH}")).content_type("application/json");
    let pairs = headers.iter().filter_map(|header| header.split_once(": "));
    let request = pairs.fold(request, |request, (name, value)| request.header(name, value));
    let mut answer = request.send(BODY).with_context(|| format!("{server} refuses a purchase"))?;
    let order: Value = serde_json::from_str(&answer.body_mut().read_to_string()?)?;
    Ok(order.get("status").and_then(Value::as_str) == Some("confirmed"))
}
