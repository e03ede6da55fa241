//! What the nodes' journals say was voted, and which digests that is: the vaults know digests only.

use alloy_primitives::{Address, B256};
use chain::{Seal, hash::ProposalRound};
use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use qbft::{Encoding, Phase, Proposal as _, Record, Unsigned, wire::decode_record};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};
use validator::{driver::ProposedBlock, journal};
use vault_double::Signed;

/// Signatures of a seat among which a COMMIT's seal is looked for: it was asked for moments before.
const RECENT: usize = 1000;

/// What a signature is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Proposal,
    Prepare,
    Commit,
    RoundChange,
    /// The commit seal, signed apart from its message.
    Seal,
}

/// A place that takes one vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot {
    pub(crate) height: u64,
    pub(crate) round: u32,
    pub(crate) kind: Kind,
}

/// What a digest is: a place, and what was voted for in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meaning {
    pub(crate) slot: Slot,
    pub(crate) subject: B256,
}

/// A COMMIT whose message's digest is known only with its seal.
#[derive(Clone, Copy, Debug)]
struct OpenCommit {
    identity: Address,
    height: u64,
    round: u32,
    digest: B256,
    commit_hash: B256,
}

/// Everything that was seen in journals.
#[derive(Default)]
pub(crate) struct Votes {
    seen: BTreeSet<(Address, u64, u32, u8, B256)>,
    meanings: BTreeMap<B256, Meaning>,
    commits: Vec<OpenCommit>,
    /// Digests by seat and place, as the journals have them.
    journaled: BTreeMap<(Address, u64, u32, u8), BTreeSet<B256>>,
}

impl Votes {
    /// Takes over what a seat's journal holds; it forgets decided heights, so it is looked at again and again.
    pub(crate) fn look(&mut self, identity: Address, folder: &Path) -> anyhow::Result<()> {
        for record in journal::look(folder)? {
            let place = (identity, record.height, record.round, record.phase);
            if !self.seen.insert((identity, record.height, record.round, record.phase, record.digest)) {
                continue;
            }
            self.journaled.entry(place).or_default().insert(record.digest);
            let vote = decode_record::<ProposedBlock>(record.phase, &record.payload)?;
            self.take(identity, vote.with_blocks(|block| block.under(ProposalRound::Real)));
        }
        Ok(())
    }

    fn take(&mut self, identity: Address, vote: Record<ProposedBlock>) {
        let (height, round, digest) = (vote.height(), vote.round(), vote.digest());
        match vote {
            Record::Proposal { payload, .. } => {
                let block = payload.block.clone();
                self.seal(&block, round);
                self.message(&Unsigned::Proposal(payload), height, round, Some(digest));
            }
            Record::Prepare(prepare) => {
                self.message(&Unsigned::Prepare(prepare), height, round, Some(digest));
            }
            Record::Commit { certificate, .. } => {
                self.seal(&certificate.block, round);
                let commit_hash = certificate.block.commit_hash(round);
                self.commits.push(OpenCommit { identity, height, round, digest, commit_hash });
            }
            Record::RoundChange { payload, .. } => {
                self.message(&Unsigned::RoundChange(payload), height, round, None);
            }
        }
    }

    /// Any seat may seal a block that was proposed.
    fn seal(&mut self, block: &ProposedBlock, round: u32) {
        let (height, subject) = (block.height(), block.commit_hash(round));
        let slot = Slot { height, round, kind: Kind::Seal };
        self.meanings.insert(subject, Meaning { slot, subject });
    }

    fn message(
        &mut self,
        unsigned: &Unsigned<ProposedBlock>,
        height: u64,
        round: u32,
        subject: Option<B256>,
    ) {
        let kind = match unsigned {
            Unsigned::Proposal(_) => Kind::Proposal,
            Unsigned::Prepare(_) => Kind::Prepare,
            Unsigned::Commit { .. } => Kind::Commit,
            Unsigned::RoundChange(_) => Kind::RoundChange,
        };
        if let Err(digest) = unsigned.sign_with(Encoding::Besu26, Err) {
            let slot = Slot { height, round, kind };
            self.meanings.insert(digest, Meaning { slot, subject: subject.unwrap_or(digest) });
        }
    }

    /// Finds the digests of COMMITs, with the seals that the vaults gave.
    pub(crate) fn resolve(&mut self, signed: &BTreeMap<Address, Vec<Signed>>) {
        let of = |(identity, all): (&Address, &'_ Vec<Signed>)| -> Vec<((Address, B256), Seal)> {
            let wanted = |one: &Signed| {
                let digest = digest(one)?;
                let is_open = |open: &OpenCommit| open.identity == *identity && open.commit_hash == digest;
                let seal = self.commits.iter().any(is_open).then(|| seal(one, *identity))??;
                Some(((*identity, digest), seal))
            };
            all.iter().rev().take(RECENT).filter_map(wanted).collect()
        };
        let seals: BTreeMap<_, _> = signed.iter().flat_map(of).collect();
        let meanings = &mut self.meanings;
        self.commits.retain(|open| {
            let OpenCommit { identity, height, round, digest, commit_hash } = *open;
            let Some(seal) = seals.get(&(identity, commit_hash)).copied() else { return true };
            let unsigned = Unsigned::<ProposedBlock>::Commit { height, round, digest, commit_hash };
            let known = |hash| if hash == commit_hash { Ok(seal) } else { Err(hash) };
            if let Err(message) = unsigned.sign_with(Encoding::Besu26, known) {
                let slot = Slot { height, round, kind: Kind::Commit };
                meanings.insert(message, Meaning { slot, subject: digest });
            }
            false
        });
    }

    /// What each digest means.
    pub(crate) fn meanings(&self) -> &BTreeMap<B256, Meaning> {
        &self.meanings
    }

    /// Places in which a journal ever held two votes.
    pub(crate) fn conflicts(&self) -> u64 {
        self.journaled.values().filter(|digests| digests.len() > 1).count() as u64
    }

    /// Rounds above 0 that some seat wanted.
    pub(crate) fn round_changes(&self) -> u64 {
        let wanted = |(_, height, round, phase): &(Address, u64, u32, u8)| {
            (*phase == Phase::RoundChange.code()).then_some((*height, *round))
        };
        self.journaled.keys().filter_map(wanted).collect::<BTreeSet<_>>().len() as u64
    }
}

/// A digest of the log.
pub(crate) fn digest(signed: &Signed) -> Option<B256> {
    signed.digest.parse().ok()
}

fn seal(signed: &Signed, identity: Address) -> Option<Seal> {
    let digest = digest(signed)?;
    let signature = Signature::from_slice(&alloy_primitives::hex::decode(&signed.signature).ok()?).ok()?;
    let signature = signature.normalize_s().unwrap_or(signature);
    [0, 1].into_iter().find_map(|v| {
        let key =
            VerifyingKey::recover_from_prehash(digest.as_slice(), &signature, RecoveryId::from_byte(v)?);
        let is_ours = key.is_ok_and(|key| Address::from_public_key(&key) == identity);
        let mut seal = [0; 65];
        seal[..64].copy_from_slice(&signature.to_bytes());
        seal[64] = v;
        is_ours.then(|| Seal::from(seal))
    })
}
