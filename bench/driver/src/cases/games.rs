//! Games with a million players: a place on the leaderboard, its top, and a profile, from databases,
//! against the native server with all of it in memory.

use anyhow::{Context, Result, bail};

use super::{Bench, beside};
use crate::build;
use crate::crowd;
use crate::flask::{self, Flask};
use crate::host::{Host, HostSpec, Server, start_native};
use crate::machine::cpu_time;
use crate::report::{Ratio, Report, Row, Unit};
use crate::stats::{self, Spread};
use crate::wrk::{Load, Wrk};

/// What is read of whom.
struct Read {
    case: &'static str,
    native: &'static str,
    what: &'static str,
    path: &'static str,
    /// Of so many players one is chosen for each request, whose id ends the path. 0: the path is whole.
    players: u32,
}

const READS: [Read; 4] = [
    Read {
        case: "leaderboard-rank",
        native: "native-leaderboard-rank",
        what: "rank and neighbours of one of a million players",
        path: "/api/v1/leaderboard/players/",
        players: crowd::PLAYERS,
    },
    Read {
        case: "leaderboard-top",
        native: "native-leaderboard-top",
        what: "top 10 of a million players",
        path: "/api/v1/leaderboard/top/10",
        players: 0,
    },
    Read {
        case: "player",
        native: "native-player",
        what: "profile of one of a million players",
        path: "/api/v1/players/",
        players: crowd::PLAYERS,
    },
    Read {
        case: "player-hot",
        native: "native-player-hot",
        what: "profile of one of a thousand players",
        path: "/api/v1/players/",
        players: 1_000,
    },
];

/// The top 10 with Flask, which has no players: it makes them up for every request, as the tutorial does.
const FLASK: &str = "flask-leaderboard-top";

/// The case that it is compared with.
const FLASK_OF: &str = "leaderboard-top";

/// The names of the cases.
pub(super) const CASES: &[&str] = &[
    "leaderboard-rank",
    "native-leaderboard-rank",
    "leaderboard-top",
    "native-leaderboard-top",
    "player",
    "native-player",
    "player-hot",
    "native-player-hot",
    FLASK,
];

/// What the rounds of one case gave.
#[derive(Default)]
struct Series {
    per_second: Vec<f64>,
    cpu_us: Vec<f64>,
    p50_us: Vec<f64>,
    p99_us: Vec<f64>,
}

pub(super) fn run(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let Some([players, leaderboard]) = build::games(bench.work)? else {
        for read in READS {
            let why = "not built: run `just build-components`".to_owned();
            report.push(Row::missing(read.case, read.what, Unit::PerSecond, why));
        }
        return Ok(());
    };
    let wrk = Wrk::find(bench.work)?;
    let spec = HostSpec { name: "host-games", seed: true, listen: None, options: &[] };
    let host = Host::start(bench.work, spec)?;
    bench.say("a million players come in");
    host.deploy_all([crowd::with_profiles(&players), crowd::on_the_board(&leaderboard)])?;
    let native = start_native()?;
    let wanted = |read: &&Read| {
        let with_flask = read.case == FLASK_OF && bench.args.wants(FLASK);
        bench.args.wants(read.case) || bench.args.wants(read.native) || with_flask
    };
    let reads: Vec<&Read> = READS.iter().filter(wanted).collect();
    let mut all: Vec<[Series; 2]> = reads.iter().map(|_| Default::default()).collect();
    for read in &reads {
        check(&host, &native, read)?;
    }
    let flask = match reads.iter().find(|read| read.case == FLASK_OF) {
        Some(read) => Flask::start(bench.work, flask::GAMES)?.map(|flask| (flask, read.path)),
        None => None,
    };
    let mut with_flask = beside::Series::default();
    // The first round warms up.
    for number in 0..=bench.effort.rounds {
        bench.say(format_args!("games, round {number} of {}", bench.effort.rounds));
        for (read, series) in reads.iter().zip(&mut all) {
            for (server, series) in [&host.server, &native].into_iter().zip(series) {
                let mut unmeasured = Series::default();
                let series = if number > 0 { series } else { &mut unmeasured };
                round(bench, &wrk, server, read, series, report)?;
            }
        }
        if let Some((flask, path)) = &flask {
            let load = wrk.load(flask.address()?, path, None, bench.effort.round)?;
            let mut unmeasured = beside::Series::default();
            let series = if number > 0 { &mut with_flask } else { &mut unmeasured };
            series.add(FLASK, load, report);
        }
    }
    for (read, [service, native]) in reads.iter().zip(all) {
        let service_per_second = service.per_second.clone();
        let value = stats::ratio(&service_per_second, &native.per_second);
        let value = value.context("no round was measured")?;
        let mut row = row(read.case, read.what, service)?;
        row.ratios = vec![Ratio { to: read.native, value, at_least: None }];
        if read.case == FLASK_OF {
            row = row.ratio(FLASK, stats::ratio(&service_per_second, &with_flask.per_second));
        }
        report.push(row);
        report.push(self::row(read.native, &format!("{}, native", read.what), native)?);
    }
    if let Some((flask, _)) = flask {
        report.push(with_flask.row(FLASK, "top 10 with Flask: four processes, players made up")?);
        flask.stop()?;
    }
    host.stop()
}

/// Both give the same answer, about players of every kind, before either is measured.
fn check(host: &Host, native: &Server, read: &Read) -> Result<()> {
    let (host, native) = (host.client(), crate::client::Client::new(native.address));
    let step = usize::try_from(read.players / 97).unwrap_or(usize::MAX).max(1);
    let last = crowd::FIRST + read.players.max(1);
    for number in (crowd::FIRST..last).step_by(step) {
        let path = match read.players {
            0 => read.path.to_owned(),
            _ => format!("{}p{number}", read.path),
        };
        let (answer, expected) = (host.json(&path, None)?, native.json(&path, None)?);
        if answer != expected {
            bail!("{path} answers {answer}, and the native server {expected}");
        }
    }
    Ok(())
}

fn round(
    bench: &Bench<'_>,
    wrk: &Wrk,
    server: &Server,
    read: &Read,
    series: &mut Series,
    report: &mut Report,
) -> Result<()> {
    let (pid, time) = (server.process.pid(), bench.effort.round);
    let before = cpu_time(pid);
    let load: Load = match read.players {
        0 => wrk.load(server.address, read.path, None, time)?,
        players => wrk.ask_about(players, server.address, read.path, time)?,
    };
    let used = cpu_time(pid).zip(before).map(|(after, before)| after.saturating_sub(before));
    if load.failed() > 0 {
        report.fail(format!("{}: {} of {} requests", read.case, load.failed(), load.requests));
    }
    series.per_second.push(load.per_second());
    series.cpu_us.extend(used.map(|used| used.as_secs_f64() * 1e6 / load.requests.max(1) as f64));
    series.p50_us.push(load.p50_us as f64);
    series.p99_us.push(load.p99_us as f64);
    Ok(())
}

fn row(case: &'static str, what: &str, series: Series) -> Result<Row> {
    let middle = |values: Vec<f64>| Spread::of(values).map(|spread| spread.median);
    let spread = Spread::of(series.per_second).context("no round was measured")?;
    let mut row = Row::new(case, what, Unit::PerSecond, spread);
    row.cpu_us = middle(series.cpu_us);
    row.p50_us = middle(series.p50_us);
    row.p99_us = middle(series.p99_us);
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_can_be_asked_for() {
        let names: Vec<_> = READS.iter().flat_map(|read| [read.case, read.native]).collect();
        assert_eq!([names, vec![FLASK]].concat(), CASES);
    }
}
