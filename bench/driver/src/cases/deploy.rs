//! Deploys into a running host: from the start of the upload to the first answer of the new build,
//! as a client on a keep-alive connection sees it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::Bench;
use crate::client::Client;
use crate::host::{Host, HostSpec, deploy};
use crate::report::{Report, Row, Unit};
use crate::stats::Spread;
use crate::variant::build_text;

const NEW: &str = "deploy-new";
const SEEN: &str = "deploy-seen";

/// The names of the cases.
pub(super) const CASES: &[&str] = &[NEW, SEEN];

const ITEM: &str = "/api/v1/bench/items/42";

/// Between two questions, so that asking leaves the processors to the compiler.
const POLL: Duration = Duration::from_micros(500);
const DEPLOY_MAX: Duration = Duration::from_secs(30);

/// What the issue asks of an upload, in milliseconds.
const AIM_MS: f64 = 300.0;

pub(super) fn run(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let spec = HostSpec { name: "host-deploy", seed: false, listen: None, options: &[] };
    let host = Host::start(bench.work, spec)?;
    host.deploy_all([Ok(bench.components.echo.bytes().to_vec())])?;
    let deploys = bench.effort.deploys;
    let timed = |number| -> Result<f64> {
        let component = bench.components.echo.rebuilt(number)?;
        first_answer(&host, &component, &build_text(number))
    };
    bench.say(format_args!("{deploys} deploys of builds never seen"));
    let new = (1..=deploys).map(timed).collect::<Result<Vec<_>>>()?;
    bench.say(format_args!("{deploys} deploys of two builds in turns"));
    let seen = (1..=deploys).map(|number| timed(1 + number % 2)).collect::<Result<Vec<_>>>()?;
    for (case, what, times) in [
        (NEW, "upload to first new answer, a build never seen: compiled", new),
        (SEEN, "upload to first new answer, two builds in turns: compiled before", seen),
    ] {
        let spread = Spread::of(times).context("nothing was deployed")?;
        report.push(Row::new(case, what, Unit::Milliseconds, spread).at_most(AIM_MS));
    }
    host.stop()
}

/// Milliseconds from the first byte of the upload to the first answer of the new build. Every answer
/// until then must be one of the old build.
fn first_answer(host: &Host, component: &[u8], build: &str) -> Result<f64> {
    let client = host.client();
    let admin = host.admin();
    client.json(ITEM, None)?;
    admin.json("/admin/v1/services", None)?;
    std::thread::scope(|scope| {
        let begin = Instant::now();
        let upload = scope.spawn(|| deploy(&admin, component));
        let answered = until_answer(&client, begin, build);
        upload.join().map_err(|_| anyhow::anyhow!("the upload panicked"))??;
        answered
    })
}

fn until_answer(client: &Client, begin: Instant, build: &str) -> Result<f64> {
    loop {
        let item = client.json(ITEM, None)?;
        let elapsed = begin.elapsed();
        if item.get("build").and_then(|build| build.as_str()) == Some(build) {
            return Ok(elapsed.as_secs_f64() * 1e3);
        }
        if elapsed > DEPLOY_MAX {
            bail!("after {} s the old build still answers", DEPLOY_MAX.as_secs());
        }
        std::thread::sleep(POLL);
    }
}
