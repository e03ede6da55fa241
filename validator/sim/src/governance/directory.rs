//! What a member publishes about itself: the nodes that may peer, and its records.

use super::{NodeId, RecordKind, Refused, Role, Turn};
use alloy_primitives::{B256, Bytes};

const MAX_NODE_IDS: usize = 32;
const MAX_RECORDS: usize = 32;
const MAX_RECORD_BYTES: usize = 512;

impl Turn {
    pub(super) fn add_node_id(&mut self, node: NodeId) -> Result<(), Refused> {
        let member = self.account()?;
        let node_ids = &mut self.member(member)?.node_ids;
        if node_ids.contains(&node) {
            return Err(Refused::NothingToChange);
        }
        if node_ids.len() >= MAX_NODE_IDS {
            return Err(Refused::LimitReached);
        }
        node_ids.insert(node);
        Ok(())
    }

    pub(super) fn remove_node_id(&mut self, node: NodeId) -> Result<(), Refused> {
        let member = self.account()?;
        let had = self.member(member)?.node_ids.remove(&node);
        if had { Ok(()) } else { Err(Refused::NothingToChange) }
    }

    /// An empty value removes a record.
    pub(super) fn set_record(&mut self, kind: RecordKind, key: B256, value: &Bytes) -> Result<(), Refused> {
        let member = self.require(match kind {
            RecordKind::Routing => Role::Operator,
            RecordKind::Key => Role::Admin,
        })?;
        if value.len() > MAX_RECORD_BYTES {
            return Err(Refused::LimitReached);
        }
        let records = &mut self.member(member)?.records;
        if value.is_empty() {
            let had = records.remove(&(kind, key)).is_some();
            return if had { Ok(()) } else { Err(Refused::NothingToChange) };
        }
        let held = records.keys().filter(|(of, _)| *of == kind).count();
        if held >= MAX_RECORDS && !records.contains_key(&(kind, key)) {
            return Err(Refused::LimitReached);
        }
        records.insert((kind, key), value.clone());
        Ok(())
    }

    /// The member of a caller that is its admin or an operator account of it.
    fn account(&self) -> Result<u32, Refused> {
        match self.state.role_of(self.caller) {
            Some((member, Role::Admin | Role::Operator)) => Ok(member),
            _ => Err(Refused::NotPermitted),
        }
    }
}
