//! A network of several members, each with a namespace and an operator of its own that sees nothing else: what the demo and the
//! end-to-end tests do with them.

mod dialled;
mod show;
mod signer;
mod story;
mod votes;

pub use dialled::Cut;
pub use show::show;
pub use story::{Begun, begin, join};
pub use votes::{Cast, snapshot, votes};

use crate::{
    account::Account,
    cluster::{Cluster, condition},
    patience::{Progress, with_progress},
    rpc::Rpc,
};
use alloy_primitives::{Address, B256};
use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};
use std::time::Duration;

/// Name of every member's `Consortium`.
pub const NETWORK: &str = "trade-finance";
/// Chain id of the members' network.
pub const CHAIN_ID: u64 = 10102;
/// A vote, a seat or a pod on a busy machine takes less.
pub const LONG: Duration = Duration::from_mins(4);
/// Secret with the certificate of a member's network info, and ConfigMap with the authority that vouches for all of them: made by
/// `e2e/install-members`.
const TLS: &str = "network-info-tls";
const AUTHORITY: &str = "network-info-ca";

/// One organisation, or a second region of it.
#[derive(Clone)]
pub struct Member {
    /// Alias that the others see.
    pub alias: &'static str,
    /// Namespace and fleet: the alias, but for a second region.
    pub place: &'static str,
    /// Its namespace.
    pub cluster: Cluster,
    /// Where the admin's key is.
    admin: Admin,
    /// How members in other clusters reach its nodes.
    peering: Value,
}

/// Who has the admin's key.
#[derive(Clone)]
enum Admin {
    /// The operator, in a Secret.
    Operator,
    /// Somebody else, who signs what `status.toSign` shows.
    Person(Account),
    /// The member's first region.
    FirstRegion(Address),
}

/// A member's two accounts, as its `Consortium` shows them.
#[derive(Clone, Copy, Debug)]
pub struct Accounts {
    /// Votes.
    pub admin: Address,
    /// Seats.
    pub operator: Address,
}

impl Member {
    /// The member whose namespace is there.
    pub async fn connect(alias: &'static str) -> Result<Self> {
        let cluster = Cluster::connect(alias).await?;
        Ok(Self { alias, place: alias, cluster, admin: Admin::Operator, peering: Value::Null })
    }

    /// Its second region: another namespace with an operator of its own, which knows the admin by its address.
    pub async fn region(&self, place: &'static str) -> Result<Self> {
        let (admin, cluster) = (self.accounts().await?.admin, Cluster::connect(place).await?);
        Ok(Self { place, cluster, admin: Admin::FirstRegion(admin), ..self.clone() })
    }

    /// Its admin's key is held by a person.
    #[must_use]
    pub fn signed_by(self, admin: Account) -> Self {
        Self { admin: Admin::Person(admin), ..self }
    }

    /// Its nodes are dialled at a load balancer, from these addresses.
    #[must_use]
    pub fn dialled_from(self, ranges: &[String]) -> Self {
        Self { peering: json!({ "type": "LoadBalancer", "sourceRanges": ranges }), ..self }
    }

    /// Applies its `Consortium` with `network` (`create` or `join`) and these positions.
    pub async fn apply(&self, network: &Value, governance: &Value) -> Result<()> {
        let admin = match &self.admin {
            Admin::Operator => json!({ "secret": {} }),
            Admin::Person(Account { address, .. }) | Admin::FirstRegion(address) => {
                json!({ "address": address })
            }
        };
        let mut spec = json!({
            "member": { "alias": self.alias, "admin": admin, "operator": { "secret": {} } },
            "publish": { "networkInfo": { "service": { "tls": { "secretName": TLS } } } },
        });
        // Votes are the first region's to decide.
        if !matches!(self.admin, Admin::FirstRegion(_)) {
            spec["governance"] = governance.clone();
        }
        for (field, value) in network.as_object().into_iter().flatten() {
            spec[field] = value.clone();
        }
        let object = json!({
            "apiVersion": "quorate.dev/v1alpha1", "kind": "Consortium",
            "metadata": { "name": NETWORK, "namespace": self.place }, "spec": spec,
        });
        self.cluster.apply(&object).await.with_context(|| format!("Consortium of {}", self.place)).map(drop)
    }

    /// Applies its fleet.
    pub async fn fleet(&self, replicas: u32) -> Result<()> {
        let mut object = json!({
            "apiVersion": "quorate.dev/v1alpha1", "kind": "Validator",
            "metadata": { "name": self.place, "namespace": self.place },
            "spec": {
                "consortiumRef": { "name": NETWORK },
                "replicas": replicas,
                "keys": { "secret": {} },
                "storage": { "size": "1Gi" },
                "resources": {
                    "requests": { "cpu": "50m", "memory": "96Mi" }, "limits": { "cpu": "2", "memory": "1Gi" },
                },
                "rpc": { "type": "LoadBalancer" },
            },
        });
        if !self.peering.is_null() {
            object["spec"]["peering"] = self.peering.clone();
        }
        self.cluster.apply(&object).await.with_context(|| format!("Validator of {}", self.place)).map(drop)
    }

    /// Changes its positions, as a merged pull request would.
    pub async fn vote(&self, governance: Value) -> Result<()> {
        let change = json!({ "spec": { "governance": governance } });
        self.cluster.edit("Consortium", NETWORK, change).await.map(drop)
    }

    /// What its `Consortium` says now.
    pub async fn consortium(&self) -> Result<Value> {
        let found = self.cluster.get("Consortium", NETWORK).await?;
        found.with_context(|| format!("{} has no Consortium", self.place))
    }

    /// What its fleet says now.
    pub async fn validator(&self) -> Result<Value> {
        let found = self.cluster.get("Validator", self.place).await?;
        found.with_context(|| format!("{} has no Validator", self.place))
    }

    /// Its accounts, once they are made.
    pub async fn accounts(&self) -> Result<Accounts> {
        with_progress(&format!("{}: its accounts", self.place), LONG, || async {
            let status = self.consortium().await?["status"]["member"].clone();
            let account = |field: &str| status[field].as_str().and_then(|text| text.parse::<Address>().ok());
            Ok(match (account("address"), account("operator")) {
                (Some(admin), Some(operator)) => Progress::Done(Accounts { admin, operator }),
                _ => Progress::Waiting("not made yet".to_owned()),
            })
        })
        .await
    }

    /// The genesis that its network has.
    pub async fn genesis(&self) -> Result<B256> {
        with_progress(&format!("{}: the genesis", self.place), LONG, || async {
            let hash = self.consortium().await?["status"]["genesisHash"].clone();
            Ok(hash
                .as_str()
                .and_then(|text| text.parse().ok())
                .map_or_else(|| Progress::Waiting("not made yet".to_owned()), Progress::Done))
        })
        .await
    }

    /// Waits until a condition of its `Consortium` has this status, and this reason if one is given; its message.
    pub async fn says(&self, kind: &str, status: &str, reason: Option<&str>) -> Result<String> {
        with_progress(&format!("{}: {kind}={status}", self.place), LONG, || async {
            let consortium = self.consortium().await?;
            Ok(match condition(&consortium, kind) {
                Some((is, why, message)) if is == status && reason.is_none_or(|reason| reason == why) => {
                    Progress::Done(message)
                }
                Some((is, why, message)) => Progress::Waiting(format!("{kind}={is}, {why}: {message}")),
                None => Progress::Waiting(format!("no condition {kind} yet")),
            })
        })
        .await
    }

    /// JSON-RPC behind its load balancer.
    pub async fn rpc(&self) -> Result<Rpc> {
        let http = with_progress(&format!("{}: its RPC address", self.place), LONG, || async {
            let fleet = self.validator().await?;
            let http = fleet["status"]["rpc"]["http"].as_str().map(str::to_owned);
            Ok(http.map_or_else(|| Progress::Waiting(phases(&fleet)), Progress::Done))
        })
        .await?;
        Rpc::new(http)
    }

    /// Waits until exactly `count` of its nodes validate, on chain too.
    pub async fn seated(&self, count: usize) -> Result<Vec<Address>> {
        self.seated_of(count, count).await
    }

    /// The same of a region, where the member holds `total` seats.
    pub async fn seated_of(&self, count: usize, total: usize) -> Result<Vec<Address>> {
        with_progress(&format!("{}: {count} seats", self.place), LONG, || async {
            let (fleet, consortium) = (self.validator().await?, self.consortium().await?);
            let nodes = fleet["status"]["nodes"].as_array().cloned().unwrap_or_default();
            let voting = nodes.iter().filter(|node| node["phase"] == "Validating");
            let voting: Vec<Address> =
                voting.filter_map(|node| node["address"].as_str()?.parse().ok()).collect();
            let members = consortium["status"]["members"].as_array().cloned().unwrap_or_default();
            let own = members.iter().find(|member| member["alias"] == self.alias);
            let seats = own.map_or(json!(0), |member| member["seats"].clone());
            if voting.len() == count && seats == json!(total) {
                return Ok(Progress::Done(voting));
            }
            Ok(Progress::Waiting(format!("{seats} on chain, {}", phases(&fleet))))
        })
        .await
    }

    /// Waits until some condition of its fleet or its `Consortium` says all these words; that message.
    pub async fn explains(&self, what: &str, words: &[&str]) -> Result<String> {
        with_progress(&format!("{}: {what}", self.place), LONG, || async {
            let (fleet, consortium) = (self.validator().await?, self.consortium().await?);
            let said: Vec<String> = [&fleet, &consortium]
                .into_iter()
                .flat_map(|object| object["status"]["conditions"].as_array().into_iter().flatten())
                .filter_map(|condition| condition["message"].as_str().map(str::to_owned))
                .collect();
            let why = said.iter().find(|message| words.iter().all(|word| message.contains(word)));
            Ok(why.map_or_else(|| Progress::Waiting(said.join("; ")), |why| Progress::Done(why.clone())))
        })
        .await
    }

    /// Waits until it has exactly so many pods.
    pub async fn runs(&self, count: usize) -> Result<()> {
        with_progress(&format!("{}: {count} pods", self.place), LONG, || async {
            let pods = self.cluster.fleet_pods(self.place).await?;
            let said = || Progress::Waiting(format!("{} pods", pods.len()));
            Ok(if pods.len() == count { Progress::Done(()) } else { said() })
        })
        .await
    }

    /// Waits for more blocks by the word of its nodes.
    pub async fn blocks(&self, more: u64) -> Result<u64> {
        let rpc = self.rpc().await?;
        let from = rpc.block_number().await?;
        with_progress(&format!("{}: {more} more blocks", self.place), LONG, || async {
            let now = rpc.block_number().await?;
            Ok(if now >= from + more {
                Progress::Done(now)
            } else {
                Progress::Waiting(format!("height {now}"))
            })
        })
        .await
    }

    /// Where others read its network info.
    #[must_use]
    pub fn source(&self) -> Value {
        json!({
            "url": format!("https://{NETWORK}-network-info.{}.svc/network-info.json", self.place),
            "caBundle": { "configMapRef": { "name": AUTHORITY } },
        })
    }
}

/// `bank-a-0 Validating, bank-a-1 Syncing`, or why there is none.
fn phases(fleet: &Value) -> String {
    let nodes = fleet["status"]["nodes"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let listed: Vec<_> =
        nodes.map(|node| format!("{} {}", text(&node["name"]), text(&node["phase"]))).collect();
    if listed.is_empty() {
        return condition(fleet, "Ready")
            .map_or_else(|| "no status yet".to_owned(), |(_, why, message)| format!("{why}: {message}"));
    }
    listed.join(", ")
}

/// The seats of the whole network, by the chain.
pub async fn seats(rpc: &Rpc) -> Result<usize> {
    rpc.validators().await.map(|all| all.len()).map_err(|error| anyhow!("validators: {error:#}"))
}
