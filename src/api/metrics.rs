//! `/v1/agent/metrics`: numbers of the last finished interval as JSON, and running totals in Prometheus' text format (version 0.0.4).

use super::json::Layout;
use crate::model::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// How long an interval is.
pub const INTERVAL: Duration = Duration::from_secs(10);
/// The quantiles told of samples.
pub const QUANTILES: [f64; 3] = [0.5, 0.9, 0.99];

/// What the names of all series have in front.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// What every name begins with.
    pub prefix: &'a str,
    /// What the name of a gauge has after it in JSON.
    pub hostname: Option<&'a str>,
}

impl Names<'_> {
    fn of_gauge(&self, name: &str) -> String {
        match self.hostname {
            Some(host) => format!("{}.{host}.{name}", self.prefix),
            None => self.of_sum(name),
        }
    }

    fn of_sum(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }

    fn of_prometheus(&self, name: &str) -> String {
        let legal = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
        format!("{}_{name}", self.prefix).chars().map(legal).collect()
    }
}

/// A named series of numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Its name without the prefix, parts separated by dots: `raft.apply`.
    pub name: String,
    /// What tells it from others of its name.
    pub labels: BTreeMap<String, String>,
    /// Its numbers.
    pub reading: Reading,
}

/// What is known of a series.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// How much it is now.
    Gauge(f64),
    /// How often something happened.
    Counter(Totals),
    /// How much something took each time.
    Sample(Totals),
}

/// Numbers that were added up.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Totals {
    /// Of the last finished interval.
    pub interval: Sum,
    /// How many since the start.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The values of [`QUANTILES`], of late; not a number without any.
    pub quantiles: [f64; 3],
}

/// Numbers added up.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sum {
    /// How many.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub squares: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Sum {
    /// Adds one number.
    pub fn add(&mut self, value: f64) {
        (self.min, self.max) = if self.count == 0 { (value, value) } else { (self.min.min(value), self.max.max(value)) };
        self.count += 1;
        self.sum += value;
        self.squares += value * value;
    }

    fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / self.count as f64 }
    }

    /// The deviation of the sample.
    fn deviation(&self) -> f64 {
        let count = self.count as f64;
        if self.count < 2 { 0.0 } else { ((self.squares - self.sum * self.sum / count).max(0.0) / (count - 1.0)).sqrt() }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document<'a> {
    timestamp: String,
    gauges: Vec<GaugeShape<'a>>,
    points: [(); 0],
    counters: Vec<SumShape<'a>>,
    samples: Vec<SumShape<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GaugeShape<'a> {
    name: String,
    value: f64,
    labels: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SumShape<'a> {
    name: String,
    count: u64,
    rate: f64,
    sum: f64,
    min: f64,
    max: f64,
    mean: f64,
    stddev: f64,
    labels: &'a BTreeMap<String, String>,
}

/// The JSON document of the interval that ended at or before `now`.
pub fn to_json(layout: Layout, now: Timestamp, names: &Names<'_>, metrics: &[Metric]) -> Vec<u8> {
    let interval = INTERVAL.as_secs();
    let ended = now.as_unix_nanos() / 1_000_000_000 / interval * interval;
    let timestamp = format!("{} +0000 UTC", super::date::date_and_time(ended));
    let mut document = Document { timestamp, gauges: vec![], points: [], counters: vec![], samples: vec![] };
    for Metric { name, labels, reading } in metrics {
        let sum = |totals: &Totals| sum_shape(names.of_sum(name), labels, &totals.interval);
        match reading {
            Reading::Gauge(value) => document.gauges.push(GaugeShape { name: names.of_gauge(name), value: *value, labels }),
            Reading::Counter(totals) if totals.interval.count > 0 => document.counters.push(sum(totals)),
            Reading::Sample(totals) if totals.interval.count > 0 => document.samples.push(sum(totals)),
            Reading::Counter(_) | Reading::Sample(_) => {}
        }
    }
    super::json::to_vec(layout, &document)
}

fn sum_shape<'a>(name: String, labels: &'a BTreeMap<String, String>, sum: &Sum) -> SumShape<'a> {
    let rate = sum.sum / INTERVAL.as_secs_f64();
    SumShape { name, count: sum.count, rate, sum: sum.sum, min: sum.min, max: sum.max, mean: sum.mean(), stddev: sum.deviation(), labels }
}

/// The Prometheus text. Series of one name must stand together; each name is declared where it first comes.
pub fn to_prometheus(names: &Names<'_>, metrics: &[Metric]) -> String {
    let mut out = String::new();
    let mut declared = String::new();
    for Metric { name, labels, reading } in metrics {
        let name = names.of_prometheus(name);
        let kind = match reading {
            Reading::Gauge(_) => "gauge",
            Reading::Counter(_) => "counter",
            Reading::Sample(_) => "summary",
        };
        if declared != name {
            _ = writeln!(out, "# HELP {name} {name}\n# TYPE {name} {kind}");
            declared.clone_from(&name);
        }
        match reading {
            Reading::Gauge(value) => line(&mut out, &name, labels, None, *value),
            Reading::Counter(totals) => line(&mut out, &name, labels, None, totals.sum),
            Reading::Sample(totals) => {
                for (quantile, value) in QUANTILES.iter().zip(totals.quantiles) {
                    line(&mut out, &name, labels, Some(*quantile), value);
                }
                line(&mut out, &format!("{name}_sum"), labels, None, totals.sum);
                line(&mut out, &format!("{name}_count"), labels, None, totals.count as f64);
            }
        }
    }
    out
}

fn line(out: &mut String, name: &str, labels: &BTreeMap<String, String>, quantile: Option<f64>, value: f64) {
    out.push_str(name);
    let quantile = quantile.map(|quantile| ("quantile".to_owned(), quantile.to_string()));
    let mut open = '{';
    for (label, text) in labels.iter().chain(quantile.as_ref().map(|(label, text)| (label, text))) {
        let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        _ = write!(out, "{open}{label}=\"{text}\"");
        open = ',';
    }
    if open == ',' {
        out.push('}');
    }
    _ = writeln!(out, " {value}");
}

#[cfg(test)]
mod tests {
    use super::{Metric, Names, Reading, Sum, Totals, to_json, to_prometheus};
    use crate::api::json::Layout;
    use crate::model::Timestamp;
    use std::collections::BTreeMap;

    const PLAIN: Names<'_> = Names { prefix: "consul", hostname: None };

    fn metrics() -> Vec<Metric> {
        let mut interval = Sum::default();
        for value in [2.0, 4.0, 9.0] {
            interval.add(value);
        }
        let totals = Totals { interval, count: 4, sum: 16.0, quantiles: [4.0, 9.0, 9.0] };
        let labels = BTreeMap::from([("method".to_owned(), "GET".to_owned()), ("path".to_owned(), "v1_\"kv\"_".to_owned())]);
        vec![
            Metric { name: "raft.peers".to_owned(), labels: BTreeMap::new(), reading: Reading::Gauge(3.0) },
            Metric { name: "rpc.query".to_owned(), labels: BTreeMap::new(), reading: Reading::Counter(Totals::default()) },
            Metric { name: "api.http".to_owned(), labels, reading: Reading::Sample(totals) },
        ]
    }

    #[test]
    fn json_tells_of_the_last_finished_interval() {
        let text =
            String::from_utf8(to_json(Layout::Compact, Timestamp::from_unix_nanos(1_609_459_219_500_000_000), &PLAIN, &metrics())).unwrap();
        let want = r#"{"Timestamp":"2021-01-01 00:00:10 +0000 UTC","Gauges":[{"Name":"consul.raft.peers","Value":3,"Labels":{}}],"Points":[],"Counters":[],"Samples":[{"Name":"consul.api.http","Count":3,"Rate":1.5,"Sum":15,"Min":2,"Max":9,"Mean":5,"Stddev":3.605551275463989,"Labels":{"method":"GET","path":"v1_\"kv\"_"}}]}"#;
        assert_eq!(text, want);
    }

    #[test]
    fn the_host_is_in_the_names_of_gauges_in_json_alone() {
        let names = Names { prefix: "m-1", hostname: Some("box") };
        let json = String::from_utf8(to_json(Layout::Compact, Timestamp::default(), &names, &metrics())).unwrap();
        assert!(json.contains(r#""m-1.box.raft.peers""#) && json.contains(r#""m-1.api.http""#), "{json}");
        let text = to_prometheus(&names, &metrics());
        assert!(text.contains("\nm_1_raft_peers 3\n") && !text.contains("box"), "{text}");
    }

    #[test]
    fn prometheus_gets_totals_and_quantiles() {
        let want = "\
# HELP consul_raft_peers consul_raft_peers
# TYPE consul_raft_peers gauge
consul_raft_peers 3
# HELP consul_rpc_query consul_rpc_query
# TYPE consul_rpc_query counter
consul_rpc_query 0
# HELP consul_api_http consul_api_http
# TYPE consul_api_http summary
consul_api_http{method=\"GET\",path=\"v1_\\\"kv\\\"_\",quantile=\"0.5\"} 4
consul_api_http{method=\"GET\",path=\"v1_\\\"kv\\\"_\",quantile=\"0.9\"} 9
consul_api_http{method=\"GET\",path=\"v1_\\\"kv\\\"_\",quantile=\"0.99\"} 9
consul_api_http_sum{method=\"GET\",path=\"v1_\\\"kv\\\"_\"} 16
consul_api_http_count{method=\"GET\",path=\"v1_\\\"kv\\\"_\"} 4
";
        assert_eq!(to_prometheus(&PLAIN, &metrics()), want);
    }
}
