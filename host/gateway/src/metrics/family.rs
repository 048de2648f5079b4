//! One kind of number, told of everything that has it.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use thali_runtime::HistogramSnapshot;

/// A name with its help and its kind.
pub(super) struct Family<'a, 'e> {
    encoder: &'a mut DescriptorEncoder<'e>,
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    unit: Option<&'static Unit>,
}

/// A label.
pub(super) type Label = (&'static str, String);

impl<'a, 'e> Family<'a, 'e> {
    /// What only grows.
    pub(super) fn counter(
        encoder: &'a mut DescriptorEncoder<'e>,
        name: &'static str,
        help: &'static str,
    ) -> Self {
        Self { encoder, name, help, kind: MetricType::Counter, unit: None }
    }

    /// What is so now.
    pub(super) fn gauge(
        encoder: &'a mut DescriptorEncoder<'e>,
        name: &'static str,
        help: &'static str,
    ) -> Self {
        Self { encoder, name, help, kind: MetricType::Gauge, unit: None }
    }

    /// How often values came to lie between bounds.
    pub(super) fn histogram(
        encoder: &'a mut DescriptorEncoder<'e>,
        name: &'static str,
        help: &'static str,
    ) -> Self {
        Self { encoder, name, help, kind: MetricType::Histogram, unit: None }
    }

    /// The name ends with the unit.
    pub(super) fn in_unit(self, unit: &'static Unit) -> Self {
        Self { unit: Some(unit), ..self }
    }

    /// A number for each set of labels.
    pub(super) fn each<const N: usize>(
        self,
        values: impl IntoIterator<Item = ([Label; N], u64)>,
    ) -> fmt::Result {
        let (mut metric, kind) = self.begin()?;
        for (labels, value) in values {
            number(metric.encode_family(&labels)?, kind, value)?;
        }
        Ok(())
    }

    /// A number with a fraction for each set of labels.
    pub(super) fn each_fraction<const N: usize>(
        self,
        values: impl IntoIterator<Item = ([Label; N], f64)>,
    ) -> fmt::Result {
        let (mut metric, kind) = self.begin()?;
        for (labels, value) in values {
            fraction(metric.encode_family(&labels)?, kind, value)?;
        }
        Ok(())
    }

    /// A histogram for each set of labels. What was counted is `scale` times as much in the unit of the name.
    pub(super) fn each_histogram<const N: usize>(
        self,
        scale: f64,
        values: impl IntoIterator<Item = ([Label; N], HistogramSnapshot)>,
    ) -> fmt::Result {
        let (mut metric, _) = self.begin()?;
        for (labels, HistogramSnapshot { sum, buckets }) in values {
            let bound = |bound: Option<u64>| bound.map_or(f64::INFINITY, |at| at as f64 * scale);
            let buckets: Vec<_> = buckets.iter().map(|(at, count)| (bound(*at), *count)).collect();
            let count = buckets.iter().map(|(_, count)| count).sum();
            metric.encode_family(&labels)?.encode_histogram::<NoLabelSet>(
                sum as f64 * scale,
                count,
                &buckets,
                None,
            )?;
        }
        Ok(())
    }

    /// One number.
    pub(super) fn one(self, value: u64) -> fmt::Result {
        let (metric, kind) = self.begin()?;
        number(metric, kind, value)
    }

    /// One number with a fraction.
    pub(super) fn one_fraction(self, value: f64) -> fmt::Result {
        let (metric, kind) = self.begin()?;
        fraction(metric, kind, value)
    }

    fn begin(self) -> Result<(MetricEncoder<'a>, MetricType), fmt::Error> {
        let Self { encoder, name, help, kind, unit } = self;
        Ok((encoder.encode_descriptor(name, help, unit, kind)?, kind))
    }
}

fn number(mut metric: MetricEncoder<'_>, kind: MetricType, value: u64) -> fmt::Result {
    match kind {
        MetricType::Counter => metric.encode_counter::<NoLabelSet, _, u64>(&value, None),
        _ => metric.encode_gauge(&i64::try_from(value).unwrap_or(i64::MAX)),
    }
}

fn fraction(mut metric: MetricEncoder<'_>, kind: MetricType, value: f64) -> fmt::Result {
    match kind {
        MetricType::Counter => metric.encode_counter::<NoLabelSet, _, f64>(&value, None),
        _ => metric.encode_gauge(&value),
    }
}

/// The label of a service.
pub(super) fn named(service: &str) -> Label {
    ("service", service.to_owned())
}
