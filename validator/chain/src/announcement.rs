//! "Identity X is at node Y", signed by X: how operators, dashboards and other nodes learn which node carries which seat.

use crate::{
    enode::{Enode, EnodeError},
    signature::{Seal, SignatureError, recover},
};
use alloc::{format, string::String};
use alloy_primitives::{Address, B256, B512, Bytes};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use alloy_sol_types::{SolStruct, eip712_domain, sol};

/// Longest endpoint: a name of 253 characters, a colon and a port.
const MAX_ENDPOINT: usize = 260;
/// How far ahead of the reader's clock a sequence number may be: one from far away could never be followed by another.
const MAX_AHEAD_MS: u64 = 86_400_000;

sol! {
    /// EIP-712 struct behind the identity's signature.
    struct QuorateNode {
        address identity;
        bytes nodeId;
        string endpoint;
        uint64 sequence;
    }
}

/// One seat's node. A newer one (higher sequence) takes the place of an older one.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Announcement {
    /// Whose seat.
    pub identity: Address,
    /// The node's p2p key, public part.
    pub node_id: B512,
    /// `host:port` where it can be dialled; empty where its configuration names none.
    pub endpoint: String,
    /// Unix milliseconds when it was made.
    pub sequence: u64,
    /// The identity's.
    pub signature: Seal,
}

/// Why an announcement is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnnouncementError {
    /// Not a place to dial.
    #[error("announced endpoint: {0}")]
    Endpoint(#[from] EnodeError),
    /// Too long.
    #[error("announced endpoint has {got} characters, at most {MAX_ENDPOINT} are allowed")]
    Length {
        /// Found.
        got: usize,
    },
    /// From the future.
    #[error("announcement is of {got} ms, the clock says {now}; compare the clocks")]
    Ahead {
        /// Its sequence.
        got: u64,
        /// Unix milliseconds.
        now: u64,
    },
    /// Malformed.
    #[error("announcement: {0}")]
    Signature(#[from] SignatureError),
    /// Of somebody else.
    #[error("announcement names {want}, its signature is of {got}")]
    Signer {
        /// Recovered.
        got: Address,
        /// Named.
        want: Address,
    },
}

impl Announcement {
    /// What the identity signs: EIP-712, domain `Quorate Node` version 1 of the chain.
    #[must_use]
    pub fn digest(&self, chain_id: u64) -> B256 {
        let node = QuorateNode {
            identity: self.identity,
            nodeId: Bytes::copy_from_slice(self.node_id.as_slice()),
            endpoint: self.endpoint.clone(),
            sequence: self.sequence,
        };
        node.eip712_signing_hash(&eip712_domain! {
            name: "Quorate Node",
            version: "1",
            chain_id: chain_id,
        })
    }

    /// Checks form and signature.
    pub fn verify(&self, chain_id: u64, now_ms: u64) -> Result<(), AnnouncementError> {
        if self.endpoint.len() > MAX_ENDPOINT {
            return Err(AnnouncementError::Length { got: self.endpoint.len() });
        }
        if self.sequence > now_ms.saturating_add(MAX_AHEAD_MS) {
            return Err(AnnouncementError::Ahead { got: self.sequence, now: now_ms });
        }
        self.enode()?;
        let got = recover(self.digest(chain_id), &self.signature)?;
        if got == self.identity {
            Ok(())
        } else {
            Err(AnnouncementError::Signer { got, want: self.identity })
        }
    }

    /// Where to dial it, if it says so.
    pub fn enode(&self) -> Result<Option<Enode>, EnodeError> {
        if self.endpoint.is_empty() {
            return Ok(None);
        }
        let id = alloy_primitives::hex::encode(self.node_id);
        format!("enode://{id}@{}", self.endpoint).parse().map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::seal_from;
    use alloc::string::ToString;
    use k256::ecdsa::SigningKey;

    fn announcement(endpoint: &str) -> Announcement {
        let key = SigningKey::from_slice(&[7; 32]).unwrap();
        let mut made = Announcement {
            identity: Address::from_private_key(&key),
            node_id: B512::repeat_byte(3),
            endpoint: endpoint.to_string(),
            sequence: 1_000,
            signature: Seal::ZERO,
        };
        let (signature, recovery) = key.sign_prehash_recoverable(made.digest(5).as_slice()).unwrap();
        let signature =
            alloy_primitives::Signature::from_bytes_and_parity(&signature.to_bytes(), recovery.is_y_odd());
        made.signature = seal_from(&signature);
        made
    }

    #[test]
    fn an_identity_vouches_for_its_node_on_one_chain() {
        let made = announcement("node-0.bank-a.example:30303");
        assert_eq!(made.verify(5, 1_000), Ok(()));
        let bytes = alloy_rlp::encode(&made);
        assert_eq!(alloy_rlp::decode_exact::<Announcement>(&bytes).unwrap(), made);
        let enode = made.enode().unwrap().unwrap();
        assert_eq!(
            (enode.host.as_str(), enode.port, enode.id),
            ("node-0.bank-a.example", 30303, made.node_id)
        );
        assert_eq!(announcement("").enode(), Ok(None));
        for other in [
            Announcement { node_id: B512::repeat_byte(4), ..made.clone() },
            Announcement { endpoint: "elsewhere:30303".to_string(), ..made.clone() },
            Announcement { sequence: 1_001, ..made.clone() },
            Announcement { identity: Address::ZERO, ..made.clone() },
        ] {
            assert!(matches!(other.verify(5, 1_000), Err(AnnouncementError::Signer { .. })), "{other:?}");
        }
        assert!(matches!(made.verify(6, 1_000), Err(AnnouncementError::Signer { .. })));
    }

    #[test]
    fn endpoints_that_nobody_can_dial_and_sequences_of_tomorrow_are_refused() {
        for endpoint in ["host", "host:0", "host:70000", "a b:30303", "::1:30303"] {
            let refused = announcement(endpoint).verify(5, 1_000);
            assert!(matches!(refused, Err(AnnouncementError::Endpoint(_))), "{endpoint}: {refused:?}");
        }
        let long = announcement(&alloc::format!("{}:30303", "a".repeat(300))).verify(5, 1_000);
        assert_eq!(long, Err(AnnouncementError::Length { got: 306 }));
        let mut ahead = announcement("");
        ahead.sequence = u64::MAX;
        assert!(matches!(ahead.verify(5, 1_000), Err(AnnouncementError::Ahead { .. })));
    }
}
