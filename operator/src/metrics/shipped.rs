//! What the chart ships about metrics: every name in alerts and dashboard is one that operator or nodes expose, and the form of the
//! alerts that Azure takes is made from the plain one. `UPDATE_GOLDEN=1` writes it.

use chain::metrics::{CATALOGUE, Kind};
use serde_json::{Value, json};
use std::{collections::BTreeSet, path::PathBuf};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../charts/quorate/files").join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(file(name)).expect("a file of the chart")
}

fn series(name: &str, kind: &str) -> Vec<String> {
    let suffixes: &[&str] = match kind {
        "counter" => &["_total"],
        "histogram" => &["_bucket", "_sum", "_count"],
        _ => &[""],
    };
    suffixes.iter().map(|suffix| format!("{name}{suffix}")).collect()
}

fn exposed() -> BTreeSet<String> {
    let kind = |kind| match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    let nodes = CATALOGUE.iter().flat_map(|metric| series(metric.name, kind(metric.kind)));
    let text = super::tests::full();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let operator: Vec<_> = types.flat_map(|(name, kind)| series(name, kind)).collect();
    nodes.chain(operator).collect()
}

/// Words that begin as our metrics do; labels made of pod labels (`quorate_dev_…`) are none.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| word.starts_with("quorate_") && !word.starts_with("quorate_dev_"))
        .map(ToOwned::to_owned)
        .collect()
}

#[test]
fn every_metric_in_alerts_and_dashboard_is_exposed_by_operator_or_nodes() {
    let exposed = exposed();
    for name in ["alerts.yaml", "dashboard.json"] {
        let named = named(&read(name));
        assert!(named.len() > 8, "{name}: {named:?}");
        let unknown: Vec<_> = named.difference(&exposed).collect();
        assert!(unknown.is_empty(), "{name} names {unknown:?}, which nobody exposes");
    }
}

#[test]
fn every_alert_says_what_it_means_and_where_its_runbook_is() {
    let rules: Value = serde_saphyr::from_str(&read("alerts.yaml")).expect("YAML");
    let runbooks = std::fs::read_to_string(file("../../../docs/monitoring.md")).expect("docs/monitoring.md");
    for rule in rules["groups"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|group| group["rules"].as_array())
        .flatten()
    {
        let name = rule["alert"].as_str().expect("a name");
        assert!(runbooks.contains(&format!("\n### {name}\n")), "docs/monitoring.md has no section {name}");
        let url = rule["annotations"]["runbook_url"].as_str().unwrap_or_default();
        assert!(url.ends_with(&format!("#{}", name.to_lowercase())), "{name}: {url}");
        assert!(
            ["critical", "warning"].contains(&rule["labels"]["severity"].as_str().unwrap_or_default()),
            "{name}"
        );
    }
}

/// One resource per group: type and fields of Microsoft.AlertsManagement/prometheusRuleGroups, 2023-03-01.
fn azure(rules: &Value) -> Value {
    let groups = rules["groups"].as_array().into_iter().flatten().map(|group| {
        json!({
            "type": "Microsoft.AlertsManagement/prometheusRuleGroups", "apiVersion": "2023-03-01",
            "name": group["name"], "location": "[parameters('location')]",
            "properties": {
                "scopes": ["[parameters('azureMonitorWorkspace')]"], "clusterName": "[parameters('clusterName')]",
                "enabled": true, "interval": "PT1M",
                "rules": group["rules"].as_array().into_iter().flatten().map(azure_rule).collect::<Vec<_>>(),
            },
        })
    });
    let parameter = |text: &str| json!({ "type": "string", "metadata": { "description": text } });
    json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {
            "azureMonitorWorkspace": parameter("Resource id of the Azure Monitor workspace"),
            "location": parameter("Its region"),
            "clusterName": parameter("Name of the AKS cluster"),
            "actionGroup": parameter("Resource id of the action group that is told"),
        },
        "resources": groups.collect::<Vec<_>>(),
    })
}

fn azure_rule(rule: &Value) -> Value {
    let mut made = json!({
        "alert": rule["alert"], "expression": rule["expr"], "enabled": true,
        "severity": if rule["labels"]["severity"] == "critical" { 1 } else { 2 },
        "labels": rule["labels"], "annotations": rule["annotations"],
        "resolveConfiguration": { "autoResolved": true, "timeToResolve": "PT10M" },
        "actions": [{ "actionGroupId": "[parameters('actionGroup')]" }],
    });
    if let Some(wait) = rule["for"].as_str() {
        made["for"] = json!(format!("PT{}", wait.to_uppercase()));
    }
    made
}

#[test]
fn azure_takes_the_same_alerts_in_its_own_form() {
    let rules: Value = serde_saphyr::from_str(&read("alerts.yaml")).expect("YAML");
    let text = serde_json::to_string_pretty(&azure(&rules)).expect("JSON") + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(file("alerts.azure.json"), &text).expect("written");
    }
    assert!(
        read("alerts.azure.json") == text,
        "files/alerts.azure.json is not files/alerts.yaml; UPDATE_GOLDEN=1 writes it"
    );
}
