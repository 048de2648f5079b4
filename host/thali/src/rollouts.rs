//! `thali traffic`, `thali promote`, `thali rollback`: moving requests between revisions.

use std::process::ExitCode;

use serde_json::{Map, Value, json};

use crate::args::{TrafficArgs, Why};
use crate::client::Admin;
use crate::commands::{print_json, query, revision, segment, warnings};
use crate::error::CliError;
use crate::output::out;
use crate::table::cell;

type Outcome = Result<ExitCode, CliError>;

/// `thali traffic`
pub(crate) fn traffic(admin: &Admin, args: &TrafficArgs, json: bool) -> Outcome {
    let mut body = Map::new();
    if !args.shares.is_empty() {
        body.insert("shares".into(), Value::Object(shares(&args.shares)?));
    }
    if let Some(sticky) = &args.sticky {
        let by = if sticky == "none" { "" } else { sticky };
        body.insert("sticky".into(), by.into());
    }
    if let Some(message) = &args.why.message {
        body.insert("message".into(), message.as_str().into());
    }
    let path = format!("/services/{}/traffic", segment(&args.name));
    let answer = admin.put(&path, &Value::Object(body))?;
    if json {
        return Ok(print_json(&answer.body));
    }
    out!("{}", shared_out(&answer.body));
    warnings(&answer.body);
    Ok(ExitCode::SUCCESS)
}

/// `thali promote`
pub(crate) fn promote(
    admin: &Admin,
    name: &str,
    revision_meant: Option<&str>,
    why: &Why,
    json: bool,
) -> Outcome {
    let query = query(&[("revision", revision_meant), ("message", why.message.as_deref())]);
    let path = format!("/services/{}/promote{query}", segment(name));
    let answer = admin.post(&path, "application/json", b"")?;
    if json {
        return Ok(print_json(&answer.body));
    }
    out!("{} takes all requests now", revision(&answer.body));
    warnings(&answer.body);
    Ok(ExitCode::SUCCESS)
}

/// `thali rollback`
pub(crate) fn rollback(admin: &Admin, name: &str, why: &Why, json: bool) -> Outcome {
    let query = query(&[("message", why.message.as_deref())]);
    let path = format!("/services/{}/rollback{query}", segment(name));
    let answer = admin.post(&path, "application/json", b"")?;
    if json {
        return Ok(print_json(&answer.body));
    }
    out!("{} takes all requests again", revision(&answer.body));
    warnings(&answer.body);
    Ok(ExitCode::SUCCESS)
}

/// `orders: revision 7 gets 90 %, revision 8 gets 10 %`
pub(crate) fn shared_out(body: &Value) -> String {
    let canaries = body.get("canaries").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let percent = |canary: &Value| canary.get("percent").and_then(Value::as_u64).unwrap_or(0);
    let rest = 100u64.saturating_sub(canaries.iter().map(percent).sum());
    let stable = format!("revision {} gets {rest} %", cell(body, "revision"));
    let others = canaries
        .iter()
        .map(|canary| format!("revision {} gets {} %", cell(canary, "revision"), percent(canary)));
    let all: Vec<_> = std::iter::once(stable).chain(others).collect();
    format!("{}: {}", cell(body, "service"), all.join(", "))
}

/// `v7=90` and so on, as the admin API has it.
fn shares(given: &[String]) -> Result<Map<String, Value>, CliError> {
    let mut shares = Map::new();
    for share in given {
        let read = share.split_once('=').and_then(|(revision, percent)| {
            let percent: u8 = percent.trim_end_matches('%').parse().ok()?;
            Some((revision.to_owned(), json!(percent)))
        });
        let Some((revision, percent)) = read else {
            return Err(CliError::Share(share.clone()));
        };
        if shares.insert(revision, percent).is_some() {
            return Err(CliError::Share(share.clone()));
        }
    }
    Ok(shares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_as_people_write_them() {
        let read = |given: &[&str]| {
            let given: Vec<_> = given.iter().map(ToString::to_string).collect();
            shares(&given).map(Value::Object)
        };
        assert_eq!(read(&["v1=90", "2=10%"]).unwrap(), json!({"v1": 90, "2": 10}));
        for bad in [&["v1"][..], &["v1=x"], &["v1=256"], &["v1=50", "v1=50"]] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_everybody_gets_is_told() {
        let body = json!({"service": "orders", "revision": 7, "canaries": [{"revision": 8, "percent": 10}]});
        assert_eq!(shared_out(&body), "orders: revision 7 gets 90 %, revision 8 gets 10 %");
    }
}
