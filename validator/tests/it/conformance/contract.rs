//! Besu's `ValidatorContractTest`: the set is in a contract, and headers name no validators.

use super::{
    peer::Heard,
    voice::proposed,
    world::{Case, Plan, World, for_every_profile},
};
use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolValue as _;
use chain::Extra;
use ledger::{Block, BlockBody};
use qbft::{Proposal as _, Unverified};
use serde_json::json;
use validator::driver::ProposedBlock;

/// Runtime code that answers every call with these addresses.
fn answers(validators: &[Address]) -> Bytes {
    let answer = (validators.to_vec(),).abi_encode_params();
    let length = u8::try_from(answer.len()).unwrap();
    // PUSH1 length, PUSH1 12, PUSH1 0, CODECOPY, PUSH1 length, PUSH1 0, RETURN, then the answer itself.
    let copy = [0x60, length, 0x60, 12, 0x60, 0, 0x39, 0x60, length, 0x60, 0, 0xf3];
    [&copy[..], &answer].concat().into()
}

async fn world(case: Case, own: usize) -> World {
    let vectors = super::world::Vectors::load();
    let seats = (0..4).map(|seat| vectors.at(&format!("/validators/{seat}/address")).as_str().unwrap());
    let mut seats: Vec<Address> = seats.map(|address| address.parse().unwrap()).collect();
    // Whatever order the contract answers in, clients sort.
    seats.reverse();
    let contract = Address::repeat_byte(0x99);
    let code = json!({ "balance": U256::ZERO, "code": answers(&seats) });
    let mut plan = Plan::new(case, own);
    plan.in_header = false;
    plan.qbft = json!({ "validatorcontractaddress": contract, "validatorselectionmode": "contract" });
    plan.alloc = json!({ hex::encode(contract): code });
    World::make(plan).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proposer_names_no_validators_and_seals_with_those_of_the_contract() {
    for_every_profile(|case: Case| async move {
        let world = world(case, 0).await;
        let mut peers = world.connect_all().await;
        world.clock.turn_to(world.due_ms());
        let proposal = peers[0]
            .wait("the proposal", |heard| match heard {
                Heard::Consensus(0x12, bytes) => Some(bytes.clone()),
                _ => None,
            })
            .await;
        let decoded = qbft::wire::decode::<ProposedBlock>(0x12, &proposal).unwrap();
        let Unverified::Proposal { proposal, .. } = decoded else { panic!("a proposal") };
        let block = proposal.payload.block.under(case.rules().proposal_round);
        let extra = Extra::decode_exact(&block.block().header.extra_data).unwrap();
        assert_eq!(extra, Extra::unsealed(0), "no validators, no vote");
        assert_eq!(block.proposer(), world.address(0));
        for seat in [1, 2] {
            peers[seat - 1].send(&world.voices[seat].prepare(1, 0, block.digest()));
        }
        peers[2].hears("the commit", &world.voices[0].commit(0, &block)).await;
        for seat in [1, 2] {
            peers[seat - 1].send(&world.voices[seat].commit(0, &block));
        }
        let (sealed, _) = peers[2].hears_block(1).await;
        assert_eq!(super::world::sealers(&sealed.header).1.len(), 3);
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_that_names_validators_beside_the_contract_is_not_prepared() {
    for_every_profile(|case: Case| async move {
        let world = world(case, 3).await;
        let mut peers = world.connect_all().await;
        world.clock.turn_to(world.due_ms());
        let header = alloy_consensus::Header {
            parent_hash: world.genesis.hash,
            state_root: world.genesis.header.state_root,
            ..world.vectors.block().header
        };
        let named = proposed(Block { header: header.clone(), body: BlockBody::default() }, case.rules());
        peers[0].send(&world.voices[0].proposal(0, &named, vec![], vec![]));
        let (from, to) = peers.split_at_mut(1);
        world.barrier((0, &from[0]), &mut to[0], 9).await;
        world.clock.turn_to(world.due_ms() + super::world::TIMEOUT_MS);
        to[0].hears("the round change", &world.voices[3].round_change(1, 1)).await;
        assert!(!to[0].unread_votes().contains(&world.voices[3].prepare(1, 0, named.digest())));
        world.end().await;
    })
    .await;
}
