//! One member begins; another asks to join, is voted in and takes its seats.

use super::{Accounts, CHAIN_ID, LONG, Member};
use crate::patience::{Progress, with_progress};
use alloy_primitives::B256;
use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::time::Instant;

/// A network that has begun.
#[derive(Clone, Debug)]
pub struct Begun {
    /// Its genesis: what those who join trust.
    pub genesis: B256,
    /// The positions of each member so far, by alias.
    pub positions: Vec<(&'static str, Value)>,
}

/// `first` begins a network alone, with `seats` seats, and blocks come.
pub async fn begin(first: &Member, seats: u32, capacity: u32) -> Result<Begun> {
    let create = json!({
        "create": { "chainId": CHAIN_ID, "fleets": [first.alias], "blockPeriod": "2s", "capacity": capacity },
    });
    first.apply(&create, &json!({})).await?;
    first.fleet(seats).await?;
    let genesis = first.genesis().await?;
    first.seated(seats as usize).await?;
    first.blocks(1).await?;
    Ok(Begun { genesis, positions: vec![(first.alias, json!({}))] })
}

/// `newcomer` applies its two manifests, which name `publisher` as where the network is described; those in `voters` admit it by their manifests;
/// its nodes are seated. Returns its accounts, and the moment at which the last needed vote was in Git.
pub async fn join(
    begun: &mut Begun,
    newcomer: &Member,
    publisher: &Member,
    voters: &[&Member],
    (seats, capacity): (u32, u32),
) -> Result<(Accounts, Instant)> {
    let network = json!({ "join": { "genesisHash": begun.genesis, "networkInfo": [publisher.source()] } });
    newcomer.apply(&network, &json!({})).await?;
    newcomer.fleet(seats).await?;
    let accounts = newcomer.accounts().await?;
    let waiting = newcomer.says("Joined", "False", None).await?;
    println!("  {}: {waiting}", newcomer.alias);
    begun.positions.push((newcomer.alias, json!({})));
    let mut decided = Instant::now();
    for (done, voter) in voters.iter().enumerate() {
        let admission = json!({
            "address": accounts.admin, "alias": newcomer.alias, "capacity": capacity,
            "operator": accounts.operator, "memo": format!("{} joins", newcomer.alias),
        });
        decided = Instant::now();
        begun.decide(voter, "admit", admission).await?;
        voter.sign().await?;
        if done + 1 < voters.len() {
            awaited(newcomer, voter, voters[done + 1]).await?;
        }
    }
    newcomer.says("Joined", "True", None).await?;
    let voting = newcomer.seated(seats as usize).await?;
    ensure!(voting.len() == seats as usize, "{} seats of {}", voting.len(), newcomer.alias);
    Ok((accounts, decided))
}

/// The newcomer's own object names who has yet to vote, once `voter` has.
async fn awaited(newcomer: &Member, voter: &Member, missing: &Member) -> Result<()> {
    let what = format!("{}: {} has voted, {} is awaited", newcomer.alias, voter.alias, missing.alias);
    with_progress(&what, LONG, || async {
        let proposals = newcomer.consortium().await?["status"]["proposals"].clone();
        let names = |one: &Value| one["missing"].as_array().cloned().unwrap_or_default();
        let open = proposals.as_array().and_then(|all| all.iter().find(|one| names(one) == [missing.alias]));
        Ok(open.map_or_else(|| Progress::Waiting(format!("proposals: {proposals}")), |_| Progress::Done(())))
    })
    .await
}

impl Begun {
    /// Adds a line to a list of a member's positions; of one that is to go, the line that let it in is taken out.
    pub async fn decide(&mut self, member: &Member, list: &str, line: Value) -> Result<()> {
        if list == "expel" {
            // A manifest that wants a member in and out is refused: the line that once let it in goes.
            if let Some(admitted) = self.positions(member)["admit"].as_array_mut() {
                admitted.retain(|admit| admit["address"] != line["address"]);
            }
        }
        let mut lines = self.positions(member)[list].as_array().cloned().unwrap_or_default();
        lines.push(line);
        self.set(member, list, Value::Array(lines)).await
    }

    /// Sets a member's position.
    pub async fn set(&mut self, member: &Member, field: &str, value: Value) -> Result<()> {
        let positions = self.positions(member);
        positions[field] = value;
        let whole = positions.clone();
        member.vote(whole).await
    }

    fn positions(&mut self, member: &Member) -> &mut Value {
        let at = self.positions.iter().position(|(alias, _)| *alias == member.alias);
        let at = at.unwrap_or_else(|| {
            self.positions.push((member.alias, json!({})));
            self.positions.len() - 1
        });
        &mut self.positions[at].1
    }
}
