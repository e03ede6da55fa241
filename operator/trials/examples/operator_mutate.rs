//! Edits every field of both CRDs and watches what the operator makes of it (`make operator-mutate`).

use operator_trials::mutate::{
    report,
    run::{Options, run},
    tap::Plant,
};
use std::{collections::BTreeMap, path::PathBuf, process::ExitCode, str::FromStr, time::Duration};

/// An environment variable that is set to something.
fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn number<T: FromStr>(name: &str) -> Result<Option<T>, String> {
    set(name).map(|text| text.parse().map_err(|_| format!("{name}={text}: write a number"))).transpose()
}

fn options() -> Result<Options, String> {
    let operator =
        set("OPERATOR").ok_or("OPERATOR= is the path of quorate-operator; make operator-mutate gives it")?;
    let plant = match set("PLANT").as_deref() {
        None => None,
        Some("lost-edit") => Some(Plant::LostEdit),
        Some("lost-status") => Some(Plant::LostStatus),
        Some(other) => return Err(format!("PLANT={other}: write lost-edit or lost-status")),
    };
    Ok(Options {
        operator: operator.into(),
        folder: PathBuf::from(set("FOLDER").unwrap_or_else(|| "target/bench".to_owned())),
        leaf: set("LEAF"),
        what: set("WHAT"),
        mutations: number("MUTATIONS")?,
        seed: number("SEED")?.unwrap_or(1),
        namespaces: number("NAMESPACES")?.unwrap_or(32),
        plant,
        silence: Duration::from_secs(number("SILENCE")?.unwrap_or(30)),
    })
}

#[tokio::main]
async fn main() -> ExitCode {
    let ended = match options() {
        Ok(options) => mutate(&options).await,
        Err(message) => Err(message),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("operator-mutate: {message}");
            ExitCode::from(2)
        }
    }
}

async fn mutate(options: &Options) -> Result<bool, String> {
    std::fs::create_dir_all(&options.folder)
        .map_err(|error| format!("{}: {error}", options.folder.display()))?;
    let outcome = run(options).await.map_err(|error| error.to_string())?;
    let violations = outcome.violations();
    println!("{}", report::table(&outcome.tried));
    for violation in &violations {
        println!("violation: {violation}");
    }
    for leaf in &outcome.unmutated {
        println!("not mutated: {leaf}");
    }
    let figures = BTreeMap::from([
        ("leaves", outcome.leaves as u64),
        ("unmutated", outcome.unmutated.len() as u64),
        ("mutations", outcome.mutations as u64),
        ("violations", violations.len() as u64),
    ]);
    let path = options.folder.join("operator-mutate.json");
    let text = report::json(&outcome.tried, &figures).to_string();
    std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    println!(
        "leaves={} mutations={} unmutated={} violations={}",
        outcome.leaves,
        outcome.mutations,
        outcome.unmutated.len(),
        violations.len()
    );
    match options.plant {
        None => Ok(violations.is_empty()),
        Some(plant) => {
            println!("planted {plant:?}: {}", if violations.is_empty() { "not found" } else { "found" });
            Ok(!violations.is_empty())
        }
    }
}
