//! Azure Service Operator as the API server sees it: its kind, installed by its schema, and its part on the status, which
//! whoever makes a trial plays. What the schema is and where it comes from stands at the head of the fixture.

use crate::world::World;
use k8s_openapi::{
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry,
};
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams},
};
use operator_core::node_pool::{GROUP, KIND, PLURAL};
use serde_json::{Value, json};

/// The version of the tests' own reads.
pub const NEWEST: &str = "v20260501";
/// Stored, and served for Azure Service Operator's own use.
const STORED: &str = "v20260501storage";

/// Installs the kind, served as `versions` and as the stored one, and waits until discovery shows exactly these.
pub async fn install(world: &World, versions: &[&str]) {
    let mut crd: Value =
        serde_saphyr::from_str(include_str!("../fixtures/managedclustersagentpools.yaml")).expect("YAML");
    let documented = crd["spec"]["versions"][0].clone();
    let named = |name: &&str| {
        let mut version = documented.clone();
        (version["name"], version["storage"]) = (json!(name), json!(**name == *STORED));
        version
    };
    crd["spec"]["versions"] = versions.iter().chain(&[STORED]).map(named).collect();
    let api: Api<CustomResourceDefinition> = Api::all(world.client.clone());
    let name = crd["metadata"]["name"].as_str().expect("a name").to_owned();
    api.patch(&name, &PatchParams::apply("test").force(), &Patch::Apply(&crd)).await.expect("the CRD");
    let mut wanted: Vec<_> = versions.iter().chain(&[STORED]).map(|name| (*name).to_owned()).collect();
    wanted.sort();
    world
        .until(&format!("{wanted:?} served"), || async {
            let mut served = served(&world.client).await;
            served.sort();
            (served == wanted).then_some(())?;
            // The list of a group's versions comes a little before their paths.
            for version in &wanted {
                let pools: Api<DynamicObject> = Api::all_with(world.client.clone(), &resource(version));
                pools.list(&ListParams::default().limit(1)).await.ok()?;
            }
            Some(())
        })
        .await;
}

async fn served(client: &Client) -> Vec<String> {
    let groups = client.list_api_groups().await.expect("groups").groups;
    let versions = groups.into_iter().find(|group| group.name == GROUP).map(|group| group.versions);
    versions.unwrap_or_default().into_iter().map(|version| version.version).collect()
}

fn resource(version: &str) -> ApiResource {
    ApiResource {
        group: GROUP.to_owned(),
        version: version.to_owned(),
        api_version: format!("{GROUP}/{version}"),
        kind: KIND.to_owned(),
        plural: PLURAL.to_owned(),
    }
}

/// The pool object of a world.
pub struct Pool<'a> {
    world: &'a World,
    version: &'static str,
}

impl<'a> Pool<'a> {
    /// Read by the newest version.
    #[must_use]
    pub const fn of(world: &'a World) -> Self {
        Self { world, version: NEWEST }
    }

    /// Read by this version.
    #[must_use]
    pub const fn by(world: &'a World, version: &'static str) -> Self {
        Self { world, version }
    }

    /// The kind, by the version of this view.
    #[must_use]
    pub fn api(&self) -> Api<DynamicObject> {
        Api::namespaced_with(self.world.client.clone(), &self.world.namespace, &resource(self.version))
    }

    /// The object, if it is there.
    pub async fn get(&self) -> Option<DynamicObject> {
        self.api().get_opt("validators").await.expect("read")
    }

    /// A field of the spec, null where it is absent.
    pub async fn spec(&self, field: &str) -> Value {
        self.get().await.map_or(Value::Null, |pool| pool.data["spec"][field].clone())
    }

    /// Waits until a field of the spec is so.
    pub async fn until(&self, field: &str, wanted: impl Into<Value>) {
        let wanted = wanted.into();
        self.world
            .until(&format!("{field} is {wanted}"), || async {
                (self.get().await.is_some() && self.spec(field).await == wanted).then_some(())
            })
            .await;
    }

    /// Version that the operator applied it by last.
    pub async fn applied_by(&self) -> Option<String> {
        let pool = self.get().await?;
        let ours = |entry: &&ManagedFieldsEntry| {
            entry.manager.as_deref() == Some("quorate") && entry.operation.as_deref() == Some("Apply")
        };
        pool.managed_fields().iter().find(ours)?.api_version.clone()
    }

    /// Azure has `count` nodes, and all that was asked for is done.
    pub async fn done(&self, count: i64) {
        self.report(json!({ "type": "Ready", "status": "True", "reason": "Succeeded" }), count).await;
    }

    /// It is not done, for this reason.
    pub async fn says(&self, severity: &str, reason: &str, message: &str) {
        let condition = json!({
            "type": "Ready", "status": "False", "severity": severity, "reason": reason, "message": message,
        });
        self.report(condition, 0).await;
    }

    async fn report(&self, mut condition: Value, count: i64) {
        let pool = self.get().await.expect("the pool");
        condition["observedGeneration"] = json!(pool.metadata.generation);
        condition["lastTransitionTime"] = json!("2026-01-01T00:00:00Z");
        let status = json!({ "status": { "count": count, "conditions": [condition] } });
        let params =
            PatchParams { field_manager: Some("aso-controller".to_owned()), ..PatchParams::default() };
        self.api().patch_status("validators", &params, &Patch::Merge(&status)).await.expect("reported");
    }

    /// Somebody edits the object.
    pub async fn edit(&self, manager: &str, patch: Value) {
        let params = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
        self.api().patch("validators", &params, &Patch::Merge(&patch)).await.expect("edited");
    }
}
