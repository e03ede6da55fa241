//! Where random play on a small network does not come: every account's role, and tables that are full.

use crate::{
    contract::{self, Contract, Ended},
    property::outcome,
    view,
};
use qbft_sim::{
    governance::{Call, Model, Proof, Refused, Role, draw::Draw},
    rng::Rng,
};

pub(crate) fn every_role_the_model_names_is_the_contracts() -> Result<(), String> {
    let mut rng = Rng::new(3);
    let cast = contract::cast();
    let genesis = contract::genesis(&mut rng, &cast);
    let mut contract = Contract::new(&genesis);
    let model = Model::genesis(&genesis);
    for account in cast.admins.iter().chain(&cast.operators).chain(&cast.identities) {
        let role = model.role_of(*account).map_or((0, 0), |(member, role)| match role {
            Role::Admin => (member, 1),
            Role::Operator => (member, 2),
            Role::Identity => (member, 3),
        });
        view::same(&format!("role of {account}"), &contract.role(*account), &role)?;
    }
    Ok(())
}

pub(crate) fn the_limits_of_members_and_seats_are_the_contracts() -> Result<(), String> {
    let mut rng = Rng::new(7);
    let cast = contract::cast();
    let genesis = contract::full_genesis(&cast);
    let mut contract = Contract::new(&genesis);
    let mut model = Model::genesis(&genesis);
    for block in 1..12 {
        for _ in 0..6 {
            let mut draw = Draw { model: &model, block, cast: &cast, rng: &mut rng };
            let (sender, call) = match draw.rng.below(3) {
                0 => draw.seat(),
                1 => draw.unseat(),
                _ => draw.call(),
            };
            let theirs: Ended = contract.send(block, sender, &call)?;
            let ours = model.apply(block, sender, &call);
            outcome(&theirs, &ours).map_err(|why| format!("block {block}, {sender}: {call:?}: {why}"))?;
        }
        view::compare_rules(&mut contract, &model, block, &mut rng)?;
        view::compare_snapshot(&mut contract, &model, block)?;
    }
    Ok(())
}

/// Each region has an operator account of its own: neither moves a seat of the other's, the admin does.
pub(crate) fn two_regions_of_one_member_do_not_unseat_each_others_nodes() -> Result<(), String> {
    let cast = contract::cast();
    let mut contract = Contract::new(&contract::genesis(&mut Rng::new(1), &cast));
    let (admin, [west, east]) = (cast.admins[0], [cast.operators[0], cast.operators[30]]);
    let mut send = |sender, call: Call, refused: Option<Refused>| {
        let ended = contract.send(40, sender, &call)?;
        let got = match &ended {
            Ended::Done { .. } => None,
            Ended::Reverted(output) => contract::refusal(output),
        };
        view::same(&format!("{call:?} by {sender}"), &got, &refused)
    };
    let proof = |identity| Proof { signer: identity, member: 1, block: 39, is_of_this_chain: true };
    let [fresh, other] = [cast.identities[40], cast.identities[41]];
    send(admin, Call::AddOperator(east), None)?;
    send(east, Call::Seat { identity: fresh, proof: proof(fresh) }, None)?;
    send(west, Call::Unseat { identity: fresh }, Some(Refused::NotSeatOwner))?;
    let rotated = Call::RotateSeat { old: fresh, identity: other, proof: proof(other) };
    send(west, rotated, Some(Refused::NotSeatOwner))?;
    send(east, Call::Unseat { identity: cast.identities[0] }, Some(Refused::NotSeatOwner))?;
    // A region that is lost for good: the admin hands its seats over.
    send(admin, Call::AssignSeat { identity: fresh, operator: west }, None)?;
    send(east, Call::Unseat { identity: fresh }, Some(Refused::NotSeatOwner))?;
    send(west, Call::Unseat { identity: fresh }, None)
}
