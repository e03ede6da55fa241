//! A proposal that the others vote down: its line says so, and so do the events that kubectl shows.

use anyhow::{Context, Result, ensure};
use e2e::{
    members::{Begun, LONG, Member, NETWORK},
    patience::{Progress, with_progress},
};
use serde_json::json;
use std::{path::Path, process::Command};

/// `dreamer` wants more seats than the others grant it.
pub(crate) async fn told_to_everybody(begun: &mut Begun, dreamer: &Member, others: &[&Member]) -> Result<()> {
    let admin = dreamer.accounts().await?.admin;
    begun.decide(dreamer, "capacity", json!({ "address": admin, "capacity": 40, "memo": "more" })).await?;
    let id = with_progress(&format!("{}: the proposal is seen", others[0].place), LONG, || async {
        let proposals = others[0].consortium().await?["status"]["proposals"].clone();
        let wanted = proposals.as_array().and_then(|all| all.iter().find(|one| one["kind"] == "SetCapacity"));
        let id = wanted.and_then(|one| one["id"].as_i64());
        Ok(id.map_or_else(|| Progress::Waiting(format!("proposals: {proposals}")), Progress::Done))
    })
    .await?;
    for other in others {
        begun.set(other, "oppose", json!([id])).await?;
    }
    with_progress(&format!("{}: its line is rejected", dreamer.place), LONG, || async {
        let positions = dreamer.consortium().await?["status"]["positions"].clone();
        let line = positions.as_array().and_then(|all| all.iter().find(|one| one["proposal"] == id));
        let outvoted = line.is_some_and(|line| line["state"] == "Rejected" && line["reason"] == "Outvoted");
        Ok(if outvoted { Progress::Done(()) } else { Progress::Waiting(format!("positions: {positions}")) })
    })
    .await?;
    let (outcome, opened) = (format!("proposal {id} was outvoted"), format!("proposes ({id})"));
    shown(others[0], &[&opened, &outcome, "was carried out"]).await?;
    shown(dreamer, &[&outcome]).await?;
    for member in others {
        begun.set(member, "oppose", json!([])).await?;
    }
    begun.set(dreamer, "capacity", json!([])).await
}

/// Waits until `kubectl describe` of its `Consortium` shows all these words.
async fn shown(member: &Member, words: &[&str]) -> Result<()> {
    with_progress(&format!("{}: kubectl describe shows {words:?}", member.place), LONG, || async {
        let text = described(member.place)?;
        let missing: Vec<_> = words.iter().filter(|word| !text.contains(**word)).collect();
        Ok(if missing.is_empty() { Progress::Done(()) } else { Progress::Waiting(format!("no {missing:?}")) })
    })
    .await
}

fn described(namespace: &str) -> Result<String> {
    let kubectl = Path::new(env!("CARGO_MANIFEST_DIR")).join("cluster/kubectl");
    let arguments = ["-n", namespace, "describe", "consortium", NETWORK];
    let done = Command::new(kubectl).args(arguments).output().context("e2e/cluster/kubectl")?;
    ensure!(done.status.success(), "kubectl: {}", String::from_utf8_lossy(&done.stderr));
    let text = String::from_utf8(done.stdout).context("what kubectl describe says")?;
    // What the status says of a proposal is no event.
    Ok(text.split_once("\nEvents:").map(|(_, events)| events.to_owned()).unwrap_or_default())
}
