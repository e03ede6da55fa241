//! How a network's nodes speak: what the clients of this protocol family do differently, as one typed choice.
//!
//! Every client decides by the same rules and the genesis says which chain it is, but releases differ in how messages are
//! encoded, which round a proposed block carries, whose turn follows a removed proposer, and how long rounds last
//! (`qbft-facts` §0.1, §2.3, §2.6, §3.2, §3.4). What is received is decoded in every encoding whatever the profile says.

use crate::{
    config::NetworkConfig,
    genesis::{Genesis, MessageEncoding},
    hash::ProposalRound,
    profile::Family,
};
use alloc::string::String;
use serde::{Deserialize, Serialize};

/// Longest round timeout of networks of ours, milliseconds.
pub const TIMEOUT_CAP_MS: u64 = 60_000;

/// Which clients a network runs beside this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientProfile {
    /// Nodes of ours alone.
    Quorate,
    /// Besu from 26.1 on: four-item encoding, real round.
    Besu,
    /// Besu 24.12 to 25.12, and later ones told to emit the legacy encoding: three-item encoding, real round.
    Besu24,
    /// GoQuorum 22 to 24, and Besu up to 24.10 beside it: three-item encoding, round 0.
    GoQuorum,
}

impl ClientProfile {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Quorate, Self::Besu, Self::Besu24, Self::GoQuorum];

    /// Whose rules hold for blocks on such a network.
    #[must_use]
    pub const fn family(self) -> Family {
        match self {
            Self::Quorate => Family::Quorate,
            Self::Besu | Self::Besu24 => Family::Besu,
            Self::GoQuorum => Family::GoQuorum,
        }
    }

    /// Its name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quorate => "quorate",
            Self::Besu => "besu",
            Self::Besu24 => "besu24",
            Self::GoQuorum => "goquorum",
        }
    }
}

impl core::fmt::Display for ClientProfile {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

impl core::str::FromStr for ClientProfile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|profile| profile.name() == text);
        named.ok_or_else(|| alloc::format!("profile {text:?}, expected quorate, besu, besu24 or goquorum"))
    }
}

/// Whose turn it is (`qbft-facts` §3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ProposerRule {
    /// Round-robin; after a proposer that has left, the next higher address, wrapping round: Besu and every new network
    /// of ours.
    #[default]
    Besu,
    /// Round-robin; a proposer that has left counts as the first of the set: GoQuorum.
    GoQuorum,
    /// The proposer of the parent again, until its round runs out; one that has left counts as the first of the set:
    /// GoQuorum with `policy` 1.
    Sticky,
}

/// What a configuration says otherwise than the profile does; all absent as a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProfileOverrides {
    /// Encoding of the PROPOSALs and ROUND-CHANGEs that are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_encoding: Option<MessageEncoding>,
    /// Round that a proposed header carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal_round: Option<ProposalRound>,
    /// Whose turn it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposer_rule: Option<ProposerRule>,
    /// Longest round timeout in seconds; 0 for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_cap_seconds: Option<u64>,
    /// Whether votes that name a block by its other digest count too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixed_digests: Option<bool>,
    /// Whether one key serves for p2p and votes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_key: Option<bool>,
}

impl ProfileOverrides {
    /// Whether nothing is overridden.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A profile, resolved: what the node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireRules {
    /// The clients it is for.
    pub profile: ClientProfile,
    /// Encoding of what is sent.
    pub message_encoding: MessageEncoding,
    /// Round that a proposed header carries, and so the digest of own votes.
    pub proposal_round: ProposalRound,
    /// Whose turn it is.
    pub proposer_rule: ProposerRule,
    /// Longest round timeout, milliseconds; none doubles for ever.
    pub timeout_cap_ms: Option<u64>,
    /// Whether votes that name a block by its other digest count too.
    pub mixed_digests: bool,
    /// Whether a validator is known by its p2p key: then consensus messages go to validators' connections alone.
    pub one_key: bool,
}

/// Why settings do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Nobody speaks so.
    #[error("network: {first} and {second} exclude each other: {why}")]
    Contradiction {
        /// One setting.
        first: &'static str,
        /// The other.
        second: &'static str,
        /// What to know.
        why: &'static str,
    },
    /// The genesis of the network says otherwise.
    #[error(
        "network profile gives {field} {got}, the genesis says {want}: all nodes must do as the genesis says; remove the override or name the right profile"
    )]
    Genesis {
        /// Key in `config.qbft`.
        field: &'static str,
        /// By the configuration.
        got: String,
        /// By the genesis.
        want: String,
    },
    /// A round would not even last its first timeout.
    #[error("network.overrides.timeoutCapSeconds is {cap_ms} ms, below the request timeout of {base_ms} ms")]
    TimeoutCap {
        /// Configured.
        cap_ms: u64,
        /// Of the genesis.
        base_ms: u64,
    },
}

impl WireRules {
    /// What nodes of ours do among themselves.
    pub const QUORATE: Self = Self {
        profile: ClientProfile::Quorate,
        message_encoding: MessageEncoding::FourItem,
        proposal_round: ProposalRound::Real,
        proposer_rule: ProposerRule::Besu,
        timeout_cap_ms: Some(TIMEOUT_CAP_MS),
        mixed_digests: false,
        one_key: false,
    };

    /// What the clients of a profile do, the genesis apart.
    #[must_use]
    pub const fn of(profile: ClientProfile) -> Self {
        let besu =
            Self { profile: ClientProfile::Besu, timeout_cap_ms: None, one_key: true, ..Self::QUORATE };
        let besu24 =
            Self { profile: ClientProfile::Besu24, message_encoding: MessageEncoding::Legacy, ..besu };
        match profile {
            ClientProfile::Quorate => Self::QUORATE,
            ClientProfile::Besu => besu,
            ClientProfile::Besu24 => besu24,
            ClientProfile::GoQuorum => Self {
                profile: ClientProfile::GoQuorum,
                proposal_round: ProposalRound::Zero,
                proposer_rule: ProposerRule::GoQuorum,
                mixed_digests: true,
                ..besu24
            },
        }
    }

    /// The rules of a node: the configured profile, or the one the genesis was written for, with the overrides.
    pub fn resolve(network: &NetworkConfig, genesis: &Genesis) -> Result<Self, ProfileError> {
        let mut rules = Self::of(network.profile.unwrap_or(match genesis.family {
            Family::Quorate => ClientProfile::Quorate,
            Family::Besu => ClientProfile::Besu,
            Family::GoQuorum => ClientProfile::GoQuorum,
        }));
        let written = genesis.written;
        if rules.profile == ClientProfile::Quorate {
            // Ours is the only client that reads these keys, so here they stand for what the profile leaves open.
            rules.message_encoding = written.encoding.unwrap_or(rules.message_encoding);
            rules.proposal_round = written.round.unwrap_or(rules.proposal_round);
        }
        if rules.profile == ClientProfile::GoQuorum {
            // GoQuorum runs a file whose longest timeout is below the first: no round then lasts longer than the first.
            let base_ms = genesis.qbft.request_timeout_ms();
            rules.timeout_cap_ms = written.timeout_cap_ms.map(|cap_ms| cap_ms.max(base_ms));
            if written.sticky {
                rules.proposer_rule = ProposerRule::Sticky;
            }
        }
        let rules = rules.overridden(&network.overrides);
        rules.check(genesis.qbft.request_timeout_ms())?;
        written.check(&rules)?;
        Ok(rules)
    }

    fn overridden(self, overrides: &ProfileOverrides) -> Self {
        let ProfileOverrides {
            message_encoding,
            proposal_round,
            proposer_rule,
            timeout_cap_seconds,
            mixed_digests,
            one_key,
        } = *overrides;
        let proposal_round = proposal_round.unwrap_or(self.proposal_round);
        // Where blocks carry their round, a profile's second digest goes with the first; a written one is checked.
        let mixed_by_profile = self.mixed_digests && proposal_round == ProposalRound::Zero;
        Self {
            profile: self.profile,
            message_encoding: message_encoding.unwrap_or(self.message_encoding),
            proposal_round,
            proposer_rule: proposer_rule.unwrap_or(self.proposer_rule),
            timeout_cap_ms: match timeout_cap_seconds {
                None => self.timeout_cap_ms,
                Some(0) => None,
                Some(seconds) => Some(seconds.saturating_mul(1000)),
            },
            mixed_digests: mixed_digests.unwrap_or(mixed_by_profile),
            one_key: one_key.unwrap_or(self.one_key),
        }
    }

    fn check(&self, base_ms: u64) -> Result<(), ProfileError> {
        let four = self.message_encoding == MessageEncoding::FourItem;
        let excluded = |first, second, why| Err(ProfileError::Contradiction { first, second, why });
        if four && self.profile == ClientProfile::GoQuorum {
            return excluded("profile goquorum", "messageEncoding fourItem", "GoQuorum does not decode it");
        }
        if four && self.proposal_round == ProposalRound::Zero {
            let why = "every client with the four-item encoding wants the real round in a proposal";
            return excluded("messageEncoding fourItem", "proposalRound zero", why);
        }
        if four && self.proposer_rule != ProposerRule::Besu {
            let why = "the four-item encoding is Besu's, and Besu knows its own rule alone";
            return excluded("messageEncoding fourItem", "proposerRule other than besu", why);
        }
        if self.mixed_digests && self.proposal_round == ProposalRound::Real {
            let why =
                "where blocks carry their round there is one digest; a proposal with round 0 has both equal";
            return excluded("mixedDigests", "proposalRound real", why);
        }
        match self.timeout_cap_ms {
            Some(cap_ms) if cap_ms < base_ms && self.profile != ClientProfile::Quorate => {
                Err(ProfileError::TimeoutCap { cap_ms, base_ms })
            }
            _ => Ok(()),
        }
    }
}

/// What a genesis file itself says of how nodes speak; nearly always nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Our key `messageencoding`.
    pub encoding: Option<MessageEncoding>,
    /// Our key `proposalround`.
    pub round: Option<ProposalRound>,
    /// GoQuorum's `policy` 1: the proposer stays.
    pub sticky: bool,
    /// GoQuorum's `maxRequestTimeoutSeconds`, milliseconds.
    pub timeout_cap_ms: Option<u64>,
}

impl Written {
    fn check(&self, rules: &WireRules) -> Result<(), ProfileError> {
        if let Some(want) = self.encoding.filter(|want| *want != rules.message_encoding) {
            return Err(differs("messageencoding", rules.message_encoding, want));
        }
        match self.round.filter(|want| *want != rules.proposal_round) {
            Some(want) => Err(differs("proposalround", rules.proposal_round, want)),
            None => Ok(()),
        }
    }
}

fn differs(field: &'static str, got: impl core::fmt::Debug, want: impl core::fmt::Debug) -> ProfileError {
    ProfileError::Genesis { field, got: alloc::format!("{got:?}"), want: alloc::format!("{want:?}") }
}

#[cfg(test)]
mod tests;
