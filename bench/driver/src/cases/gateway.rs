//! What the gateway's own work costs: the same requests with all of it, and with none.

use std::fs;

use anyhow::{Context, Result, ensure};

use super::Bench;
use crate::host::{Host, HostSpec};
use crate::report::{Ratio, Report, Row, Unit};
use crate::stats::{self, Spread};
use crate::wrk::Wrk;

/// The names of the cases.
pub(super) const CASES: &[&str] = &[OFF, ON];

const OFF: &str = "gateway-off";
const ON: &str = "gateway-on";

/// What the issue asks for.
const SHARE: f64 = 0.85;

const PATH: &str = "/api/v1/bench/items/42";

/// Limits that nobody reaches, over the client's address and its page's origin.
const CONFIG: &str = r#"
[gateway]
trusted-proxies = ["127.0.0.1"]
cors = { origins = ["https://other.example", "https://shop.example"] }

[rate]
default = { limit = 100000000, per = "1s", by = "subject" }
"#;

pub(super) fn run(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let wrk = Wrk::find(bench.work)?;
    let config = bench.work.folder().join("gateway.toml");
    fs::write(&config, CONFIG)?;
    let options = ["--config".to_owned(), config.display().to_string(), "--dev".to_owned()];
    let host = |name, options| {
        let spec = HostSpec { name, seed: false, listen: None, options };
        let host = Host::start(bench.work, spec)?;
        host.deploy_all([bench.components.echo.bytes().to_vec()].map(Ok))?;
        Ok::<_, anyhow::Error>(host)
    };
    let (off, on) = (host("host-gateway-off", &[][..])?, host("host-gateway-on", &options[..])?);
    let token = bench.work.token("host-gateway-on")?;
    let headers = [
        format!("authorization: Bearer {token}"),
        "origin: https://shop.example".into(),
        "x-forwarded-for: 192.0.2.7".into(),
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
    ];
    let answer = ureq::get(format!("http://{}{PATH}", on.server.address));
    let answer = headers
        .iter()
        .filter_map(|header| header.split_once(": "))
        .fold(answer, |answer, (name, value)| answer.header(name, value));
    let answer = answer.call().context("the gateway refuses the bench's own request")?;
    for header in ["ratelimit", "access-control-allow-origin", "traceparent"] {
        ensure!(answer.headers().contains_key(header), "{header} is not in the answer");
    }
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for number in 0..=bench.effort.rounds {
        bench.say(format_args!("gateway, round {number} of {}", bench.effort.rounds));
        let plain = wrk.load(off.server.address, PATH, None, bench.effort.round)?;
        let full = wrk.load_with(&headers, on.server.address, PATH, bench.effort.round)?;
        let failed = plain.failed() + full.failed();
        if failed > 0 {
            report.fail(format!("gateway: {failed} requests"));
        }
        // The first round warms up.
        if number > 0 {
            without.push(plain.per_second());
            with.push(full.per_second());
        }
    }
    let spread =
        |values: &[f64]| Spread::of(values.iter().copied()).context("no round was measured");
    let what = "typed GET, nothing in front of it";
    report.push(Row::new(OFF, what, Unit::PerSecond, spread(&without)?));
    let what = "the same with JWT, rate limit, CORS, proxy and trace";
    let mut row = Row::new(ON, what, Unit::PerSecond, spread(&with)?);
    let value = stats::ratio(&with, &without).context("no round was measured")?;
    row.ratios = vec![Ratio { to: OFF, value, at_least: Some(SHARE) }];
    report.push(row);
    off.stop()?;
    on.stop()
}
