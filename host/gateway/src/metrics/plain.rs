//! The older text format of Prometheus (0.0.4), made from that of OpenMetrics: counters are declared by the name that
//! their samples have, and there are no units, exemplars or end.

/// The same metrics for scrapers that do not know OpenMetrics.
pub(super) fn plain(open_metrics: &str) -> String {
    let mut plain = String::with_capacity(open_metrics.len());
    let mut help = None;
    for line in open_metrics.lines() {
        if line.starts_with("# HELP ") {
            help = Some(line);
        } else if let Some(declared) = line.strip_prefix("# TYPE ") {
            let (name, kind) = declared.split_once(' ').unwrap_or((declared, "untyped"));
            let suffix = if kind == "counter" { "_total" } else { "" };
            let words = help.take().and_then(|help| help.splitn(4, ' ').nth(3)).unwrap_or_default();
            for part in
                ["# HELP ", name, suffix, " ", words, "\n# TYPE ", name, suffix, " ", kind, "\n"]
            {
                plain.push_str(part);
            }
        } else if !line.starts_with('#') {
            // No name, label or number of ours has this in it.
            plain.push_str(line.split_once(" # {").map_or(line, |(sample, _)| sample));
            plain.push('\n');
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_declared_by_their_samples_and_exemplars_are_left_out() {
        let open_metrics = r##"# HELP a_seconds How long.
# TYPE a_seconds counter
# UNIT a_seconds seconds
a_seconds_total{x="y # z"} 1.5
# HELP b Many.
# TYPE b histogram
b_bucket{le="+Inf"} 2 # {trace_id="0a"} 0.5 1.000
b_count 2
# EOF
"##;
        let expected = r##"# HELP a_seconds_total How long.
# TYPE a_seconds_total counter
a_seconds_total{x="y # z"} 1.5
# HELP b Many.
# TYPE b histogram
b_bucket{le="+Inf"} 2
b_count 2
"##;
        assert_eq!(plain(open_metrics), expected);
    }
}
