//! What a validator says, in the bytes of its profile.

use alloy_primitives::{Address, B256, Bytes};
use chain::{Seal, client::WireRules, genesis::MessageEncoding};
use k256::ecdsa::SigningKey;
use qbft::{
    Ecdsa, Encoding, Message, Proposal as _, Signatures, Signed, Unsigned, Unverified,
    message::{Commit, Prepare, Prepared, ProposalPayload, RoundChange, RoundChangeMessage},
    wire::encode,
};
use std::{convert::Infallible, sync::Arc};
use validator::driver::ProposedBlock;

/// Code and bytes.
pub(super) type Payload = (u8, Bytes);

#[derive(Clone)]
pub(super) struct Voice {
    key: SigningKey,
    rules: WireRules,
}

impl Voice {
    pub(super) fn new(secret: B256, rules: WireRules) -> Self {
        Self { key: SigningKey::from_slice(secret.as_slice()).unwrap(), rules }
    }

    pub(super) fn address(&self) -> Address {
        Address::from_private_key(&self.key)
    }

    pub(super) fn seal(&self, hash: B256) -> Seal {
        let (signature, recovery) = self.key.sign_prehash_recoverable(hash.as_slice()).unwrap();
        let mut seal = [0; 65];
        seal[..64].copy_from_slice(&signature.to_bytes());
        seal[64] = recovery.to_byte();
        Seal::from(seal)
    }

    fn encoding(&self) -> Encoding {
        match self.rules.message_encoding {
            MessageEncoding::FourItem => Encoding::Besu26,
            MessageEncoding::Legacy => Encoding::Legacy,
        }
    }

    /// Signs; the last hash is that of the message.
    fn sign(&self, unsigned: &Unsigned<ProposedBlock>) -> (Signatures, B256) {
        let mut last = B256::ZERO;
        let sign = |hash: B256| {
            last = hash;
            Ok::<_, Infallible>(self.seal(hash))
        };
        let signatures = unsigned.sign_with(self.encoding(), sign).unwrap();
        (signatures, last)
    }

    fn bytes(&self, message: Unverified<ProposedBlock>) -> Payload {
        let message = message.authenticate().unwrap();
        (message.phase().code(), encode(&message, self.encoding()).into())
    }

    pub(super) fn signed_prepare(&self, height: u64, round: u32, digest: B256) -> Signed<Prepare> {
        let payload = Prepare { height, round, digest };
        let (signatures, signing_hash) = self.sign(&Unsigned::Prepare(payload));
        Signed { payload, signing_hash, signature: signatures.message }
    }

    pub(super) fn prepare(&self, height: u64, round: u32, digest: B256) -> Payload {
        self.bytes(Unverified::Prepare(self.signed_prepare(height, round, digest)))
    }

    pub(super) fn commit(&self, round: u32, block: &ProposedBlock) -> Payload {
        self.sealed_commit(round, block, block.commit_hash(round))
    }

    /// A COMMIT whose seal is over this hash.
    pub(super) fn sealed_commit(&self, round: u32, block: &ProposedBlock, commit_hash: B256) -> Payload {
        let (height, digest) = (block.height(), block.digest());
        let (signatures, signing_hash) = self.sign(&Unsigned::Commit { height, round, digest, commit_hash });
        let payload = Commit { height, round, digest, seal: signatures.seal.unwrap() };
        self.bytes(Unverified::Commit(Signed { payload, signing_hash, signature: signatures.message }))
    }

    pub(super) fn signed_round_change(
        &self,
        height: u64,
        round: u32,
        prepared: Option<Prepared>,
    ) -> Signed<RoundChange> {
        let payload = RoundChange { height, round, prepared };
        let (signatures, signing_hash) = self.sign(&Unsigned::RoundChange(payload));
        Signed { payload, signing_hash, signature: signatures.message }
    }

    /// A ROUND-CHANGE of a validator that has prepared nothing.
    pub(super) fn round_change(&self, height: u64, round: u32) -> Payload {
        let round_change = self.signed_round_change(height, round, None);
        self.bytes(Unverified::RoundChange { round_change, block: None, prepares: vec![] })
    }

    /// The same with PREPAREs that prove nothing, as a GoQuorum validator sends it that prepared at the last height.
    pub(super) fn burdened_round_change(
        &self,
        height: u64,
        round: u32,
        leftover: Vec<Signed<Prepare>>,
    ) -> Payload {
        let round_change = self.signed_round_change(height, round, None).authenticate::<Ecdsa>().unwrap();
        let prepares = leftover.into_iter().map(|part| part.authenticate::<Ecdsa>().unwrap()).collect();
        let message = RoundChangeMessage::<ProposedBlock> { round_change, block: None, prepares };
        let message = Message::RoundChange(Arc::new(message));
        (message.phase().code(), encode(&message, self.encoding()).into())
    }

    pub(super) fn proposal(
        &self,
        round: u32,
        block: &ProposedBlock,
        round_changes: Vec<Signed<RoundChange>>,
        prepares: Vec<Signed<Prepare>>,
    ) -> Payload {
        let payload = ProposalPayload { height: block.height(), round, block: block.clone() };
        let (signatures, signing_hash) = self.sign(&Unsigned::Proposal(payload.clone()));
        let proposal = Signed { payload, signing_hash, signature: signatures.message };
        self.bytes(Unverified::Proposal { proposal, round_changes, prepares })
    }
}

/// A block as it is proposed.
pub(super) fn proposed(block: ledger::Block, rules: WireRules) -> ProposedBlock {
    ProposedBlock::new(Arc::new(block), rules.proposal_round).unwrap()
}
