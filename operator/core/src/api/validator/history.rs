//! How far back a fleet's nodes keep the state of old blocks.
#![expect(unreachable_pub, reason = "the KubeSchema derive repeats the type inside a function")]

use kube_derive::KubeSchema;
use serde::{Deserialize, Serialize};

/// State history: `blocks`, or `all` for ever. Blocks, receipts and logs are kept whatever stands here.
#[derive(KubeSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("has(self.blocks) != (has(self.all) && self.all)")
        .message("exactly one of spec.history.blocks and spec.history.all: true is required"),
)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// Blocks behind the newest whose state can be read. Lowered, older states are refused at once and their disk space becomes free for new
    /// ones over many blocks; raised, states are kept from then on, and those forgotten before do not come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 128, max = 1_000_000_000))]
    pub blocks: Option<i64>,
    /// `true` forgets no state from now on: an archive, if set before the nodes' first block. Disks grow with every change of state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<bool>,
}
