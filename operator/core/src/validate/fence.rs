//! Spares, and where it is on record which node holds an identity.

use super::{IdentityKeys, InvalidField};
use crate::{
    api::{
        ValidatorSpec,
        validator::{Fence, FenceBlobs, Role},
    },
    names::NodeName,
};
use alloy_primitives::{Address, B256};
use chain::config::{AzureConfig, LEASE_MS};

/// Spares of a fleet at most; the schema says so too.
pub const MAX_STANDBYS: u32 = 16;
/// Seconds that a holder may be silent.
const LEASE_SECONDS: std::ops::RangeInclusive<i32> = 2..=60;

/// What keeps two nodes from voting with one identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetFence {
    /// Where the records are.
    pub store: FenceStore,
    /// A holder may be silent for so long.
    pub lease_ms: u64,
    /// What tells this fleet's nodes from those of the same name elsewhere.
    pub site: String,
    /// The identities are this fleet's; otherwise it stands by for those of another cluster.
    pub preferred: bool,
}

/// Where the records of a fleet's identities are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FenceStore {
    /// In Leases of the fleet's namespace.
    Leases,
    /// In blobs.
    Blobs(Box<FenceContainer>),
}

/// A container with records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FenceContainer {
    /// Its address.
    pub url: String,
    /// Tenant and client of the nodes' workload identity, and who vouches for storage and token service; `None` where the keys' vault
    /// has named them.
    pub access: Option<FenceAccess>,
}

/// The nodes' workload identity where their keys are in no vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FenceAccess {
    /// Tenant.
    pub tenant_id: String,
    /// Client.
    pub client_id: String,
    /// Where nodes get tokens, in another cloud than the public one.
    pub authority_host: Option<String>,
    /// Who vouches for storage and token service.
    pub ca_bundle: Option<String>,
}

impl FenceAccess {
    /// As a node's configuration says it.
    #[must_use]
    pub fn config(&self, token_file: String) -> AzureConfig {
        AzureConfig {
            tenant_id: self.tenant_id.clone(),
            client_id: self.client_id.clone(),
            token_file,
            authority_host: self.authority_host.clone(),
            ca_bundle: self.ca_bundle.clone(),
        }
    }
}

impl FleetFence {
    /// What a node is called in the records.
    #[must_use]
    pub fn holder(&self, node: &NodeName) -> String {
        format!("{}/{node}", self.site)
    }

    /// The node of ours that a record means, else the name as it is: another cluster's.
    #[must_use]
    pub fn named<'a>(&self, holder: &'a str) -> &'a str {
        holder.strip_prefix(&self.site).and_then(|rest| rest.strip_prefix('/')).unwrap_or(holder)
    }

    /// The container, if the records are in one.
    #[must_use]
    pub const fn container(&self) -> Option<&FenceContainer> {
        match &self.store {
            FenceStore::Leases => None,
            FenceStore::Blobs(container) => Some(container),
        }
    }
}

/// Blob with the record of an identity. Clusters that share one share nothing else by which it could be named: neither namespace nor
/// fleet, and a key's name only where it is in a vault.
#[must_use]
pub fn blob(genesis: B256, identity: Address) -> String {
    format!("{genesis}/{identity}.fence")
}

/// Of a fleet: how many spares, and the fence if identities can move. One that is being deleted always passes.
pub(super) fn fence(
    spec: &ValidatorSpec,
    keys: &IdentityKeys,
    namespace: &str,
    deleting: bool,
) -> Result<(u32, Option<FleetFence>), InvalidField> {
    let standbys = match u32::try_from(spec.standbys) {
        Ok(standbys) if standbys <= MAX_STANDBYS => standbys,
        _ if deleting => 0,
        _ => {
            let fix = format!("is {}; it must be 0 to {MAX_STANDBYS}", spec.standbys);
            return Err(InvalidField::new("spec.standbys", fix));
        }
    };
    let fenced = spec.role == Role::Validator && (standbys > 0 || spec.fence.is_some());
    if !fenced && !deleting && (standbys > 0 || spec.fence.is_some()) {
        let fix = "needs role Validator: observers have no identity that could move";
        return Err(InvalidField::new("spec.standbys", fix));
    }
    if !fenced {
        return Ok((0, None));
    }
    match valid(&spec.fence.clone().unwrap_or_default(), keys, namespace) {
        Ok(fence) => Ok((standbys, Some(fence))),
        Err(_) if deleting => Ok((0, None)),
        Err(error) => Err(error),
    }
}

fn valid(fence: &Fence, keys: &IdentityKeys, namespace: &str) -> Result<FleetFence, InvalidField> {
    let store = match (&fence.kubernetes_lease, &fence.azure_blob) {
        (Some(_), Some(_)) => {
            return Err(InvalidField::new(
                "spec.fence",
                "has both kubernetesLease and azureBlob: remove one",
            ));
        }
        (_, None) => FenceStore::Leases,
        (None, Some(blobs)) => FenceStore::Blobs(Box::new(container(blobs, keys)?)),
    };
    let preferred = fence.preferred.unwrap_or(true);
    if !preferred && store == FenceStore::Leases {
        let fix =
            "is false, which needs spec.fence.azureBlob: nodes of another cluster see no Lease of this one";
        return Err(InvalidField::new("spec.fence.preferred", fix));
    }
    if !preferred && keys.creates() {
        let fix = "is false: the keys are another cluster's, so spec.keys must say create false";
        return Err(InvalidField::new("spec.fence.preferred", fix));
    }
    let lease_ms = match fence.lease_seconds {
        None => LEASE_MS,
        Some(seconds) if LEASE_SECONDS.contains(&seconds) => u64::from(seconds.unsigned_abs()) * 1000,
        Some(seconds) => {
            let fix =
                format!("is {seconds}; it must be {} to {}", LEASE_SECONDS.start(), LEASE_SECONDS.end());
            return Err(InvalidField::new("spec.fence.leaseSeconds", fix));
        }
    };
    let site = fence.site.clone().unwrap_or_else(|| namespace.to_owned());
    Ok(FleetFence { store, lease_ms, site, preferred })
}

fn container(blobs: &FenceBlobs, keys: &IdentityKeys) -> Result<FenceContainer, InvalidField> {
    let own = (blobs.tenant_id.as_ref(), blobs.client_id.as_ref());
    let access = match (keys.vault(), own) {
        (Some(_), (None, None)) if blobs.authority_host.is_none() && blobs.ca_bundle.is_none() => None,
        (None, (Some(tenant), Some(client))) => Some(FenceAccess {
            tenant_id: tenant.clone(),
            client_id: client.clone(),
            authority_host: blobs.authority_host.clone(),
            ca_bundle: blobs.ca_bundle.clone(),
        }),
        (Some(_), _) => {
            let fix = "names a workload identity, and the nodes have that of spec.keys.azureKeyVault: leave out tenantId, clientId, authorityHost and caBundle";
            return Err(InvalidField::new("spec.fence.azureBlob", fix));
        }
        (None, _) => {
            let fix = "needs tenantId and clientId of the nodes' workload identity";
            return Err(InvalidField::new("spec.fence.azureBlob", fix));
        }
    };
    Ok(FenceContainer { url: blobs.container_url.trim_end_matches('/').to_owned(), access })
}

#[cfg(test)]
mod tests {
    use super::{FenceStore, blob};
    use crate::{
        api::Validator,
        names::NodeName,
        validate::{ValidFleet, fleet},
    };
    use alloy_primitives::{Address, B256};
    use serde_json::{Value, json};

    #[expect(clippy::needless_pass_by_value, reason = "tests write fields in place")]
    fn with(edit: Value, deleting: bool) -> Result<ValidFleet, String> {
        let mut object = json!({
            "apiVersion": "quorate.dev/v1alpha1", "kind": "Validator",
            "metadata": { "name": "bank-a", "namespace": "blue" },
            "spec": { "consortiumRef": { "name": "trade-finance" }, "replicas": 4 },
        });
        for (field, value) in edit.as_object().expect("fields") {
            object["spec"][field] = value.clone();
        }
        if deleting {
            object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        let object: Validator = serde_json::from_value(object).expect("a Validator");
        fleet(&object).map_err(|error| error.to_string())
    }

    #[expect(clippy::needless_pass_by_value, reason = "tests write fields in place")]
    fn blobs(more: Value) -> Value {
        let mut blobs = json!({ "containerUrl": "https://a.blob.core.windows.net/fence" });
        for (field, value) in more.as_object().expect("fields") {
            blobs[field] = value.clone();
        }
        json!({ "azureBlob": blobs })
    }

    const ID: &str = "11111111-2222-3333-4444-555555555555";

    fn vault(create: bool) -> Value {
        json!({ "azureKeyVault": { "vaultUrl": "https://v.vault.azure.net", "tenantId": ID, "clientId": ID, "create": create } })
    }

    #[test]
    fn a_fleet_is_fenced_when_it_has_spares_or_says_so_and_not_otherwise() {
        let fence = |edit| with(edit, false).map(|valid| (valid.standbys, valid.fence)).expect("valid");
        assert_eq!(fence(json!({})), (0, None));
        let (standbys, spares) = fence(json!({ "standbys": 2 }));
        let spares = spares.expect("a fence");
        assert_eq!(
            (standbys, &spares.store, spares.lease_ms, spares.preferred),
            (2, &FenceStore::Leases, 6000, true)
        );
        let node = NodeName { fleet: "bank-a".to_owned(), index: 64 };
        assert_eq!(spares.holder(&node), "blue/bank-a-standby-0");
        assert_eq!(spares.named("blue/bank-a-0"), "bank-a-0");
        assert_eq!(spares.named("blues/bank-a-0"), "blues/bank-a-0", "another cluster's");
        let (standbys, said) = fence(json!({ "fence": { "leaseSeconds": 9, "site": "west" } }));
        let said = said.expect("a fence");
        assert_eq!((standbys, said.lease_ms, said.site.as_str()), (0, 9000, "west"));
    }

    #[test]
    fn what_a_fence_cannot_be_is_refused_by_its_field_and_keeps_no_fleet_that_goes() {
        let own = json!({ "tenantId": ID, "clientId": ID });
        let standing_by = |create| json!({ "keys": vault(create), "fence": { "azureBlob": blobs(json!({}))["azureBlob"], "preferred": false } });
        for (edit, field) in [
            (json!({ "standbys": 17 }), "spec.standbys"),
            (json!({ "standbys": -1 }), "spec.standbys"),
            (json!({ "standbys": 1, "role": "Observer" }), "spec.standbys"),
            (json!({ "fence": {}, "role": "Observer" }), "spec.standbys"),
            (json!({ "fence": { "leaseSeconds": 1 } }), "spec.fence.leaseSeconds"),
            (json!({ "fence": { "leaseSeconds": 61 } }), "spec.fence.leaseSeconds"),
            (json!({ "fence": { "preferred": false } }), "spec.fence.preferred"),
            (standing_by(true), "spec.fence.preferred"),
            (json!({ "fence": blobs(json!({})) }), "spec.fence.azureBlob"),
            (json!({ "fence": blobs(json!({ "tenantId": ID })) }), "spec.fence.azureBlob"),
            (json!({ "keys": vault(true), "fence": blobs(own.clone()) }), "spec.fence.azureBlob"),
            (
                json!({ "keys": vault(true), "fence": blobs(json!({ "caBundle": "x" })) }),
                "spec.fence.azureBlob",
            ),
        ] {
            let refused = with(edit.clone(), false).expect_err("refused");
            assert!(refused.starts_with(&format!("{field}: ")), "{edit}: {refused}");
            assert!(with(edit.clone(), true).is_ok(), "{edit}: a fleet that goes is let go");
        }
        let both =
            json!({ "fence": { "kubernetesLease": {}, "azureBlob": blobs(own.clone())["azureBlob"] } });
        assert!(with(both, false).expect_err("refused").starts_with("spec.fence: "));
        for good in [
            standing_by(false),
            json!({ "fence": blobs(own) }),
            json!({ "keys": vault(true), "standbys": 1, "fence": blobs(json!({})) }),
        ] {
            let fence = with(good.clone(), false).expect("valid").fence.expect("a fence");
            let access = fence.container().expect("a container").access.is_some();
            assert_eq!(access, good.get("keys").is_none(), "{good}");
        }
    }

    #[test]
    fn a_blob_is_named_by_what_clusters_share_and_by_nothing_else() {
        let name = blob(B256::repeat_byte(1), Address::repeat_byte(2));
        assert_eq!(name, format!("0x{}/0x{}.fence", "01".repeat(32), "02".repeat(20)));
    }
}
