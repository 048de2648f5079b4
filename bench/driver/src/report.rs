//! The one table, and the same as JSON.

use std::path::Path;

use anyhow::Result;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use crate::machine::Machine;
use crate::stats::Spread;

/// What was measured in this run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: Machine,
    quick: bool,
    rows: Vec<Row>,
    /// Answers that were wrong or missing: such a run proves nothing.
    failures: Vec<String>,
}

/// One line of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// What `--only` finds it by.
    pub(crate) case: &'static str,
    /// What it is, for people.
    pub(crate) what: String,
    unit: Unit,
    median: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    /// In the order they are printed.
    pub(crate) ratios: Vec<Ratio>,
    /// Of the median.
    aim: Option<Aim>,
    /// Processor time of the server for one request.
    pub(crate) cpu_us: Option<f64>,
    pub(crate) p50_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    /// Why there is no figure, or what to know about it.
    pub(crate) note: Option<String>,
}

/// How a case compares with another one of the same run.
#[derive(Debug, Serialize)]
pub(crate) struct Ratio {
    pub(crate) to: &'static str,
    pub(crate) value: f64,
    /// The aim: at least so much.
    pub(crate) at_least: Option<f64>,
}

/// A figure to stay under, or to come up to.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Aim {
    #[serde(flatten)]
    bound: Bound,
    reached: bool,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Unit {
    #[serde(rename = "requests/s")]
    PerSecond,
    #[serde(rename = "ms")]
    Milliseconds,
    #[serde(rename = "us")]
    Microseconds,
    #[serde(rename = "MiB")]
    Mebibytes,
    #[serde(rename = "KiB")]
    Kibibytes,
}

impl Row {
    /// A measured line.
    pub(crate) fn new(
        case: &'static str,
        what: impl Into<String>,
        unit: Unit,
        spread: Spread,
    ) -> Self {
        Self {
            median: Some(spread.median),
            min: Some(spread.min),
            max: Some(spread.max),
            ..Self::missing(case, what, unit, None)
        }
    }

    /// A line without a figure.
    pub(crate) fn missing(
        case: &'static str,
        what: impl Into<String>,
        unit: Unit,
        why: impl Into<Option<String>>,
    ) -> Self {
        Self {
            case,
            what: what.into(),
            unit,
            median: None,
            min: None,
            max: None,
            ratios: Vec::new(),
            aim: None,
            cpu_us: None,
            p50_us: None,
            p99_us: None,
            note: why.into(),
        }
    }

    /// With a figure that the median should not exceed.
    #[must_use]
    pub(crate) fn at_most(self, at_most: f64) -> Self {
        let reached = self.median.is_some_and(|median| median <= at_most);
        Self { aim: Some(Aim { bound: Bound::AtMost(at_most), reached }), ..self }
    }

    /// With a figure that the median should come up to.
    #[must_use]
    pub(crate) fn at_least(self, at_least: f64) -> Self {
        let reached = self.median.is_some_and(|median| median >= at_least);
        Self { aim: Some(Aim { bound: Bound::AtLeast(at_least), reached }), ..self }
    }

    /// With something to know about the figure.
    #[must_use]
    pub(crate) fn note(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..self }
    }

    /// With a ratio, when there is something to compare with.
    #[must_use]
    pub(crate) fn ratio(mut self, to: &'static str, value: Option<f64>) -> Self {
        self.ratios.extend(value.map(|value| Ratio { to, value, at_least: None }));
        self
    }
}

impl Report {
    pub(crate) fn new(machine: Machine, quick: bool) -> Self {
        Self { machine, quick, rows: Vec::new(), failures: Vec::new() }
    }

    pub(crate) fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(crate) fn fail(&mut self, failure: impl Into<String>) {
        self.failures.push(failure.into());
    }

    pub(crate) fn failures(&self) -> &[String] {
        &self.failures
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        Ok(std::fs::write(path, serde_json::to_vec_pretty(self)?)?)
    }

    /// The table, with what to know about the run below it.
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new();
        table
            .load_style(presets::UTF8_BORDERS_ONLY)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_header([
                "case",
                "what",
                "median",
                "min .. max",
                "ratio",
                "server CPU",
                "p50 / p99",
                "aim",
            ]);
        for row in &self.rows {
            table.add_row(row.cells());
        }
        let machine = &self.machine;
        let mut text = format!(
            "{table}\n{} x {}, Linux {}; others used {:.0}% of it before the run",
            machine.cores,
            machine.processor,
            machine.kernel,
            machine.busy_before * 100.0,
        );
        if self.quick {
            text.push_str("\n--quick: short rounds, so trust no figure further than its range");
        }
        if machine.is_busy() {
            text.push_str("\nothers were working on this machine: ratios mean little, absolute figures nothing");
        }
        for failure in &self.failures {
            text.push_str("\nFAILED: ");
            text.push_str(failure);
        }
        text
    }
}

impl Row {
    fn cells(&self) -> Vec<Cell> {
        let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        let what = match &self.note {
            Some(note) => format!("{} ({note})", self.what),
            None => self.what.clone(),
        };
        let median = |median| format!("{} {}", self.unit.show(median), self.unit.name());
        let range = match (self.min, self.max) {
            (Some(min), Some(max)) if min < max => {
                format!("{} .. {}", self.unit.show(min), self.unit.show(max))
            }
            _ => String::new(),
        };
        let micros = |value: f64| {
            if value < 1e3 { format!("{value:.0} µs") } else { format!("{:.1} ms", value / 1e3) }
        };
        let latency = match (self.p50_us, self.p99_us) {
            (Some(p50), Some(p99)) => format!("{} / {}", micros(p50), micros(p99)),
            _ => String::new(),
        };
        vec![
            Cell::new(self.case),
            Cell::new(what),
            right(self.median.map_or_else(|| "-".into(), median)),
            right(range),
            Cell::new(lines(
                self.ratios.iter().map(|ratio| format!("{:.2} × {}", ratio.value, ratio.to)),
            )),
            right(self.cpu_us.map(|cpu| format!("{cpu:.1} µs")).unwrap_or_default()),
            right(latency),
            Cell::new(self.aims()),
        ]
    }

    fn aims(&self) -> String {
        let mark = |reached: bool| if reached { "reached" } else { "MISSED" };
        let of_ratios = self.ratios.iter().filter_map(|ratio| {
            let aim = ratio.at_least?;
            Some(format!("≥ {aim} × {}: {}", ratio.to, mark(ratio.value >= aim)))
        });
        let of_figure = self.aim.map(|aim| {
            let (sign, bound) = match aim.bound {
                Bound::AtMost(bound) => ("≤", bound),
                Bound::AtLeast(bound) => ("≥", bound),
            };
            format!("{sign} {bound} {}: {}", self.unit.name(), mark(aim.reached))
        });
        lines(of_ratios.chain(of_figure))
    }
}

fn lines(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join("\n")
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::PerSecond => "req/s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "µs",
            Self::Mebibytes => "MiB",
            Self::Kibibytes => "KiB",
        }
    }

    fn show(self, value: f64) -> String {
        match self {
            Self::PerSecond => format!("{value:.0}"),
            Self::Milliseconds | Self::Mebibytes | Self::Kibibytes => format!("{value:.1}"),
            Self::Microseconds => format!("{value:.2}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_whether_its_aims_are_reached() {
        let spread = Spread { median: 10.0, min: 9.0, max: 12.0 };
        let row = Row::new("x", "x", Unit::Milliseconds, spread).at_most(8.0);
        assert_eq!(row.aims(), "≤ 8 ms: MISSED");
        let row = Row::new("x", "x", Unit::PerSecond, spread).at_least(8.0);
        assert_eq!(row.aims(), "≥ 8 req/s: reached");
        let mut row = Row::new("x", "x", Unit::PerSecond, spread).ratio("native-get", Some(0.5));
        row.ratios[0].at_least = Some(0.4);
        assert_eq!(row.aims(), "≥ 0.4 × native-get: reached");
    }
}
