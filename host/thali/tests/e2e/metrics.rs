//! What a scrape has, docs/metrics.md says, and the dashboard and the alerts of `deploy/` ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::support::{TestHost, an_order, component, eventually, with_version};

/// The labels of every metric, by the name of its samples.
type Known = BTreeMap<String, BTreeSet<String>>;

/// What Prometheus adds to every sample, and to buckets.
const ADDED: [&str; 3] = ["job", "instance", "le"];

fn file(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(path)).unwrap()
}

fn scrape(host: &TestHost, accept: &str) -> (String, String) {
    let url = format!("http://{}/metrics", host.admin_address());
    let mut answer = ureq::get(url).header("accept", accept).call().unwrap();
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    (kind, answer.body_mut().read_to_string().unwrap())
}

/// The labels of a sample, without its values, which may have anything in them but quotation marks.
fn labels_of(sample: &str) -> BTreeSet<String> {
    let Some((_, labels)) = sample.split_once('{') else { return BTreeSet::new() };
    let names = labels.split('"').step_by(2).filter_map(|part| part.strip_suffix('='));
    names.map(|name| name.trim_start_matches([',', '{']).to_owned()).collect()
}

/// What a scrape in the older format has.
fn scraped(text: &str) -> Known {
    let mut known = Known::new();
    let mut metric = String::new();
    for line in text.lines() {
        if let Some(declared) = line.strip_prefix("# TYPE ") {
            metric = declared.split(' ').next().unwrap().to_owned();
            assert!(known.insert(metric.clone(), BTreeSet::new()).is_none(), "{metric} twice");
        } else if !line.starts_with('#') {
            assert!(line.starts_with(&metric), "{line} is no sample of {metric}");
            let labels = labels_of(line).into_iter().filter(|label| label != "le");
            known.get_mut(&metric).unwrap().extend(labels);
        }
    }
    known
}

/// What the tables of docs/metrics.md have.
fn documented() -> Known {
    let page = file("docs/metrics.md");
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let name = cells.next()?.strip_suffix('`')?.to_owned();
        let labels = cells.nth(1)?.split('`').skip(1).step_by(2).map(str::to_owned);
        Some((name, labels.collect()))
    });
    rows.collect()
}

/// Names of metrics, and of labels, in an expression.
fn asked(expression: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut labels = BTreeSet::new();
    let mut rest = String::new();
    for (at, part) in expression.split(['{', '}']).enumerate() {
        match at % 2 {
            0 => rest.push_str(part),
            _ => labels.extend(part.split('"').step_by(2).map(|label| {
                label.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_').to_owned()
            })),
        }
    }
    for by in rest.split(" by (").skip(1) {
        labels
            .extend(by.split(')').next().unwrap().split(',').map(|label| label.trim().to_owned()));
    }
    labels.remove("");
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = rest.split(|c: char| !is_word(c));
    let names = words.filter(|word| word.starts_with("thali_") || word.starts_with("process_"));
    (names.map(str::to_owned).collect(), labels)
}

/// Every expression of the dashboard, with the labels that its legend shows.
fn of_the_dashboard(value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(object) => {
            for key in ["expr", "query", "definition"] {
                if let Some(Value::String(text)) = object.get(key) {
                    let legend = object.get("legendFormat").and_then(Value::as_str);
                    found.push((text.clone(), legend.unwrap_or_default().to_owned()));
                }
            }
            object.values().for_each(|value| of_the_dashboard(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| of_the_dashboard(value, found)),
        _ => {}
    }
}

/// The expressions of the alerts, each with the text of its alert, whose words name labels as well.
fn of_the_alerts() -> Vec<(String, String)> {
    let text = file("deploy/grafana/alerts.yaml");
    let alerts = text.split("- alert: ").skip(1);
    let parts = alerts.map(|alert| {
        let (_, expression) = alert.split_once("expr: >-\n").unwrap();
        let lines = expression.lines().take_while(|line| line.starts_with("          "));
        let expression: Vec<_> = lines.map(str::trim).collect();
        (expression.join(" "), alert.replace("$labels.", " ").replace('$', ""))
    });
    parts.collect()
}

/// `{{service}}`
fn shown(text: &str) -> impl Iterator<Item = &str> {
    let inside = text.split("{{").skip(1).filter_map(|part| part.split("}}").next());
    inside.map(|inside| inside.split('|').next().unwrap().trim()).filter(|name| *name != "value")
}

fn check(known: &Known, expression: &str, text: &str) {
    let (names, labels) = asked(expression);
    let mut has: BTreeSet<&str> = ADDED.into();
    for name in &names {
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
        let found = known.get(name).or_else(|| known.get(family?));
        let found = found.unwrap_or_else(|| panic!("{name} is not in the scrape: {expression}"));
        has.extend(found.iter().map(String::as_str));
    }
    for label in labels.iter().map(String::as_str).chain(shown(text)) {
        assert!(has.contains(label), "{label} is a label of none of {names:?}: {expression}");
    }
}

/// A host on which everything happened once.
fn busy_host() -> TestHost {
    let host = TestHost::with_all_services();
    assert_eq!(host.get("/api/v1/restaurants/1/menu").status, 200);
    assert_eq!(host.post("/api/v1/orders", &an_order()).status, 201);
    assert_eq!(host.get("/api/v1/nothing").status, 404);
    let canary = with_version(&component("restaurants"), "9.0.0");
    assert_eq!(host.admin_post("/services?canary=10", &canary).status, 201);
    eventually("the order's events are delivered", || {
        let (_, text) = scrape(&host, "text/plain");
        let done = text.lines().find(|line| {
            line.starts_with("thali_event_deliveries_total{publisher=\"orders\"")
                && line.contains("outcome=\"done\"")
                && !line.ends_with(" 0")
        });
        done.map(drop)
    });
    host
}

#[test]
fn what_is_scraped_is_documented_and_what_is_asked_for_is_there() {
    let host = busy_host();
    let (kind, text) = scrape(&host, "text/plain");
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    let scraped = scraped(&text);
    let documented = documented();
    for (name, labels) in &scraped {
        let page = documented.get(name);
        let page = page.unwrap_or_else(|| panic!("docs/metrics.md does not have {name}"));
        assert_eq!(page, labels, "the labels of {name} in docs/metrics.md, and in the scrape");
    }
    for name in documented.keys() {
        assert!(scraped.contains_key(name), "docs/metrics.md has {name}, which no host tells");
    }

    let dashboard: Value = serde_json::from_str(&file("deploy/grafana/thali.json")).unwrap();
    let mut expressions = Vec::new();
    of_the_dashboard(&dashboard, &mut expressions);
    let of_names = |(text, _): &&(String, String)| !asked(text).0.is_empty();
    assert!(expressions.iter().filter(of_names).count() > 60, "{}", expressions.len());
    let alerts = of_the_alerts();
    assert!(alerts.len() > 20, "{}", alerts.len());
    for (expression, text) in expressions.iter().filter(of_names).chain(&alerts) {
        // `label_values(metric, label)`
        match expression.strip_prefix("label_values(") {
            Some(values) => {
                let (metric, label) = values.rsplit_once(", ").unwrap();
                check(&scraped, metric, &format!("{{{{{}}}}}", label.trim_end_matches(')')));
            }
            None => check(&scraped, expression, text),
        }
    }
}

#[test]
fn a_sampled_request_is_an_exemplar_of_its_bucket() {
    let host = TestHost::with_services();
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let url = format!("http://{}/api/v1/restaurants/1/menu", host.gateway_address());
    let answer = ureq::get(url).header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"));
    assert_eq!(answer.call().unwrap().status(), 200);
    let (kind, text) = scrape(&host, "application/openmetrics-text;version=1.0.0,text/plain;q=0.1");
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    let exemplar = format!(" # {{trace_id=\"{trace}\"}} ");
    let with: Vec<_> = text.lines().filter(|line| line.contains(&exemplar)).collect();
    assert_eq!(with.len(), 1, "{with:?}");
    assert!(with[0].starts_with("thali_request_duration_seconds_bucket{service=\"restaurants\""));
    assert!(text.ends_with("# EOF\n"));
    assert!(!scrape(&host, "text/plain").1.contains(trace), "the older format has no exemplars");
}
