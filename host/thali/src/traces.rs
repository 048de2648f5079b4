//! `thali traces` and `thali trace`: what requests did, and how long each hop took.

use std::collections::HashMap;
use std::process::ExitCode;

use serde_json::Value;

use crate::args::TracesArgs;
use crate::client::Admin;
use crate::commands::{print_json, query, segment};
use crate::error::CliError;
use crate::output::out;
use crate::table::{cell, table};

/// The width of the bars, in characters.
const BAR_WIDTH: usize = 40;

/// The widest column of names, in characters.
const NAME_WIDTH_MAX: usize = 60;

/// Lists the latest traces, the newest first.
pub(crate) fn traces(admin: &Admin, args: &TracesArgs, json: bool) -> Result<ExitCode, CliError> {
    let min_ms = args.slow.map(|slow| (slow.as_micros() as f64 / 1e3).to_string());
    let query = query(&[
        ("service", args.service.as_deref()),
        ("route", args.route.as_deref()),
        ("errors", args.errors.then_some("true")),
        ("min_ms", min_ms.as_deref()),
        ("limit", Some(&args.limit.to_string())),
    ]);
    let body = admin.get(&format!("/traces{query}"))?.body;
    if json {
        return Ok(print_json(&body));
    }
    let mut rows = table(&["trace", "began", "request", "status", "ms", "spans", "services"]);
    for trace in body.get("items").and_then(Value::as_array).into_iter().flatten() {
        let text = |member| cell(trace, member);
        let failed = trace.get("error").and_then(Value::as_bool).unwrap_or_default();
        let status = if failed { format!("{} error", text("status")) } else { text("status") };
        rows.add_row([
            text("trace_id"),
            text("started_at"),
            text("name"),
            status,
            text("duration_ms"),
            text("spans"),
            text("services"),
        ]);
    }
    out!("{rows}");
    Ok(ExitCode::SUCCESS)
}

/// Draws one trace.
pub(crate) fn trace(admin: &Admin, id: &str, json: bool) -> Result<ExitCode, CliError> {
    let body = admin.get(&format!("/traces/{}", segment(id)))?.body;
    if json {
        return Ok(print_json(&body));
    }
    out!(
        "{} began {}, {} ms\n",
        cell(&body, "trace_id"),
        cell(&body, "started_at"),
        cell(&body, "duration_ms")
    );
    out!("{}", waterfall(&body));
    let dropped = body.get("dropped_spans").and_then(Value::as_u64).unwrap_or_default();
    if dropped > 0 {
        out!("and {dropped} spans that were too many to keep");
    }
    Ok(ExitCode::SUCCESS)
}

/// A line for each span: its name below its parent's, whose it is, how long it took and when.
fn waterfall(body: &Value) -> String {
    let spans: &[Value] =
        body.get("spans").and_then(Value::as_array).map_or(&[], |spans| spans.as_slice());
    let number = |span: &Value, member| span.get(member).and_then(Value::as_u64).unwrap_or(0);
    let end = |span: &Value| number(span, "start_us") + number(span, "duration_us");
    let whole = spans.iter().map(end).max().unwrap_or_default().max(1);
    let mut depths: HashMap<&str, usize> = HashMap::new();
    let mut lines: Vec<[String; 4]> = Vec::new();
    for span in spans {
        let text = |member| span.get(member).and_then(Value::as_str);
        let depth = text("parent_id").and_then(|id| depths.get(id)).map_or(0, |depth| depth + 1);
        depths.insert(text("span_id").unwrap_or_default(), depth);
        let name = format!("{}{}", "  ".repeat(depth), text("name").unwrap_or_default());
        let bar = bar(number(span, "start_us"), number(span, "duration_us"), whole);
        let took = format!("{:.2} ms", number(span, "duration_us") as f64 / 1e3);
        let failed = text("message").map(|why| format!("  ! {why}")).unwrap_or_default();
        let whose = text("service").unwrap_or("-").to_owned();
        lines.push([shortened(name), whose, took, format!("{bar}{failed}")]);
    }
    aligned(&lines)
}

/// Where a span is in the whole.
fn bar(start_us: u64, duration_us: u64, whole_us: u64) -> String {
    let column = |at_us: u64| {
        let at = u128::from(at_us) * BAR_WIDTH as u128 / u128::from(whole_us);
        usize::try_from(at).unwrap_or(BAR_WIDTH).min(BAR_WIDTH)
    };
    let begin = column(start_us).min(BAR_WIDTH - 1);
    let end = column(start_us.saturating_add(duration_us)).max(begin + 1);
    format!("|{}{}{}|", " ".repeat(begin), "#".repeat(end - begin), " ".repeat(BAR_WIDTH - end))
}

fn shortened(name: String) -> String {
    if name.chars().count() <= NAME_WIDTH_MAX {
        return name;
    }
    name.chars().take(NAME_WIDTH_MAX - 1).chain(['…']).collect()
}

/// Columns of one width each; times stand at the right of theirs.
fn aligned(lines: &[[String; 4]]) -> String {
    let width = |of: fn(&[String; 4]) -> &String| {
        lines.iter().map(|line| of(line).chars().count()).max().unwrap_or_default()
    };
    let (name, whose) = (width(|[name, ..]| name), width(|[_, whose, ..]| whose));
    let took = width(|[_, _, took, _]| took);
    let line = |[n, w, t, bar]: &[String; 4]| format!("{n:name$}  {w:whose$}  {t:>took$}  {bar}\n");
    lines.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_trace_is_drawn_with_children_below_and_behind_their_parents() {
        let body = json!({ "spans": [
            { "span_id": "a", "parent_id": "outside", "name": "POST /orders", "service": null,
              "start_us": 0, "duration_us": 4000, "message": null },
            { "span_id": "b", "parent_id": "a", "name": "ordering.place", "service": "orders",
              "start_us": 1000, "duration_us": 2000, "message": "the deadline passed" },
            { "span_id": "c", "parent_id": "b", "name": "SELECT", "service": "orders",
              "start_us": 4000, "duration_us": 0, "message": null },
        ]});
        let bars = [
            "#".repeat(40),
            " ".repeat(10) + &"#".repeat(20) + &" ".repeat(10),
            " ".repeat(39) + "#",
        ];
        let [whole, part, last] = bars;
        let expected = format!(
            "POST /orders      -       4.00 ms  |{whole}|\n  \
               ordering.place  orders  2.00 ms  |{part}|  ! the deadline passed\n    \
                 SELECT        orders  0.00 ms  |{last}|\n"
        );
        assert_eq!(waterfall(&body), expected);
    }

    #[test]
    fn no_bar_leaves_its_frame() {
        for (start, duration, whole) in [(0, 0, 1), (5, 10, 8), (u64::MAX, u64::MAX, 1), (9, 1, 10)]
        {
            assert_eq!(bar(start, duration, whole).chars().count(), BAR_WIDTH + 2);
        }
    }
}
