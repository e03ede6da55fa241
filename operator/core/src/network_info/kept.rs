//! What is kept of other members' network infos: the newest of each publisher, without the genesis, which is kept apart.

use alloy_primitives::{Address, B512};
use chain::{enode::Enode, network_info::NetworkInfo};
use std::collections::{BTreeMap, BTreeSet};

/// As many publishers as a spec has sources.
const MOST_PUBLISHERS: usize = 8;
/// Bootnodes of all publishers together: well below the peers that a node may have.
const MOST_BOOTNODES: usize = 32;

/// Checked documents, newest first, each of another publisher.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learned(Vec<NetworkInfo>);

impl Learned {
    /// Reads what was stored; what somebody has changed since is left out, since nobody has signed it.
    pub fn read(text: &str, genesis: &str) -> Result<Self, serde_json::Error> {
        let documents: Vec<NetworkInfo> = serde_json::from_str(text)?;
        let whole = documents.into_iter().map(|info| NetworkInfo { genesis: genesis.to_owned(), ..info });
        Ok(Self::default().with(whole.filter(|info| info.verify().is_ok())))
    }

    /// As it is stored.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(&self.0)
    }

    /// With these too: of each publisher the one that it issued last. An old one that is sent again changes nothing.
    #[must_use]
    pub fn with(&self, found: impl IntoIterator<Item = NetworkInfo>) -> Self {
        let mut newest: BTreeMap<Address, NetworkInfo> = BTreeMap::new();
        for info in self.0.iter().cloned().chain(found) {
            let older = newest.get(&info.publisher).is_none_or(|known| known.issued_at < info.issued_at);
            if older {
                newest.insert(info.publisher, NetworkInfo { genesis: String::new(), ..info });
            }
        }
        let mut documents: Vec<_> = newest.into_values().collect();
        documents.sort_by_key(|info| (std::cmp::Reverse(info.issued_at), info.publisher));
        documents.truncate(MOST_PUBLISHERS);
        Self(documents)
    }

    /// Without those of publishers that are no members' operator accounts, unless nothing would be left: an address of a node
    /// that may be gone is better than none.
    #[must_use]
    pub fn of_members(self, operators: &BTreeSet<Address>) -> Self {
        let (members, others): (Vec<_>, Vec<_>) =
            self.0.into_iter().partition(|info| operators.contains(&info.publisher));
        Self(if members.is_empty() { others } else { members })
    }

    /// Whether nothing is known.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nodes to dial first, each once, as its newest document says.
    #[must_use]
    pub fn bootnodes(&self) -> Vec<Enode> {
        let mut known: BTreeSet<B512> = BTreeSet::new();
        let all = self.0.iter().flat_map(|info| &info.bootnodes);
        all.filter(|enode| known.insert(enode.id)).take(MOST_BOOTNODES).cloned().collect()
    }
}
