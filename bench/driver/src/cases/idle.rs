//! What services cost that nobody calls: resident memory of the host.

use std::time::Duration;

use anyhow::{Context, Result};

use super::Bench;
use crate::host::{Host, HostSpec};
use crate::machine::Resident;
use crate::report::{Report, Row, Unit};
use crate::stats::Spread;

/// The name of the case.
pub(super) const CASE: &str = "idle-memory";

/// For what a start leaves to be done.
const SETTLE: Duration = Duration::from_secs(1);

const MEBIBYTE: f64 = 1024.0 * 1024.0;

pub(super) fn run(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let services = bench.effort.idle_services;
    let empty = started(bench, "host-empty")?;
    let nothing = resident(&empty)?;
    empty.stop()?;

    bench.say(format_args!("compiling {services} services"));
    let host = started(bench, "host-idle")?;
    host.deploy_all((0..services).map(|number| bench.components.echo.renamed(number)))?;
    host.stop()?;

    // Once more, so that what the compiler left in memory is not counted.
    let host = started(bench, "host-idle")?;
    let idle = resident(&host)?;
    let client = host.client();
    for number in 0..services {
        client.json(&format!("/api/v1/bench/{number}/items/42"), None)?;
    }
    let called = resident(&host)?;
    for (what, resident) in [
        ("resident memory, no service".to_owned(), nothing),
        (
            format!("resident memory, {services} idle services{}", each(idle, nothing, services)),
            idle,
        ),
        (format!("the same after each answered once{}", each(called, nothing, services)), called),
    ] {
        let total = resident.total as f64 / MEBIBYTE;
        let note = format!("{:.1} MiB of it anonymous", resident.anonymous as f64 / MEBIBYTE);
        let spread = Spread { median: total, min: total, max: total };
        report.push(Row::new(CASE, what, Unit::Mebibytes, spread).note(note));
    }
    host.stop()
}

fn started(bench: &Bench<'_>, name: &str) -> Result<Host> {
    Host::start(bench.work, HostSpec { name, seed: false, listen: None, options: &[] })
}

fn resident(host: &Host) -> Result<Resident> {
    std::thread::sleep(SETTLE);
    Resident::of(host.server.process.pid())
        .context("resident memory is read from /proc, which Linux has")
}

fn each(with: Resident, without: Resident, services: usize) -> String {
    let more = with.total.saturating_sub(without.total) as f64 / 1024.0;
    format!(", {:.0} KiB each", more / services.max(1) as f64)
}
