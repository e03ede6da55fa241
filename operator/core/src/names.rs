//! Names, labels, ports and paths: each written once.

use alloy_primitives::{Address, hex};
use std::collections::BTreeMap;

/// Field manager of everything the operator applies.
pub const MANAGER: &str = "quorate";
/// Finalizer of `Validator`: seats are given up before the nodes go.
pub const FINALIZER: &str = "quorate.dev/unseat";
/// Finalizer of `Consortium`: it stays until no fleet names it, since seats are given up through it.
pub const NETWORK_FINALIZER: &str = "quorate.dev/fleets";
/// The one container of a node's pod.
pub const CONTAINER: &str = "validator";

/// Label: the network, a `Consortium`'s name.
pub const NETWORK: &str = "quorate.dev/network";
/// Label: the fleet, a `Validator`'s name.
pub const FLEET: &str = "quorate.dev/fleet";
/// Label: the node, its StatefulSet's name.
pub const NODE: &str = "quorate.dev/node";
/// Label: `validator` or `observer`.
pub const ROLE: &str = "quorate.dev/role";
/// Value of [`ROLE`] of nodes that hold seats.
pub const VALIDATOR_ROLE: &str = "validator";
/// Value of [`ROLE`] of nodes that hold none.
pub const OBSERVER_ROLE: &str = "observer";
/// Label of a spare's objects: `true`. Other nodes have none.
pub const STANDBY: &str = "quorate.dev/standby";
/// Label of every node's pod, by which the headless Service and the network policies select them.
pub const NODES: &str = "quorate.dev/nodes";
/// Label of the web server that publishes a network info: its value is the network.
pub const PUBLISHER: &str = "quorate.dev/network-info";
/// Label by which the operator finds its objects.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Annotation: address of the key in a Secret.
pub const ADDRESS: &str = "quorate.dev/address";
/// Annotation: public p2p key in a Secret.
pub const NODE_ID: &str = "quorate.dev/node-id";
/// Annotation: id of the vote journal that belongs to an identity.
pub const JOURNAL_ID: &str = "quorate.dev/journal-id";
/// Annotation on an identity's Secret: `recorded`, once the fence has had a record of it. From then on none is ever made anew.
pub const FENCE: &str = "quorate.dev/fence";
/// Value of [`FENCE`].
pub const RECORDED: &str = "recorded";
/// Annotation of a Lease, by the nodes: the record of its identity.
pub const FENCE_RECORD: &str = "quorate.dev/fence-record";
/// Annotation: id of the key in its vault, version included, that a Secret without a key stands for.
pub const VAULT_KEY: &str = "quorate.dev/vault-key";
/// Annotation: hash of what was applied, to see a change of intent.
pub const APPLIED: &str = "quorate.dev/applied";
/// Annotation of a pod template: hash of the configuration that a node reads only at start.
pub const CONFIG: &str = "quorate.dev/config";
/// Annotation of a StatefulSet: revision of the pod template that it was made by.
pub const TEMPLATE: &str = "quorate.dev/template";
/// Annotation of a StatefulSet: hash of the spec's fields that pods are made from.
pub const SPEC: &str = "quorate.dev/spec";
/// Annotation set by a user on a `Validator`: let it go with its seats.
pub const SKIP_UNSEAT: &str = "quorate.dev/skip-unseat";
/// Annotation set by a user on a `Validator`: ids of lost vote journals, separated by commas, whose loss is accepted.
pub const ACCEPT_JOURNAL_LOSS: &str = "quorate.dev/accept-journal-loss";
/// Annotation set by a user on a `Validator`: restart nodes one after the other whatever it costs the quorum.
pub const IGNORE_QUORUM: &str = "quorate.dev/ignore-quorum";
/// Annotation set by a user on a `Validator`: another of the same network, whose seats pass to the nodes of this one.
pub const REPLACES: &str = "quorate.dev/replaces";
/// Taint that a node pool for validators may carry.
pub const POOL_TAINT: &str = "quorate.dev/validators";

/// Key of a Secret: the 32-byte private key as 64 hex digits.
pub const SECRET_KEY: &str = "key";
/// Key of a Secret: the address.
pub const SECRET_ADDRESS: &str = "address";
/// Key of a Secret: the public p2p key, 128 hex digits.
pub const SECRET_NODE_ID: &str = "nodeId";
/// Key of a Secret that stands for a key in a vault: its id there.
pub const SECRET_KEY_ID: &str = "keyId";
/// Type of a Secret that stands for a key in a vault: it holds none itself.
pub const VAULT_RECORD: &str = "quorate.dev/azure-key-vault";
/// Key of the genesis ConfigMap: the file.
pub const GENESIS_FILE: &str = "genesis.json";
/// Key of the genesis ConfigMap: its hash.
pub const GENESIS_HASH: &str = "genesisHash";
/// Key of the genesis ConfigMap: its chain id.
pub const GENESIS_CHAIN_ID: &str = "chainId";
/// Key of the genesis ConfigMap: admin account of the member that made it.
pub const GENESIS_MEMBER: &str = "member";
/// Key of a node's ConfigMap.
pub const NODE_FILE: &str = "node.json";
/// Key of the network info ConfigMap.
pub const NETWORK_INFO_FILE: &str = "network-info.json";
/// Key of the ConfigMap with what others have published.
pub const LEARNED_FILE: &str = "learned.json";

/// Folder of `node.json` in the container.
pub const CONFIG_DIR: &str = "/etc/quorate/config";
/// Folder of the genesis in the container.
pub const GENESIS_DIR: &str = "/etc/quorate/genesis";
/// Folder of the identity's key in the container.
pub const IDENTITY_DIR: &str = "/etc/quorate/identity";
/// Folder of the keys that a spare stands by with, a folder for each node of the identity.
pub const IDENTITIES_DIR: &str = "/etc/quorate/identities";
/// Folder of what a node needs to write the records of its identity to the API server.
pub const API_DIR: &str = "/etc/quorate/api";
/// The token in it, for the API server alone.
pub const API_TOKEN: &str = "token";
/// The API server's certificate authorities in it.
pub const API_CA: &str = "ca.crt";
/// The API server, as every pod resolves it.
pub const API_SERVER: &str = "https://kubernetes.default.svc";
/// ConfigMap that Kubernetes keeps in every namespace, with the API server's certificate authorities under [`API_CA`].
pub const ROOT_CA: &str = "kube-root-ca.crt";
/// Folder of the p2p key in the container.
pub const P2P_DIR: &str = "/etc/quorate/p2p";
/// Folder of the network info in the container of its web server.
pub const NETWORK_INFO_DIR: &str = "/etc/quorate/network-info";
/// Folder of certificate and key of that web server.
pub const TLS_DIR: &str = "/etc/quorate/tls";
/// Folder of the token in the container by which a node proves who it is to Microsoft Entra.
pub const AZURE_DIR: &str = "/etc/quorate/azure";
/// That token's file.
pub const AZURE_TOKEN: &str = "token";
/// The node's disk in the container.
pub const DATA_DIR: &str = "/var/lib/quorate";

/// Names of a consortium's objects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConsortiumName(pub String);

impl ConsortiumName {
    /// ConfigMap with the genesis.
    #[must_use]
    pub fn genesis(&self) -> String {
        format!("{}-genesis", self.0)
    }

    /// ConfigMap with the network info.
    #[must_use]
    pub fn network_info(&self) -> String {
        format!("{}-network-info", self.0)
    }

    /// ConfigMap with what other members have published of the network.
    #[must_use]
    pub fn learned(&self) -> String {
        format!("{}-learned", self.0)
    }

    /// PodDisruptionBudget over the member's nodes that hold seats.
    #[must_use]
    pub fn disruption_budget(&self) -> String {
        format!("{}-validators", self.0)
    }

    /// Secret with the admin account's key, unless the spec names another.
    #[must_use]
    pub fn admin(&self) -> String {
        format!("{}-admin", self.0)
    }

    /// Secret with the operator account's key, unless the spec names another.
    #[must_use]
    pub fn operator(&self) -> String {
        format!("{}-operator", self.0)
    }

    /// Labels of the consortium's own objects.
    #[must_use]
    pub fn labels(&self) -> BTreeMap<String, String> {
        labels([(NETWORK, self.0.as_str())])
    }
}

/// Names of a fleet's objects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FleetName(pub String);

impl FleetName {
    /// The node with this index; from [`FIRST_SPARE`] on a spare.
    #[must_use]
    pub fn node(&self, index: u32) -> NodeName {
        NodeName { fleet: self.0.clone(), index }
    }

    /// Role, and its binding, by which the nodes write the records of their identities.
    #[must_use]
    pub fn fence_role(&self) -> String {
        format!("{}-fence", self.0)
    }

    /// Headless Service that gives every node a DNS name.
    #[must_use]
    pub fn nodes_service(&self) -> String {
        format!("{}-nodes", self.0)
    }

    /// Service over which nodes of other clusters connect.
    #[must_use]
    pub fn peers_service(&self) -> String {
        format!("{}-peers", self.0)
    }

    /// Service over the ready nodes' JSON-RPC.
    #[must_use]
    pub fn rpc_service(&self) -> String {
        format!("{}-rpc", self.0)
    }
}

/// Index of a fleet's first spare: they follow on as many nodes as a fleet has at most, so that no number means two nodes.
pub const FIRST_SPARE: u32 = 64;
/// What stands between fleet and number in a spare's name.
const SPARE: &str = "-standby";

/// Whether a fleet of this name could not be told from the spares of another.
#[must_use]
pub fn reads_as_spares(fleet: &str) -> bool {
    fleet.ends_with(SPARE)
}

/// Names of a node's objects; shown as its StatefulSet's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeName {
    /// Its fleet.
    pub fleet: String,
    /// Its place in the fleet, from 0; spares are counted from [`FIRST_SPARE`].
    pub index: u32,
}

impl std::fmt::Display for NodeName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.index.checked_sub(FIRST_SPARE) {
            None => write!(f, "{}-{}", self.fleet, self.index),
            Some(number) => write!(f, "{}{SPARE}-{number}", self.fleet),
        }
    }
}

impl NodeName {
    /// The node of a StatefulSet's name, if it is one of this fleet.
    #[must_use]
    pub fn parse(fleet: &str, name: &str) -> Option<Self> {
        let after = name.strip_prefix(fleet)?;
        let spare = after.strip_prefix(SPARE);
        let digits = spare.unwrap_or(after).strip_prefix('-')?;
        let number: u32 = digits.parse().ok()?;
        let index = if spare.is_some() { number.checked_add(FIRST_SPARE)? } else { number };
        let node = Self { fleet: fleet.to_owned(), index };
        (node.to_string() == name).then_some(node)
    }

    /// Whether it is a spare: it has no identity of its own.
    #[must_use]
    pub const fn is_spare(&self) -> bool {
        self.index >= FIRST_SPARE
    }

    /// Lease with the record of its identity. Another identity under the same name has another one.
    #[must_use]
    pub fn lease(&self, identity: Address) -> String {
        format!("{self}-{}", hex::encode(identity))
    }

    /// Its pod.
    #[must_use]
    pub fn pod(&self) -> String {
        format!("{self}-0")
    }

    /// Its disk.
    #[must_use]
    pub fn volume(&self) -> String {
        format!("data-{self}")
    }

    /// Secret with its identity's key.
    #[must_use]
    pub fn identity(&self) -> String {
        format!("{self}-identity")
    }

    /// Secret with its p2p key.
    #[must_use]
    pub fn p2p(&self) -> String {
        format!("{self}-p2p")
    }

    /// ConfigMap with `node.json`.
    #[must_use]
    pub fn config(&self) -> String {
        format!("{self}-config")
    }

    /// DNS name under which peers dial it; resolves before the node is ready.
    #[must_use]
    pub fn host(&self, namespace: &str) -> String {
        format!("{}.{}-nodes.{namespace}.svc", self.pod(), self.fleet)
    }
}

/// Labels of an object: who manages it, and the given ones.
#[must_use]
pub fn labels<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([(MANAGED_BY.to_owned(), MANAGER.to_owned())]);
    labels.extend(pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())));
    labels
}

#[cfg(test)]
mod tests {
    use super::{Address, FIRST_SPARE, NodeName, reads_as_spares};

    #[test]
    fn a_node_name_is_read_back_only_in_its_one_spelling() {
        let node = NodeName::parse("bank-a", "bank-a-12").expect("a node");
        assert_eq!((node.index, node.to_string().as_str()), (12, "bank-a-12"));
        for other in [
            "bank-a",
            "bank-a-",
            "bank-a-012",
            "bank-a-x",
            "bank-b-1",
            "bank-a-1-1",
            "bank-a-64",
            "bank-a-standby",
            "bank-a-standby-",
            "bank-a-standby-00",
            "bank-a-standby-4294967295",
        ] {
            assert_eq!(NodeName::parse("bank-a", other), None, "{other}");
        }
    }

    #[test]
    fn a_spare_is_no_node_with_an_identity_and_its_name_is_read_back() {
        for (name, index, spare) in
            [("bank-a-63", 63, false), ("bank-a-standby-0", 64, true), ("bank-a-standby-15", 79, true)]
        {
            let node = NodeName::parse("bank-a", name).expect("a node");
            assert_eq!((node.index, node.is_spare(), node.to_string().as_str()), (index, spare, name));
        }
        assert!(reads_as_spares("bank-a-standby") && !reads_as_spares("bank-a-standby-2"));
    }

    #[test]
    fn the_longest_fleet_name_leaves_every_child_within_a_dns_label() {
        let node = NodeName { fleet: "f".repeat(40), index: 63 };
        let spare = NodeName { index: FIRST_SPARE + 15, ..node.clone() };
        for name in [node.pod(), node.volume(), node.identity(), node.p2p(), node.config()] {
            assert!(name.len() <= 63, "{name}");
        }
        for name in [spare.pod(), spare.volume(), spare.p2p(), spare.config()] {
            assert!(name.len() <= 63, "{name}");
        }
        // A Lease's name is a subdomain.
        assert!(node.lease(Address::ZERO).len() <= 253);
    }
}
