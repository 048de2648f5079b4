//! `thali doctor`: what this machine has and lacks, and what to do about it.

use std::process::{Command, ExitCode};

use serde::Serialize;
use serde_json::{Value, json};
use thali_runtime::{CacheKey, HostLimits, Runtime, RuntimeConfig};

use crate::client::Admin;
use crate::commands::print_json;
use crate::output::out;

/// The target components are built for.
const TARGET: &str = "wasm32-wasip2";

/// Open files below which a loaded host runs out: each connection is one.
const OPEN_FILES_MIN: u64 = 4096;

/// One thing that was looked at.
#[derive(Serialize)]
struct Check {
    name: &'static str,
    verdict: Verdict,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    /// Works, but less well.
    Slow,
    Missing,
}

/// Looks at everything; exits with 1 when something is missing that is needed to run a host.
pub(crate) fn doctor(admin: &Admin, json: bool) -> ExitCode {
    let checks = [engine(), open_files(), target(), host(admin)];
    if json {
        print_json(&json!({ "items": checks }));
    } else {
        checks.iter().for_each(print);
    }
    let broken = checks.first().is_some_and(|engine| engine.verdict == Verdict::Missing);
    if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn print(check: &Check) {
    let mark = match check.verdict {
        Verdict::Ok => "ok     ",
        Verdict::Slow => "slow   ",
        Verdict::Missing => "missing",
    };
    out!("{mark}  {}: {}", check.name, check.found);
    if let Some(fix) = check.fix {
        out!("         {fix}");
    }
}

fn check(name: &'static str, verdict: Verdict, found: String, fix: &'static str) -> Check {
    Check { name, verdict, found, fix: (verdict != Verdict::Ok).then_some(fix) }
}

fn engine() -> Check {
    let config = RuntimeConfig {
        cache_dir: None,
        cache_key: CacheKey([0; 32]),
        limits: HostLimits::default(),
    };
    let wanted = config.limits.instances_max;
    match Runtime::new(config, &[]) {
        Err(error) => check(
            "engine",
            Verdict::Missing,
            error.to_string(),
            "Thali runs on x86-64 and AArch64 Linux",
        ),
        Ok(runtime) => {
            let report = runtime.report();
            let full = report.pool_instances == wanted && report.pagemap_scan;
            let found = format!(
                "pool of {} instances (of {wanted}), pagemap scan {}",
                report.pool_instances,
                if report.pagemap_scan { "yes" } else { "no" }
            );
            let verdict = if full { Verdict::Ok } else { Verdict::Slow };
            let fix = "a full pool needs address space (no `ulimit -v`), pagemap scan a kernel 6.7 or newer";
            check("engine", verdict, found, fix)
        }
    }
}

fn open_files() -> Check {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let soft: Option<u64> = limits.lines().find_map(|line| {
        line.strip_prefix("Max open files")?.split_whitespace().next()?.parse().ok()
    });
    let (verdict, found) = match soft {
        Some(files) if files < OPEN_FILES_MIN => (Verdict::Slow, format!("{files}")),
        Some(files) => (Verdict::Ok, format!("{files}")),
        None => (Verdict::Ok, "not limited, as far as can be seen".into()),
    };
    check("open files", verdict, found, "raise it before `thali up`: ulimit -n 65536")
}

fn target() -> Check {
    let fix = "`./justw build-components` brings it, or: rustup target add wasm32-wasip2";
    let Ok(output) = Command::new("rustc").args(["--print", "sysroot"]).output() else {
        let found = "no rustc (only needed to build components)".into();
        return check(
            "wasm target",
            Verdict::Missing,
            found,
            "install Rust 1.95 from your distribution or rustup",
        );
    };
    let sysroot = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let there =
        std::path::Path::new(&sysroot).join("lib/rustlib").join(TARGET).join("lib").is_dir();
    let (verdict, found) = match there {
        true => (Verdict::Ok, format!("{TARGET} is installed")),
        false => (
            Verdict::Missing,
            format!("{TARGET} is not installed (only needed to build components)"),
        ),
    };
    check("wasm target", verdict, found, fix)
}

fn host(admin: &Admin) -> Check {
    let fix = "start one with `thali up`, or name another with --admin-url";
    match admin.get("/services") {
        Err(error) => check("host", Verdict::Missing, error.to_string(), fix),
        Ok(answer) => {
            let services = answer.body.get("items").and_then(Value::as_array).map_or(0, Vec::len);
            check("host", Verdict::Ok, format!("answers, {services} services"), fix)
        }
    }
}
