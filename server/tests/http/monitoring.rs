//! The alerts and the dashboard in `packaging`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

use serde_json::Value;

use crate::support::{PASSWORD, Server, document};

/// The folder of the repository.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Labels that Prometheus adds.
const ADDED: [&str; 2] = ["instance", "job"];

/// What the names of a histogram's series end with.
const HISTOGRAM: [&str; 3] = ["_bucket", "_count", "_sum"];

fn packaged(name: &str) -> String {
    let path = Path::new(ROOT).join("packaging").join(name);
    fs::read_to_string(path).expect("a file in packaging")
}

/// Metrics, with the names of their labels.
type Metrics = BTreeMap<String, BTreeSet<String>>;

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The metrics that a text names, with the labels that it selects.
fn named(text: &str) -> Metrics {
    let mut all = Metrics::new();
    for (start, _) in text.match_indices("latchkey_") {
        let text = &text[start..];
        let (name, rest) = text.split_at(text.find(|c| !is_of_name(c)).unwrap_or(text.len()));
        let labels = rest
            .strip_prefix('{')
            .and_then(|rest| rest.split('}').next());
        let labels = labels.into_iter().flat_map(|labels| labels.split(','));
        let labels = labels.filter_map(|label| label.trim().split(|c| !is_of_name(c)).next());
        let labels = labels.filter(|label| !label.is_empty());
        let series = HISTOGRAM
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix));
        let name = series.unwrap_or(name).to_owned();
        all.entry(name)
            .or_default()
            .extend(labels.map(str::to_owned));
    }
    all
}

/// The metrics of the running program, after requests of each kind.
fn of_the_program() -> Metrics {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    server.assert_valid(&pair);
    server.try_sign_in("ada@example.com", &PASSWORD[1..]);
    let metrics = server.metrics();
    let lines = metrics.text().lines();
    let lines: Vec<_> = lines.filter(|line| !line.starts_with('#')).collect();
    named(&lines.join("\n"))
}

/// All queries of the dashboard.
fn queries(part: &Value, found: &mut String) {
    match part {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(query) if ["expr", "query"].contains(&&**name) => {
                        found.push_str(query);
                        found.push('\n');
                    }
                    field => queries(field, found),
                }
            }
        }
        Value::Array(parts) => parts.iter().for_each(|part| queries(part, found)),
        _ => {}
    }
}

/// The names between backticks in the first column of a table.
fn first_column(document: &str, start: &str) -> BTreeSet<String> {
    let rows = document.lines().filter(|line| line.starts_with(start));
    let columns = rows.filter_map(|row| row.split('|').nth(1));
    let names = columns.flat_map(|column| column.split('`').skip(1).step_by(2));
    let names = names.filter_map(|name| name.split('{').next());
    names.map(str::to_owned).collect()
}

#[test]
fn the_alerts_and_the_dashboard_use_metrics_of_the_program() {
    let metrics = of_the_program();
    let mut of_dashboard = String::new();
    let dashboard = packaged("grafana.json");
    let dashboard: Value = serde_json::from_str(&dashboard).expect("the dashboard is JSON");
    queries(&dashboard, &mut of_dashboard);
    for (file, text) in [
        ("alerts.yaml", packaged("alerts.yaml")),
        ("grafana.json", of_dashboard),
    ] {
        let used = named(&text);
        assert!(used.len() > 8, "{file}: {used:?}");
        for (name, labels) in used {
            let known = metrics.get(&name);
            let known = known.unwrap_or_else(|| panic!("{file}: there is no metric {name}"));
            for label in labels {
                let is_known = known.contains(&label) || ADDED.contains(&&*label);
                assert!(is_known, "{file}: {name} has no label {label}");
            }
        }
    }
    let documented = first_column(&document("operations.md"), "| `latchkey_");
    let names: BTreeSet<_> = metrics.into_keys().collect();
    assert_eq!(documented, names);
}

#[test]
fn each_alert_is_explained() {
    let alerts = packaged("alerts.yaml");
    let names = alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    let names: BTreeSet<_> = names.map(str::to_owned).collect();
    assert!(names.len() > 10, "{names:?}");
    assert_eq!(
        first_column(&document("operations.md"), "| `Latchkey"),
        names
    );
}

#[test]
fn the_alerts_fire_when_they_should() {
    for arguments in [
        ["check", "rules", "packaging/alerts.yaml"],
        ["test", "rules", "server/tests/http/alerts.test.yaml"],
    ] {
        let output = Command::new("promtool")
            .current_dir(ROOT)
            .args(arguments)
            .output()
            .expect("promtool, which scripts/tools installs");
        assert!(output.status.success(), "{output:?}");
    }
}
