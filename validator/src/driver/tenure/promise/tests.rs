use super::*;
use alloy_consensus::{Header, proofs::calculate_transaction_root};
use chain::Extra;
use devp2p::{Block as ChainBlock, BlockBody};
use qbft::{
    Phase, Record,
    message::{Certificate, Prepare, RoundChange},
    wire::encode_record,
};
use std::sync::Arc;

fn plain(round: u32, phase: Phase, length: usize) -> Kept {
    Kept {
        height: 7,
        round,
        phase: phase.code(),
        digest: B256::repeat_byte(phase.code()),
        payload: vec![phase.code(); length].into(),
    }
}

/// A block of height 7, `extra` gas told apart by its limit, as it is proposed in this round.
fn block(gas_limit: u64, round: u32, rule: ProposalRound) -> ProposedBlock {
    let header = Header {
        number: 7,
        gas_limit,
        extra_data: Extra::unsealed(round).to_bytes(),
        transactions_root: calculate_transaction_root::<alloy_consensus::TxEnvelope>(&[]),
        ..Header::default()
    };
    ProposedBlock::new(Arc::new(ChainBlock { header, body: BlockBody::default() }), rule).unwrap()
}

fn certificate(block: &ProposedBlock, round: u32) -> Arc<Certificate<ProposedBlock>> {
    let prepared = Prepared { round, digest: block.digest() };
    Arc::new(Certificate { prepared, block: block.clone(), prepares: Arc::from([]) })
}

fn kept(record: &Record<ProposedBlock>) -> Kept {
    Kept {
        height: record.height(),
        round: record.round(),
        phase: record.phase().code(),
        digest: record.digest(),
        payload: encode_record(record).into(),
    }
}

fn commit(block: &ProposedBlock, round: u32) -> Kept {
    kept(&Record::Commit { height: 7, certificate: certificate(block, round) })
}

fn round_change(block: &ProposedBlock, round: u32, target: u32) -> Kept {
    let certificate = certificate(block, round);
    let payload = RoundChange { height: 7, round: target, prepared: Some(certificate.prepared) };
    kept(&Record::RoundChange { payload, certificate: Some(certificate) })
}

fn prepare(round: u32, digest: B256) -> Kept {
    kept(&Record::Prepare(Prepare { height: 7, round, digest }))
}

/// What a store of this size is given, read back.
fn through(kept: &[(Kept, bool)], limit: usize) -> Promised {
    read(&evidence(kept, limit))
}

const ROOM: usize = 1 << 20;
/// Of a record without any promise.
const NARROW: usize = REST;

#[test]
fn promises_are_read_as_they_were_written() {
    let votes = [plain(0, Phase::Commit, 300), plain(1, Phase::Prepare, 0)];
    let kept: Vec<_> = votes.iter().map(|vote| (vote.clone(), vote.phase == Phase::Commit.code())).collect();
    assert_eq!(through(&kept, ROOM), Promised::Whole(votes.to_vec()));
    assert_eq!(read(&Evidence::default()), Promised::Whole(Vec::new()));
    let text = evidence(&kept, ROOM).promise;
    let cut = |length: usize| Evidence { promise: text.slice(..length), block: Block::None };
    for length in 1..text.len() {
        let whole = matches!(read(&cut(length)), Promised::Whole(votes) if votes.len() == 2);
        assert!(!whole, "{length}");
    }
    let foreign = Evidence { promise: Bytes::from_static(&[9]), block: Block::None };
    assert_eq!(read(&foreign), Promised::Unread);
    let elsewhere = Evidence { block: Block::Here(Bytes::new()), ..evidence(&kept, ROOM) };
    assert_eq!(read(&elsewhere), Promised::Unread);
}

#[test]
fn a_lock_too_long_for_the_store_is_promised_without_its_block_and_made_whole_by_it() {
    for rule in [ProposalRound::Real, ProposalRound::Zero] {
        let carried = |round| if rule == ProposalRound::Real { round } else { 0 };
        let ours = block(1, carried(2), rule);
        for lock in [commit(&ours, 2), round_change(&ours, 2, 5)] {
            let votes = vec![lock.clone(), prepare(2, ours.digest())];
            let kept = [(votes[0].clone(), true), (votes[1].clone(), false)];
            let written = evidence(&kept, NARROW);
            assert_eq!(written.block, Block::Elsewhere(ours.digest()));
            assert!(written.promise.len() < lock.payload.len(), "the block is not in it");
            let Promised::Lacking(lacking) = read(&written) else { panic!("{rule:?}") };
            assert_eq!(lacking.prepared(), Prepared { round: 2, digest: ours.digest() });
            // However it was heard: as it was prepared, or proposed again in a later round.
            for heard in [ours.clone(), ours.with_round(carried(4))] {
                assert_eq!(lacking.with(&heard, rule), Some(votes.clone()), "{rule:?}");
            }
            assert_eq!(lacking.with(&block(9, carried(2), rule), rule), None, "another block");
        }
    }
}

#[test]
fn the_round_change_before_a_newer_lock_is_the_first_that_does_not_fit() {
    let ours = block(1, 0, ProposalRound::Real);
    let again = ours.with_round(1);
    let votes =
        [(round_change(&ours, 0, 1), false), (prepare(1, again.digest()), false), (commit(&again, 1), true)];
    let all: Vec<Kept> = votes.iter().map(|(vote, _)| vote.clone()).collect();
    assert_eq!(through(&votes, ROOM), Promised::Whole(all.clone()));
    let one_less = evidence(&votes, ROOM).promise.len() + REST - 1;
    assert_eq!(through(&votes, one_less), Promised::Whole(all[1..].to_vec()));
    let Promised::Lacking(lacking) = through(&votes, NARROW) else { panic!("too long for the store") };
    assert_eq!(lacking.with(&again, ProposalRound::Real), Some(all[1..].to_vec()));
}

#[test]
fn a_block_with_the_right_header_and_another_body_is_not_the_one() {
    let ours = block(1, 0, ProposalRound::Real);
    let Promised::Lacking(lacking) = through(&[(commit(&ours, 0), true)], NARROW) else { panic!("fits") };
    let withdrawals = Some(alloy_eips::eip4895::Withdrawals::default());
    let body = BlockBody { withdrawals, ..BlockBody::default() };
    let forged = Arc::new(ChainBlock { header: ours.block().header.clone(), body });
    let forged = ProposedBlock::new(forged, ProposalRound::Real).unwrap();
    assert_eq!(forged.digest(), ours.digest());
    assert_eq!(lacking.with(&forged, ProposalRound::Real), None);
    assert!(lacking.with(&ours, ProposalRound::Real).is_some());
}

#[test]
fn a_lock_that_cannot_be_read_is_promised_as_one_that_cannot() {
    let damaged = plain(0, Phase::Commit, 5_000);
    let Promised::Whole(votes) = through(&[(damaged.clone(), true)], NARROW) else { panic!("cut") };
    assert_eq!(votes, [Kept { payload: Bytes::new(), ..damaged }]);
    assert!(decode_record::<ProposedBlock>(votes[0].phase, &votes[0].payload).is_err());
}

#[test]
fn the_block_of_a_vote_is_that_of_its_proposal_or_lock() {
    let ours = block(1, 0, ProposalRound::Real);
    for vote in [commit(&ours, 0), round_change(&ours, 0, 1)] {
        assert_eq!(super::block(&vote), Some(ours.clone()));
    }
    assert_eq!(super::block(&prepare(0, ours.digest())), None);
}
