//! All that Byzantine seats can usefully say, given what honest ones have sent: signatures cannot be forged, but theirs
//! go under anything, and what they have heard can be put together in every way, the invalid ones included: refusing
//! those is the core's work.

use super::{
    Setting,
    claim::Claim,
    replica::{HEIGHT, INVALID_SALT, block_of},
};
use crate::symbolic::SimBlock;
use alloy_primitives::{Address, B256};
use chain::quorum::quorum;
use qbft::{
    Message, Phase, Proposal, Symbolic, Verified,
    message::{
        Certificate, Commit, Justification, Prepare, Prepared, ProposalMessage, ProposalPayload, RoundChange,
        RoundChangeMessage,
    },
};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

type Prepares = Arc<[Verified<Prepare>]>;

/// A message that can be delivered, with the name of all that stands in it.
#[derive(Clone, Debug)]
pub struct Part {
    /// 64 bits of a hash over its claims, nested ones included.
    pub name: u64,
    /// The message.
    pub message: Message<SimBlock>,
}

impl Part {
    fn new(message: Message<SimBlock>) -> Self {
        let mut hasher = DefaultHasher::new();
        Claim::of(&message).hash(&mut hasher);
        let prepares = match &message {
            Message::Proposal(message) => {
                for part in &message.justification.round_changes {
                    let RoundChange { round, prepared, .. } = *part.payload();
                    (part.author(), round, prepared.map(|claim| (claim.round, claim.digest)))
                        .hash(&mut hasher);
                }
                &message.justification.prepares[..]
            }
            Message::RoundChange(message) => &message.prepares[..],
            Message::Prepare(_) => &[],
            Message::Commit(commit) => {
                commit.payload().seal.hash(&mut hasher);
                &[]
            }
        };
        for part in prepares {
            (part.author(), part.payload().round, part.payload().digest).hash(&mut hasher);
        }
        Self { name: hasher.finish(), message }
    }
}

/// What can be delivered.
pub struct Vocabulary {
    rounds: u32,
    quorum: usize,
    liars: Vec<Address>,
    /// Whose turn each round is.
    turns: Vec<Address>,
    heard: Vec<Message<SimBlock>>,
    parts: Vec<Part>,
    /// Blocks anybody has proposed or a liar may, as made.
    blocks: Vec<SimBlock>,
    certificates: Vec<Certificate<SimBlock>>,
}

impl Vocabulary {
    /// After honest seats have sent `heard`.
    #[must_use]
    pub fn new(setting: &Setting, heard: Vec<Message<SimBlock>>) -> Self {
        let validators = setting.validators();
        let liars: Vec<_> = setting.byzantine.iter().map(|seat| validators[*seat]).collect();
        let turns: Vec<_> = validators.iter().cycle().take(setting.rounds as usize).copied().collect();
        let mut blocks: Vec<SimBlock> = Vec::new();
        for (round, turn) in (0..).zip(&turns).filter(|(_, turn)| liars.contains(turn)) {
            let salts = [901 + u64::from(round) * 10, 902 + u64::from(round) * 10, INVALID_SALT];
            blocks.extend(salts.map(|salt| block_of(*turn, round, salt)));
        }
        for message in &heard {
            if let Message::Proposal(message) = message {
                let block = message.proposal.payload().block;
                if !blocks.iter().any(|known| known.hash == block.hash) {
                    blocks.push(block);
                }
            }
        }
        let quorum = quorum(setting.seats);
        let mut vocabulary = Self {
            rounds: setting.rounds,
            quorum,
            liars,
            turns,
            heard,
            parts: Vec::new(),
            blocks,
            certificates: Vec::new(),
        };
        vocabulary.certificates = vocabulary.assemble();
        let parts = vocabulary.heard.iter().cloned();
        let parts = parts.chain(vocabulary.round_changes()).chain(vocabulary.proposals());
        vocabulary.parts = parts.map(Part::new).collect();
        vocabulary
    }

    /// What honest seats have sent, and every proposal and ROUND-CHANGE of the liars.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Every block proposed, or that a liar may propose.
    #[must_use]
    pub fn blocks(&self) -> &[SimBlock] {
        &self.blocks
    }

    /// Votes of everybody but `to` for one block in one round; a liar's bad seal before its good one.
    #[must_use]
    pub fn votes(&self, to: Address, phase: Phase, round: u32, digest: B256) -> Vec<Part> {
        let is_wanted = |claim: Claim| {
            claim.author != to && (claim.phase, claim.round, claim.digest) == (phase, round, digest)
        };
        let mut votes = Vec::new();
        for liar in &self.liars {
            match phase {
                Phase::Prepare => votes.push(Message::Prepare(prepare(*liar, round, digest))),
                _ => votes.extend(self.commits(*liar, round, digest)),
            }
        }
        let mut votes: Vec<_> = votes.into_iter().map(Part::new).collect();
        votes.extend(self.parts.iter().filter(|part| is_wanted(Claim::of(&part.message))).cloned());
        votes
    }

    fn commits(&self, liar: Address, round: u32, digest: B256) -> Vec<Message<SimBlock>> {
        let block =
            self.blocks.iter().map(|block| block.with_round(round)).find(|block| block.digest() == digest);
        let seals =
            block.into_iter().flat_map(|block| [block.commit_hash(round + 1), block.commit_hash(round)]);
        seals
            .map(|sealed| {
                let commit = Commit { height: HEIGHT, round, digest, seal: Symbolic::sign(liar, sealed) };
                Message::Commit(Verified::symbolic(commit, liar))
            })
            .collect()
    }

    /// Every certificate there are PREPAREs for.
    fn assemble(&self) -> Vec<Certificate<SimBlock>> {
        let mut certificates = Vec::new();
        for (round, block) in self.proposable() {
            let digest = block.digest();
            let prepares = self.genuine(round, digest);
            if prepares.len() >= self.quorum {
                let prepared = Prepared { round, digest };
                certificates.push(Certificate { prepared, block, prepares: prepares.into() });
            }
        }
        certificates
    }

    /// Every block in every round it may be proposed in.
    fn proposable(&self) -> impl Iterator<Item = (u32, SimBlock)> {
        let in_rounds = |block: &SimBlock| {
            let block = *block;
            (block.round..self.rounds).map(move |round| (round, block.with_round(round)))
        };
        self.blocks.iter().flat_map(in_rounds)
    }

    fn genuine(&self, round: u32, digest: B256) -> Vec<Verified<Prepare>> {
        let said = Prepare { height: HEIGHT, round, digest };
        let mut prepares: Vec<_> = self.liars.iter().map(|liar| prepare(*liar, round, digest)).collect();
        for message in &self.heard {
            if let Message::Prepare(vote) = message
                && *vote.payload() == said
            {
                prepares.push(vote.clone());
            }
        }
        prepares
    }

    /// Two that prove nothing: one PREPARE short, and one PREPARE many times.
    fn forgeries(&self, round: u32, digest: B256) -> [Prepares; 2] {
        let short: Vec<_> = self.genuine(round, digest).into_iter().take(self.quorum - 1).collect();
        let twice = self.genuine(round, digest).into_iter().take(1).cycle().take(self.quorum).collect();
        [short.into(), twice]
    }

    fn round_changes(&self) -> Vec<Message<SimBlock>> {
        let mut messages = Vec::new();
        for liar in &self.liars {
            for target in 1..self.rounds {
                messages.push(round_change(*liar, target, None));
                for proof in self.certificates.iter().filter(|proof| proof.prepared.round < target) {
                    messages.push(round_change(*liar, target, Some(proof)));
                }
                for (round, block) in self.proposable().filter(|(round, _)| *round < target) {
                    let prepared = Prepared { round, digest: block.digest() };
                    for prepares in self.forgeries(round, prepared.digest) {
                        let forged = Certificate { prepared, block, prepares };
                        messages.push(round_change(*liar, target, Some(&forged)));
                    }
                }
            }
        }
        messages
    }

    fn proposals(&self) -> Vec<Message<SimBlock>> {
        let mut messages = Vec::new();
        for (round, turn) in (0..).zip(&self.turns).filter(|(_, turn)| self.liars.contains(turn)) {
            let blocks: Vec<_> = self
                .proposable()
                .filter(|(proposed, _)| *proposed == round)
                .map(|(_, block)| block)
                .collect();
            let justifications = self.justifications(round);
            for block in blocks {
                for justification in &justifications {
                    let payload = ProposalPayload { height: HEIGHT, round, block };
                    let proposal = Verified::symbolic(payload, *turn);
                    let justification = justification.clone();
                    messages.push(Message::Proposal(Arc::new(ProposalMessage { proposal, justification })));
                }
            }
        }
        messages
    }

    /// Every set of ROUND-CHANGEs big enough, one liar's counted twice if need be, with every certificate or none.
    fn justifications(&self, round: u32) -> Vec<Justification> {
        if round == 0 {
            return vec![Justification::default()];
        }
        let mut sets: Vec<Vec<Verified<RoundChange>>> = vec![Vec::new()];
        for message in &self.heard {
            if let Message::RoundChange(message) = message
                && message.round_change.payload().round == round
            {
                extend_each(&mut sets, std::slice::from_ref(&message.round_change));
            }
        }
        for liar in &self.liars {
            let prepared = self.proposable().filter(|(below, _)| *below < round);
            let claims = prepared.map(|(round, block)| Some(Prepared { round, digest: block.digest() }));
            let said: Vec<_> = std::iter::once(None)
                .chain(claims)
                .map(|prepared| Verified::symbolic(RoundChange { height: HEIGHT, round, prepared }, *liar))
                .collect();
            extend_each(&mut sets, &said);
        }
        sets.retain_mut(|set| {
            if set.len() + 1 == self.quorum
                && set.last().is_some_and(|last| self.liars.contains(&last.author()))
            {
                set.extend(set.last().cloned());
            }
            set.len() >= self.quorum
        });
        let proofs: Vec<Prepares> = std::iter::once(Arc::from([]))
            .chain(self.certificates.iter().map(|proof| proof.prepares.clone()))
            .collect();
        let with_proofs = |round_changes: Vec<_>| {
            proofs.iter().map(move |prepares| Justification {
                round_changes: round_changes.clone(),
                prepares: prepares.clone(),
            })
        };
        sets.into_iter().flat_map(with_proofs).collect()
    }
}

/// Each set as it is, and with each one of `choices`.
fn extend_each<T: Clone>(sets: &mut Vec<Vec<T>>, choices: &[T]) {
    for index in 0..sets.len() {
        for choice in choices {
            let mut set = sets[index].clone();
            set.push(choice.clone());
            sets.push(set);
        }
    }
}

fn prepare(liar: Address, round: u32, digest: B256) -> Verified<Prepare> {
    Verified::symbolic(Prepare { height: HEIGHT, round, digest }, liar)
}

fn round_change(liar: Address, round: u32, proof: Option<&Certificate<SimBlock>>) -> Message<SimBlock> {
    let prepared = proof.map(|proof| proof.prepared);
    Message::RoundChange(Arc::new(RoundChangeMessage {
        round_change: Verified::symbolic(RoundChange { height: HEIGHT, round, prepared }, liar),
        block: proof.map(|proof| proof.block),
        prepares: proof.map_or_else(|| Arc::from([]), |proof| proof.prepares.clone()),
    }))
}
