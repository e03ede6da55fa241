//! What decides nothing in a simulated network, but is in the contract: the directory, memos, strangers.

use super::Draw;
use crate::governance::{Call, NodeId, RecordKind, Role};
use alloy_primitives::{Address, B256, Bytes};

/// Keys of records and nodes to draw from: more than a member may have of either.
const KEYS: u64 = 40;

impl Draw<'_> {
    /// Any call of the contract, by anybody.
    pub fn anything(&mut self) -> (Address, Call) {
        match self.rng.below(100) {
            0..6 => self.node_id(),
            6..12 => self.record(),
            12..18 => self.reasoned(),
            18..23 => (self.stranger(), self.call().1),
            _ => self.call(),
        }
    }

    fn node_id(&mut self) -> (Address, Call) {
        let node: NodeId = (self.key(), B256::with_last_byte(self.small()));
        let role = self.rng.pick(&[Role::Admin, Role::Operator]);
        let sender = self.publisher(role);
        (sender, if self.rng.chance(750) { Call::AddNodeId(node) } else { Call::RemoveNodeId(node) })
    }

    fn record(&mut self) -> (Address, Call) {
        let (kind, role) =
            self.rng.pick(&[(RecordKind::Key, Role::Admin), (RecordKind::Routing, Role::Operator)]);
        let length = self.rng.pick(&[0, 1, 31, 32, 33, 64, 511, 512, 513]);
        let value = Bytes::from(vec![self.small(); length]);
        (self.publisher(role), Call::SetRecord { kind, key: self.key(), value })
    }

    /// A proposal that says why.
    fn reasoned(&mut self) -> (Address, Call) {
        let sender = self.sender(Role::Admin);
        let length = self.rng.pick(&[1, 31, 32, 33, 255, 256, 257]);
        (sender, Call::Propose { motion: self.motion(), memo: "m".repeat(length) })
    }

    /// Mostly the first member's account, so that its lists become full.
    fn publisher(&mut self, role: Role) -> Address {
        let first = self.model.members.values().next().filter(|_| self.rng.chance(700));
        match (first, role) {
            (Some(member), Role::Admin) => member.admin,
            (Some(member), _) => member.operators.first().copied().unwrap_or(member.admin),
            (None, role) => self.sender(role),
        }
    }

    /// An account that has no role, or any role.
    fn stranger(&mut self) -> Address {
        let nobody = Address::with_last_byte(self.small());
        let anybody = [nobody, Address::ZERO, self.any_admin(), self.any_operator(), self.identity()];
        self.rng.pick(&anybody)
    }

    fn key(&mut self) -> B256 {
        B256::with_last_byte(u8::try_from(self.rng.below(KEYS)).unwrap_or(0))
    }

    fn small(&mut self) -> u8 {
        u8::try_from(self.rng.between(1, 3)).unwrap_or(1)
    }
}
