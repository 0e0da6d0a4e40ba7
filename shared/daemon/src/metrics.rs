//! What `/metrics` tells, and the only file that knows its names.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::standing::{Phase, Snapshot};

/// The media type of [`text()`]: OpenMetrics, which Prometheus reads.
pub(crate) const CONTENT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A name and a sentence. Counters get `_total` added.
type Metric = (&'static str, &'static str);

const BUILD: Metric = ("move37_build", "What runs: its service and version");
const LIVE: Metric = ("move37_live", "1 when the service has read its history and works");
const STARTS_OVER: Metric =
    ("move37_starts_over", "New starts within the process, since the log was away for too long");
const PARTITIONS: Metric = ("move37_owned_partitions", "Partitions of the service's own topic that it works on");
const CAMPAIGNS: Metric = ("move37_open_campaigns", "Campaigns (for a worker: itself) that have an actor here");
const STOPPED: Metric = ("move37_failures", "What has stopped loudly: campaigns, partitions or the service");
const WARNINGS: Metric = ("move37_warnings", "What people should look at although nothing has stopped");
const DECIDED: Metric = ("move37_inputs_decided", "Inputs that the rules decided");
const APPENDED: Metric = ("move37_facts_appended", "Facts that the log acknowledged");
const RACES: Metric = ("move37_races_lost", "Facts that lost their place to another writer's, and were decided again");
const DROPPED: Metric = ("move37_records_dropped", "Records that were read but not delivered, by reason");
const PARKED: Metric = ("move37_records_parked", "Dead letters that were written");
const OWED: Metric = ("move37_effects_owed", "Effects that are owed and under way");
const HELD: Metric = ("move37_inputs_held", "Early inputs that wait for what comes before them");
const LAG: Metric = ("move37_lag_records", "Records that are there but not read yet, by topic and partition");
const LATENCY: Metric = ("move37_decision_seconds", "From an input to the fact that came of it, read back");

/// A snapshot as text.
pub(crate) fn text(now: &Snapshot) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape(now.clone())));
    let mut text = String::new();
    text::encode(&mut text, &registry).expect("a text takes what is written to it");
    text
}

#[derive(Debug)]
struct Scrape(Snapshot);

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (now, mut sheet) = (&self.0, Sheet(encoder));
        sheet.info(BUILD, &[("service", now.role.name()), ("version", env!("CARGO_PKG_VERSION"))])?;
        sheet.gauge(LIVE, u64::from(now.phase == Phase::Live))?;
        sheet.counter(STARTS_OVER, now.starts_over)?;
        sheet.gauge(PARTITIONS, now.partitions.len() as u64)?;
        sheet.gauge(CAMPAIGNS, now.keys)?;
        sheet.gauge(STOPPED, now.failures.len() as u64)?;
        sheet.gauge(WARNINGS, now.warnings.len() as u64)?;
        sheet.counter(DECIDED, now.counts.decided)?;
        sheet.counter(APPENDED, now.counts.appended)?;
        sheet.counter(RACES, now.counts.races_lost)?;
        let dropped = now.counts.dropped.iter().map(|(why, count)| ([("reason", why.name().to_owned())], *count));
        sheet.counters(DROPPED, dropped)?;
        sheet.counter(PARKED, now.counts.parked)?;
        sheet.gauge(OWED, now.counts.owed)?;
        sheet.gauge(HELD, now.counts.held)?;
        let lag = now.lag.iter().map(|(topic, partition, lag)| {
            ([("topic", topic.name().to_owned()), ("partition", partition.to_string())], *lag)
        });
        sheet.gauges(LAG, lag)?;
        let latency = &now.latency;
        let mut histogram = sheet.metric(LATENCY, MetricType::Histogram)?;
        histogram.encode_histogram::<NoLabelSet>(latency.sum, latency.count, &latency.buckets, None)
    }
}

/// Metrics one after the other.
struct Sheet<'a>(DescriptorEncoder<'a>);

impl Sheet<'_> {
    fn metric(&mut self, (name, help): Metric, kind: MetricType) -> Result<MetricEncoder<'_>, fmt::Error> {
        self.0.encode_descriptor(name, help, None, kind)
    }

    fn info(&mut self, metric: Metric, labels: &[(&'static str, &'static str)]) -> fmt::Result {
        self.metric(metric, MetricType::Info)?.encode_info(&labels.to_vec())
    }

    fn gauge(&mut self, metric: Metric, value: u64) -> fmt::Result {
        ConstGauge::new(value).encode(self.metric(metric, MetricType::Gauge)?)
    }

    fn counter(&mut self, metric: Metric, value: u64) -> fmt::Result {
        ConstCounter::new(value).encode(self.metric(metric, MetricType::Counter)?)
    }

    fn gauges<const N: usize>(
        &mut self,
        metric: Metric,
        values: impl Iterator<Item = ([(&'static str, String); N], u64)>,
    ) -> fmt::Result {
        let mut family = self.metric(metric, MetricType::Gauge)?;
        for (labels, value) in values {
            ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn counters<const N: usize>(
        &mut self,
        metric: Metric,
        values: impl Iterator<Item = ([(&'static str, String); N], u64)>,
    ) -> fmt::Result {
        let mut family = self.metric(metric, MetricType::Counter)?;
        for (labels, value) in values {
            ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standing::sample;

    #[test]
    fn a_snapshot_is_told_whole() {
        let text = text(&sample());
        for line in [
            concat!("move37_build_info{service=\"memory\",version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
            "move37_live 1",
            "move37_starts_over_total 1",
            "move37_owned_partitions 2",
            "move37_open_campaigns 3",
            "move37_failures 1",
            "move37_inputs_decided_total 9",
            "move37_facts_appended_total 5",
            "move37_races_lost_total 2",
            "move37_records_dropped_total{reason=\"duplicate\"} 4",
            "move37_records_parked_total 6",
            "move37_effects_owed 7",
            "move37_inputs_held 8",
            "move37_lag_records{topic=\"move37.trainer\",partition=\"4\"} 11",
            "move37_decision_seconds_sum 0.5",
            "move37_decision_seconds_count 3",
            "move37_decision_seconds_bucket{le=\"0.1\"} 2",
            "move37_decision_seconds_bucket{le=\"+Inf\"} 3",
            "# EOF",
        ] {
            assert!(text.lines().any(|told| told == line), "{line} is missing in\n{text}");
        }
        let helps = text.lines().filter(|line| line.starts_with("# HELP")).count();
        assert_eq!(helps, text.lines().filter(|line| line.starts_with("# TYPE")).count());
    }
}
