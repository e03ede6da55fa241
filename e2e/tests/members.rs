//! `e2e/members`: several members, each with a namespace and an operator that sees nothing else, from the first block to the
//! expulsion of one that left and of one that is outvoted, with a second region, a load balancer for peers and an admin whose key is
//! held elsewhere; `latency`: how soon an admitted member votes.

#[path = "members/outside.rs"]
mod outside;
#[path = "members/outvoted.rs"]
mod outvoted;
#[path = "members/regions.rs"]
mod regions;

use alloy_primitives::Address;
use anyhow::{Context, Result, ensure};
use e2e::{
    account::Account,
    members::{Begun, CHAIN_ID, LONG, Member, begin, join, seats, snapshot, votes},
    patience::{Progress, with_progress},
    rpc::Rpc,
};
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::Pod,
};
use kube::{
    Api,
    api::{DeleteParams, ListParams},
};
use serde_json::json;
use std::process::ExitCode;

/// Blocks after which a period that was voted on must show.
const PERIOD_BLOCKS: u64 = 6;

#[tokio::main]
async fn main() -> ExitCode {
    let told = match std::env::args().nth(1).as_deref() {
        Some("latency") => latency().await,
        Some("story") | None => story().await,
        Some(other) => Err(anyhow::anyhow!("{other} is neither story nor latency")),
    };
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn story() -> Result<()> {
    let (a, b) = (Member::connect("bank-a").await?, Member::connect("bank-b").await?);
    let c = Member::connect("bank-c").await?.dialled_from(&outside::ranges()?);
    let holder = Account::from_seed("the admin of bank-d", CHAIN_ID)?;
    let d = Member::connect("bank-d").await?.signed_by(holder);
    let mut begun = begin(&a, 2, 4).await?;
    join(&mut begun, &b, &a, &[&a], (3, 4)).await?;
    join(&mut begun, &c, &a, &[&a, &b], (2, 3)).await?;
    ensure!(seats(&b.rpc().await?).await? == 7, "seven seats");
    outside::dialled_at_a_load_balancer_that_moves(&c, &b).await?;
    within_capacity_and_not_above(&b, &c).await?;
    faster_blocks(&mut begun, &[&a, &b], &c).await?;
    outvoted::told_to_everybody(&mut begun, &c, &[&a, &b]).await?;
    regions::share_a_capacity_and_no_seat(&mut begun, &b, &a).await?;
    gone_for_good(&a).await?;
    go_on_without(&mut begun, &a, &b, &c).await?;
    // The one that is gone published the network info that the others joined by; bank-b's serves as well.
    join(&mut begun, &d, &b, &[&b, &c], (2, 2)).await?;
    expelled(&mut begun, &c, &[&b, &d]).await?;
    let rpc = b.rpc().await?;
    for vote in votes(&rpc).await? {
        println!("  {vote}");
    }
    let (members, seats) = (snapshot(&rpc).await?.members.len(), seats(&rpc).await?);
    println!("members={members} seats={seats}");
    Ok(())
}

/// bank-c may hold three seats: the third comes, the fourth does not, and the object says why.
async fn within_capacity_and_not_above(b: &Member, c: &Member) -> Result<()> {
    c.fleet(3).await?;
    c.seated(3).await?;
    c.fleet(4).await?;
    let refused = c.explains("the fourth seat is refused", &["capacity", "3"]).await?;
    println!("  bank-c: {refused}");
    ensure!(seats(&b.rpc().await?).await? == 8, "a seat above capacity was given");
    c.fleet(3).await?;
    c.runs(3).await?;
    c.seated(3).await.map(drop)
}

/// Two of three members vote for a block each second; no node is restarted.
async fn faster_blocks(begun: &mut Begun, voters: &[&Member], witness: &Member) -> Result<()> {
    let pods = pods(witness).await?;
    for voter in voters {
        begun.set(voter, "parameters", json!({ "blockPeriod": "1s", "memo": "faster" })).await?;
    }
    let rpc = witness.rpc().await?;
    with_progress("a block each second", LONG, || async {
        let head = rpc.block_number().await?;
        let mut times = Vec::new();
        for number in head.saturating_sub(PERIOD_BLOCKS)..=head {
            times.push(timestamp(&rpc, number).await?);
        }
        let gaps: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        Ok(if gaps.iter().all(|gap| *gap == 1) {
            Progress::Done(())
        } else {
            Progress::Waiting(format!("gaps of the last blocks: {gaps:?} s"))
        })
    })
    .await?;
    ensure!(pods == self::pods(witness).await?, "a pod was replaced by a change of the block period");
    Ok(())
}

/// Operator and nodes of a member end at once, as when its cluster burns down.
async fn gone_for_good(member: &Member) -> Result<()> {
    let operators: Api<Deployment> =
        Api::namespaced(member.cluster.client.clone(), &format!("{}-operator", member.alias));
    operators.delete("quorate-operator", &DeleteParams::background()).await.context("operator")?;
    let running: Api<Pod> =
        Api::namespaced(member.cluster.client.clone(), operators.namespace().unwrap_or(""));
    with_progress(&format!("{}: its operator ends", member.alias), LONG, || async {
        let left = running.list(&ListParams::default()).await?.items.len();
        Ok(if left == 0 { Progress::Done(()) } else { Progress::Waiting(format!("{left} pods of it run")) })
    })
    .await?;
    let sets: Api<StatefulSet> = member.cluster.core();
    for set in sets.list(&ListParams::default()).await? {
        sets.delete(&set.metadata.name.context("name")?, &DeleteParams::background()).await?;
    }
    with_progress(&format!("{}: its nodes are gone", member.alias), LONG, || async {
        let left = member.cluster.fleet_pods(member.alias).await?;
        Ok(if left.is_empty() { Progress::Done(()) } else { Progress::Waiting(format!("{left:?}")) })
    })
    .await
}

/// The others go on and vote it out; its seats go with it.
async fn go_on_without(begun: &mut Begun, gone: &Member, b: &Member, c: &Member) -> Result<()> {
    b.blocks(3).await?;
    let rpc = b.rpc().await?;
    let admin = snapshot(&rpc).await?.members[0].admin;
    for voter in [b, c] {
        begun.decide(voter, "expel", json!({ "address": admin, "memo": "gone" })).await?;
    }
    removed(&rpc, gone.alias, 2).await?;
    ensure!(seats(&rpc).await? == 6, "the seats of {} are still there", gone.alias);
    b.blocks(3).await.map(drop)
}

/// A member is voted out by the others while it runs: its seats are gone, and its own object says so.
async fn expelled(begun: &mut Begun, out: &Member, voters: &[&Member]) -> Result<()> {
    let admin = out.accounts().await?.admin;
    for voter in voters {
        begun.decide(voter, "expel", json!({ "address": admin, "memo": "outvoted" })).await?;
        voter.sign().await?;
    }
    removed(&voters[0].rpc().await?, out.alias, 2).await?;
    let said = out.says("Joined", "False", None).await?;
    println!("  {}: {said}", out.alias);
    voters[0].blocks(3).await.map(drop)
}

async fn removed(rpc: &Rpc, alias: &str, left: usize) -> Result<()> {
    with_progress(&format!("{alias} is no member any more"), LONG, || async {
        let snapshot = snapshot(rpc).await?;
        let open: Vec<_> = snapshot.proposals.iter().map(|one| (one.id, one.countFor)).collect();
        Ok(if snapshot.members.len() == left {
            Progress::Done(())
        } else {
            Progress::Waiting(format!(
                "{} members, votes for open proposals: {open:?}",
                snapshot.members.len()
            ))
        })
    })
    .await
}

/// From the block that has the deciding vote to the first vote of the newcomer's first node, which was synced before.
async fn latency() -> Result<()> {
    let (a, b) = (Member::connect("bank-a").await?, Member::connect("bank-b").await?);
    let mut begun = begin(&a, 4, 4).await?;
    let network = json!({ "join": { "genesisHash": begun.genesis, "networkInfo": [a.source()] } });
    b.apply(&network, &json!({})).await?;
    b.fleet(1).await?;
    let accounts = b.accounts().await?;
    let rpc = a.rpc().await?;
    let synced = with_progress("bank-b: its node is synced", LONG, || async {
        let (fleet, head) = (b.validator().await?, rpc.block_number().await?);
        let node = fleet["status"]["nodes"][0].clone();
        let at = b.rpc().await?.block_number().await?;
        let waits = node["phase"] == "AwaitingSeat" && at + 1 >= head;
        let said = format!("{}, block {at} of {head}", node["phase"]);
        Ok(if waits { Progress::Done(node) } else { Progress::Waiting(said) })
    })
    .await?;
    let identity: Address = synced["address"].as_str().context("identity")?.parse()?;
    a.cluster.admit_this_machine().await?;
    let admission = json!({
        "address": accounts.admin, "alias": b.alias, "capacity": 1, "operator": accounts.operator, "memo": "join",
    });
    begun.decide(&a, "admit", admission).await?;
    with_progress("the vote is cast", LONG, || async {
        let cast = votes(&rpc).await?.len();
        Ok(if cast > 0 { Progress::Done(()) } else { Progress::Waiting("not yet".to_owned()) })
    })
    .await?;
    let seconds = measured(&rpc, &a, identity).await?;
    b.seated(1).await?;
    println!("join-seconds={seconds}");
    ensure!(seconds <= 10, "more than ten seconds");
    Ok(())
}

/// Seconds by the blocks' timestamps: from that with the deciding vote to the first height at which another member's node hears
/// the newcomer vote. Not by the seals of blocks: those are the fastest ones only.
async fn measured(rpc: &Rpc, witness: &Member, identity: Address) -> Result<u64> {
    let vote = votes(rpc).await?.last().map(|vote| vote.block).context("no vote")?;
    let heard = with_progress("its first vote is heard", LONG, || async {
        let status = witness.node(0).await?;
        let seat = status.seats.iter().find(|seat| seat.address == identity && seat.height > 0);
        Ok(seat.map_or_else(
            || Progress::Waiting(format!("{} seats, block {}", status.seats.len(), status.head.number)),
            |seat| Progress::Done(seat.height),
        ))
    })
    .await?;
    println!("  vote in block {vote}, first heard at height {heard}");
    with_progress("that block", LONG, || async {
        let head = rpc.block_number().await?;
        Ok(if head >= heard { Progress::Done(()) } else { Progress::Waiting(format!("height {head}")) })
    })
    .await?;
    Ok(timestamp(rpc, heard).await? - timestamp(rpc, vote).await?)
}

async fn timestamp(rpc: &Rpc, number: u64) -> Result<u64> {
    let block = rpc.block(number).await?.with_context(|| format!("block {number}"))?;
    let text = block["timestamp"].as_str().with_context(|| format!("timestamp of block {number}"))?;
    Ok(u64::from_str_radix(text.trim_start_matches("0x"), 16)?)
}

async fn pods(member: &Member) -> Result<Vec<(String, String)>> {
    member.cluster.fleet_pods(member.alias).await
}
