//! A container of an Azure storage account, in which members publish and find network infos.
#![expect(unreachable_pub, reason = "the KubeSchema derive repeats the type inside a function")]

use crate::api::formats::CONTAINER_URL;
use kube_derive::KubeSchema;
use serde::{Deserialize, Serialize};

/// A blob container with network infos: `<genesis hash>/<publisher>.json`, a blob for each publisher.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("!self.containerUrl.contains('?')")
        .message("containerUrl must have no query: a shared access signature is a credential, and would stand here for all to read; give the operator's workload identity a role on the container instead"),
)]
#[serde(rename_all = "camelCase")]
pub struct AzureBlob {
    /// Address of the container, as `https://<account>.blob.core.windows.net/<container>`, without a query.
    #[schemars(length(max = 512), regex(pattern = CONTAINER_URL))]
    pub container_url: String,
}
