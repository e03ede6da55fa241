//! A second region of a member: another namespace, another operator with an account of its own. Both share what the others grant
//! the member; each seats and unseats its own nodes only.

use alloy_primitives::Address;
use anyhow::{Context, Result, ensure};
use e2e::{
    members::{Begun, LONG, Member, seats},
    patience::{Progress, with_progress},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Seats of the first region, and of the member in all.
const FIRST: usize = 3;
const CAPACITY: usize = 4;

/// The second region comes by a line of the first one's manifest, scales and goes; the first one scales: no seat of the other is
/// touched.
pub(crate) async fn share_a_capacity_and_no_seat(
    begun: &mut Begun,
    first: &Member,
    publisher: &Member,
) -> Result<()> {
    let west = first.region("bank-b-west").await?;
    let others = seats(&first.rpc().await?).await? - FIRST;
    let network = json!({ "join": { "genesisHash": begun.genesis, "networkInfo": [publisher.source()] } });
    west.apply(&network, &Value::Null).await?;
    west.fleet(1).await?;
    let accounts = west.accounts().await?;
    ensure!(accounts.admin == first.accounts().await?.admin, "one member, one admin");
    ensure!(accounts.operator != first.accounts().await?.operator, "an account for each region");
    west.says("Joined", "True", None).await?;
    let words = ["spec.governance.operators", "to be signed"];
    let unknown = west.explains("its operator is not registered", &words).await?;
    println!("  {}: {unknown}", west.place);
    ensure!(asks_for(&west, accounts.operator).await?, "what the admin's holder could sign is not shown");
    let line = json!({ "address": accounts.operator, "memo": "west" });
    begun.set(first, "operators", json!([line])).await?;
    let western = west.seated_of(1, CAPACITY).await?;
    ensure!(west.to_sign().await?.is_empty(), "nothing is left to sign");
    let eastern = first.seated_of(FIRST, CAPACITY).await?;
    ensure!(places(first, &west).await? == BTreeSet::from([(1, 2), (2, 2)]), "regions take turns");
    // One capacity: the first region's fourth node would be the member's fifth seat.
    first.fleet(4).await?;
    let refused = first.explains("a fifth seat is refused", &["4 of the 4 seats"]).await?;
    println!("  {}: {refused}", first.place);
    // Down in the first region: its own last seat goes.
    first.fleet(2).await?;
    let left = first.seated_of(2, CAPACITY - 1).await?;
    ensure!(left.iter().all(|seat| eastern.contains(seat)), "another identity sits in {}", first.place);
    first.runs(2).await?;
    ensure!(west.seated_of(1, CAPACITY - 1).await? == western, "{} lost its seat", west.place);
    // The second region's fleet goes: with its seat, and no other.
    west.cluster.delete("Validator", west.place, LONG).await?;
    ensure!(first.seated_of(2, 2).await? == left, "{} lost a seat", first.place);
    first.fleet(3).await?;
    ensure!(first.seated(FIRST).await? == eastern, "an identity is lost that only gave its seat up");
    let total = seats(&first.rpc().await?).await?;
    ensure!(total == others + FIRST, "{total} seats, not {others} of the others and {FIRST}");
    begun.set(first, "operators", json!([])).await
}

/// The region's status shows the call by which its account would be registered.
async fn asks_for(region: &Member, operator: Address) -> Result<bool> {
    let asked = region.to_sign().await?;
    Ok(asked.iter().any(|one| one["what"].as_str().is_some_and(|what| what.contains(&operator.to_string()))))
}

/// Place and number of regions, as both say.
async fn places(first: &Member, second: &Member) -> Result<BTreeSet<(u64, u64)>> {
    let mut places = BTreeSet::new();
    for region in [first, second] {
        let what = format!("{}: its turns", region.place);
        let place = with_progress(&what, LONG, || async {
            let said = region.consortium().await?["status"]["member"]["region"].clone();
            let place = said["place"].as_u64().zip(said["of"].as_u64());
            Ok(place.map_or_else(|| Progress::Waiting("one region".to_owned()), Progress::Done))
        });
        places.insert(place.await.context(region.place)?);
    }
    Ok(places)
}
