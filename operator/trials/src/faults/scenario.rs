//! What a user does: a beginning that is let settle, then the steps under which faults happen.

mod votes;

use chain::governance::Snapshot;
use serde_json::{Value, json};
use std::fmt;

/// The network's name in every scenario.
pub const NETWORK: &str = "trade-finance";
/// The fleet that holds the first seats.
pub const FLEET: &str = "bank-a";
/// A second fleet, of one node.
pub const EXTRA: &str = "extra";

/// One of the things a user does with a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scenario {
    /// Two manifests become a network of four.
    Create,
    /// From four nodes to five.
    ScaleUp,
    /// From five nodes to four.
    ScaleDown,
    /// Another image for all four.
    RollImage,
    /// Other resources for all four.
    ChangeResources,
    /// Another node pool for all four.
    ChangeNodePool,
    /// Another place for the keys, which is refused; then no more keys are to be made.
    ChangeKeys,
    /// A second fleet goes, and gives its seat up.
    Delete,
    /// Fleet and network go, and come again under their names: keys, disks and genesis are still there.
    Recreate,
    /// Everything goes, keys and disks too; then the same manifests come again.
    Reapply,
    /// Two manifests become a network of four with a spare.
    CreateSpare,
    /// A network of four gets a spare, and with it the fence.
    AddSpare,
    /// Positions come and go among members that vote otherwise.
    Votes,
}

/// One thing done.
#[derive(Clone, Debug)]
pub enum Step {
    /// `kubectl apply --server-side`.
    Apply(Value),
    /// `kubectl patch --type merge`: kind, name, patch.
    Merge(&'static str, &'static str, Value),
    /// The same, which the API server must refuse.
    Refused(&'static str, &'static str, Value),
    /// `kubectl scale validator`.
    Scale(i32),
    /// `kubectl delete --wait`: kind, name.
    Delete(&'static str, &'static str),
    /// `kubectl delete -f` of both manifests: the network's first, and neither is waited for.
    Prune,
    /// `kubectl delete secrets,configmaps,pvc --all`, by a person who means it.
    Empty,
    /// A member that the operator does not act for sends a call from its wallet, once it can make one of what the chain says.
    Wallet(u8, fn(&Snapshot) -> Option<Vec<u8>>),
    /// The chain says so; what it is about.
    Await(&'static str, fn(&Snapshot) -> bool),
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Create,
        Self::ScaleUp,
        Self::ScaleDown,
        Self::RollImage,
        Self::ChangeResources,
        Self::ChangeNodePool,
        Self::ChangeKeys,
        Self::Delete,
        Self::Recreate,
        Self::Reapply,
        Self::CreateSpare,
        Self::AddSpare,
        Self::Votes,
    ];

    /// What comes first, undisturbed.
    #[must_use]
    pub fn beginning(self) -> Vec<Step> {
        match self {
            Self::Create | Self::CreateSpare => Vec::new(),
            Self::Votes => votes::beginning(),
            Self::ScaleDown => vec![Step::Apply(consortium()), Step::Apply(fleet(FLEET, 5))],
            Self::Delete => {
                vec![Step::Apply(consortium()), Step::Apply(fleet(FLEET, 4)), Step::Apply(fleet(EXTRA, 1))]
            }
            _ => vec![Step::Apply(consortium()), Step::Apply(fleet(FLEET, 4))],
        }
    }

    /// What is disturbed.
    #[must_use]
    pub fn steps(self) -> Vec<Step> {
        let edit = |spec: Value| vec![Step::Merge("Validator", FLEET, json!({ "spec": spec }))];
        let go = || vec![Step::Delete("Validator", FLEET), Step::Delete("Consortium", NETWORK)];
        let come = || vec![Step::Apply(consortium()), Step::Apply(fleet(FLEET, 4))];
        match self {
            Self::Create => come(),
            Self::CreateSpare => {
                let mut fleet = fleet(FLEET, 4);
                fleet["spec"]["standbys"] = json!(1);
                vec![Step::Apply(consortium()), Step::Apply(fleet)]
            }
            Self::AddSpare => edit(json!({ "standbys": 1 })),
            Self::Votes => votes::steps(),
            Self::ScaleUp => vec![Step::Scale(5)],
            Self::ScaleDown => vec![Step::Scale(4)],
            Self::RollImage => edit(json!({ "image": "registry.example/node:2" })),
            Self::ChangeResources => edit(json!({ "resources": { "limits": { "memory": "2Gi" } } })),
            Self::ChangeNodePool => edit(json!({ "nodePool": { "name": "validators" } })),
            Self::ChangeKeys => vec![
                Step::Refused(
                    "Validator",
                    FLEET,
                    json!({ "spec": { "keys": { "secret": null, "azureKeyVault": { "vaultUrl": "https://v.example" } } } }),
                ),
                Step::Merge(
                    "Validator",
                    FLEET,
                    json!({ "spec": { "keys": { "secret": { "create": false } } } }),
                ),
            ],
            Self::Delete => vec![Step::Delete("Validator", EXTRA)],
            Self::Recreate => [vec![Step::Prune], come()].concat(),
            Self::Reapply => [go(), vec![Step::Empty], come()].concat(),
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::ScaleUp => "scale-up",
            Self::ScaleDown => "scale-down",
            Self::RollImage => "roll-image",
            Self::ChangeResources => "change-resources",
            Self::ChangeNodePool => "change-node-pool",
            Self::ChangeKeys => "change-keys",
            Self::Delete => "delete",
            Self::Recreate => "recreate",
            Self::Reapply => "reapply",
            Self::CreateSpare => "create-spare",
            Self::AddSpare => "add-spare",
            Self::Votes => "votes",
        })
    }
}

fn consortium() -> Value {
    json!({
        "apiVersion": "quorate.dev/v1alpha1", "kind": "Consortium", "metadata": { "name": NETWORK },
        "spec": {
            "member": { "alias": "bank-a", "admin": { "secret": {} }, "operator": { "secret": {} } },
            "create": { "chainId": 10101, "fleets": [FLEET], "blockPeriod": "2s" },
        },
    })
}

fn fleet(name: &str, replicas: i32) -> Value {
    json!({
        "apiVersion": "quorate.dev/v1alpha1", "kind": "Validator", "metadata": { "name": name },
        "spec": {
            "consortiumRef": { "name": NETWORK }, "replicas": replicas,
            "keys": { "secret": {} }, "storage": { "size": "2Gi" }, "image": "registry.example/node:1",
            "resources": { "requests": { "cpu": "100m", "memory": "128Mi" }, "limits": { "memory": "1Gi" } },
            "rpc": { "type": "LoadBalancer" },
        },
    })
}
