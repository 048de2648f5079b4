//! How long requests take, with a trace to look at in each bucket.
//!
//! Written as text here: the library has exemplars only for histograms of its own, which lock.

use std::fmt::{self, Write};
use std::time::UNIX_EPOCH;

use super::traffic::{Bucket, RouteTraffic, Seen};

const NAME: &str = "thali_request_duration_seconds";
const HELP: &str = "From the head of a request to the head of its answer.";

/// Writes the histograms of all routes that were asked for.
pub(super) fn write(text: &mut String, traffic: &[RouteTraffic]) -> fmt::Result {
    writeln!(text, "# HELP {NAME} {HELP}\n# TYPE {NAME} histogram\n# UNIT {NAME} seconds")?;
    for of in traffic {
        let (sum, buckets) = of.counts.told();
        let count: u64 = buckets.iter().map(|bucket| bucket.count).sum();
        if count > 0 {
            let (service, route) = (escaped(&of.service), escaped(&of.route));
            let labels = format!("service=\"{service}\",route=\"{route}\"");
            writeln!(text, "{NAME}_sum{{{labels}}} {sum:?}\n{NAME}_count{{{labels}}} {count}")?;
            each(text, &labels, &buckets)?;
        }
    }
    Ok(())
}

fn each(text: &mut String, labels: &str, buckets: &[Bucket]) -> fmt::Result {
    let mut up_to = 0;
    for Bucket { bound, count, seen } in buckets {
        up_to += count;
        let le = if bound.is_finite() { format!("{bound:?}") } else { "+Inf".into() };
        write!(text, "{NAME}_bucket{{{labels},le=\"{le}\"}} {up_to}")?;
        if let Some(Seen { trace_id, took_s, at }) = seen {
            let at = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
            write!(text, " # {{trace_id=\"{trace_id:032x}\"}} {took_s:?} {at:.3}")?;
        }
        text.push('\n');
    }
    Ok(())
}

/// What may stand between quotation marks.
fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_is_told_with_its_trace() {
        let of =
            RouteTraffic { service: "a".into(), route: "GET /\"\\".into(), counts: Arc::default() };
        of.counts.answered(200, Duration::from_micros(500), Some(0xabc));
        of.counts.answered(200, Duration::from_secs(200), None);
        let mut text = String::new();
        write(&mut text, &[of]).unwrap();
        let labels = r#"service="a",route="GET /\"\\""#;
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(lines[0], format!("{NAME}_sum{{{labels}}} 200.0005"));
        assert_eq!(lines[1], format!("{NAME}_count{{{labels}}} 2"));
        let id = "00000000000000000000000000000abc";
        let begin =
            format!("{NAME}_bucket{{{labels},le=\"0.000562\"}} 1 # {{trace_id=\"{id}\"}} 0.0005 ");
        assert!(lines.iter().any(|line| line.starts_with(&begin)), "{text}");
        assert_eq!(*lines.last().unwrap(), format!("{NAME}_bucket{{{labels},le=\"+Inf\"}} 2"));
    }
}
