//! What becomes of a fleet's pool, by what is served and found.

use operator_core::{
    api::{
        Validator,
        conditions::{ConditionStatus, reasons},
    },
    node_pool::{KIND, Neighbour, PoolObserved, PoolPlan, Surroundings, plan},
    validate::{self, ValidFleet},
};
use serde_json::{Value, json};

const SERVED: &str = "v20260501";

fn fleet(change: impl FnOnce(&mut Value)) -> ValidFleet {
    let mut manifest = json!({
        "apiVersion": "quorate.dev/v1alpha1", "kind": "Validator",
        "metadata": { "name": "bank-a", "namespace": "bank-a" },
        "spec": {
            "consortiumRef": { "name": "trade-finance" },
            "replicas": 4,
            "nodePool": {
                "name": "validators", "manage": "ASO",
                "aso": { "owner": { "name": "aks" }, "vmSize": "Standard_D4s_v5" },
            },
        },
    });
    change(&mut manifest["spec"]["nodePool"]);
    let object: Validator = serde_json::from_value(manifest).expect("a Validator");
    validate::fleet(&object).expect("valid")
}

/// The object as the API server has it after `applied` was applied by the operator, and Azure Service Operator was content.
fn found(applied: &Value, change: impl FnOnce(&mut Value)) -> PoolObserved {
    let mut live = applied.clone();
    live["metadata"]["generation"] = json!(1);
    live["metadata"]["managedFields"] = json!([
        { "manager": "quorate", "operation": "Apply", "apiVersion": applied["apiVersion"], "fieldsV1": { "f:spec": { "f:count": {} } } },
    ]);
    live["status"] = json!({
        "count": 4,
        "conditions": [{ "type": "Ready", "status": "True", "observedGeneration": 1, "reason": "Succeeded" }],
    });
    change(&mut live);
    PoolObserved::read(live)
}

struct Case {
    fleet: ValidFleet,
    served: Option<Vec<String>>,
    found: Option<PoolObserved>,
    neighbours: Vec<Neighbour>,
    pods: u32,
    running: bool,
    may_shrink: bool,
}

impl Case {
    fn new(change: impl FnOnce(&mut Value)) -> Self {
        let served = Some(vec![SERVED.to_owned()]);
        let fleet = fleet(change);
        Self { fleet, served, found: None, neighbours: vec![], pods: 4, running: false, may_shrink: false }
    }

    fn plan(&self) -> PoolPlan {
        let pool = self.fleet.node_pool.as_ref().expect("a pool");
        let around = Surroundings {
            served: self.served.as_deref(),
            found: self.found.as_ref(),
            neighbours: &self.neighbours,
            pods: self.pods,
            running: self.running,
            may_shrink: self.may_shrink,
        };
        plan(&self.fleet, pool, pool.made().expect("made"), &around)
    }

    fn spec(&self) -> Value {
        self.plan().apply.expect("an object")["spec"].clone()
    }

    fn settled(mut self, change: impl FnOnce(&mut Value)) -> Self {
        let applied = self.plan().apply.expect("an object");
        self.found = Some(found(&applied, change));
        self
    }
}

const fn as_is(_: &mut Value) {}

fn autoscaled(pool: &mut Value) {
    pool["aso"]["autoscaling"] = json!({ "maxCount": 9 });
}

fn taken(field: &'static str, value: Value) -> impl FnOnce(&mut Value) {
    move |live| {
        live["spec"][field] = value;
        let fields = json!({ "f:spec": { format!("f:{field}"): {} } });
        let entry = json!({ "manager": "kubectl-edit", "operation": "Update", "fieldsV1": fields });
        live["metadata"]["managedFields"].as_array_mut().expect("managers").push(entry);
    }
}

#[track_caller]
fn assert_stalled(plan: &PoolPlan, reason: &str, named: &str) {
    assert_eq!((plan.state.reason, plan.state.stalled), (reason, true), "{plan:?}");
    assert!(plan.state.message.contains(named), "{named} is not named: {}", plan.state.message);
    assert!(plan.state.wait().is_some_and(|wait| wait.stalled && wait.reason == reason));
}

#[test]
fn without_azure_service_operator_the_fleet_says_what_to_install_and_nothing_is_written() {
    let mut case = Case::new(as_is);
    case.served = None;
    assert_eq!(case.plan().apply, None);
    assert_stalled(&case.plan(), reasons::AZURE_SERVICE_OPERATOR_MISSING, "containerservice.azure.com");
    case.served = Some(vec!["v20261002preview".to_owned()]);
    assert_stalled(&case.plan(), reasons::AZURE_SERVICE_OPERATOR_MISSING, "v20261002preview");
}

#[test]
fn a_new_pool_is_detached_on_delete_tainted_and_has_a_node_for_every_pod() {
    let plan = Case::new(as_is).plan();
    let object = plan.apply.expect("an object");
    assert_eq!(
        object["metadata"]["annotations"]["serviceoperator.azure.com/reconcile-policy"],
        "detach-on-delete"
    );
    assert_eq!(object["metadata"].get("ownerReferences"), None, "it outlives the fleet");
    assert_eq!(object["spec"]["nodeTaints"], json!(["quorate.dev/validators=true:NoSchedule"]));
    assert_eq!((&object["spec"]["count"], &object["spec"]["enableAutoScaling"]), (&json!(4), &json!(false)));
    assert_eq!(
        (plan.state.status, plan.state.reason),
        (ConditionStatus::False, reasons::NODE_POOL_PROVISIONING)
    );
}

#[test]
fn a_pool_grows_at_once_and_gives_up_one_node_at_a_time_only_while_all_is_well() {
    let mut case = Case::new(as_is).settled(as_is);
    assert_eq!(case.spec()["count"], 4);
    case.pods = 7;
    assert_eq!(case.spec()["count"], 7);
    case = Case::new(|_| {}).settled(|live| live["spec"]["count"] = json!(7));
    assert_eq!(case.spec()["count"], 7, "a node may be down");
    case.may_shrink = true;
    assert_eq!(case.spec()["count"], 6);
    case = case.settled(|live| {
        live["spec"]["count"] = json!(6);
        live["metadata"]["generation"] = json!(2);
    });
    assert_eq!(case.spec()["count"], 6, "Azure Service Operator has not done the step before");
}

#[test]
fn pods_of_other_fleets_on_the_pool_count_and_only_one_fleet_makes_it() {
    let mut case = Case::new(as_is);
    let other = |makes| Neighbour { name: "readers".to_owned(), makes, pods: 2 };
    case.neighbours = vec![other(false)];
    assert_eq!(case.spec()["count"], 6);
    let theirs = |live: &mut Value| live["metadata"]["labels"]["quorate.dev/fleet"] = json!("readers");
    let mut case = case.settled(theirs);
    assert!(case.plan().apply.is_some(), "its fleet makes it no longer: taken over");
    case.neighbours = vec![other(true)];
    assert_eq!(case.plan().apply, None);
    assert_stalled(&case.plan(), reasons::NODE_POOL_CLAIMED, "readers");
}

#[test]
fn with_the_autoscaler_on_a_new_pool_is_told_a_count_and_one_that_exists_never() {
    let case = Case::new(autoscaled);
    let spec = case.spec();
    assert_eq!((&spec["count"], &spec["minCount"], &spec["maxCount"]), (&json!(4), &json!(4), &json!(9)));
    let case = case.settled(|live| live["status"]["count"] = json!(6));
    let spec = case.spec();
    assert_eq!((spec.get("count"), &spec["minCount"], &spec["maxCount"]), (None, &json!(4), &json!(9)));
    let mut off = Case::new(as_is);
    off.found = case.found.map(|found| {
        let mut live = found.live;
        live["spec"].as_object_mut().expect("a spec").remove("count");
        PoolObserved::read(live)
    });
    assert_eq!(off.spec()["count"], 6, "switched off it goes on from what the autoscaler left");
}

#[test]
fn a_bound_below_what_the_pods_need_is_named_with_who_set_it() {
    let small = |pool: &mut Value| pool["aso"]["autoscaling"] = json!({ "maxCount": 3 });
    let plan = Case::new(small).plan();
    assert_stalled(&plan, reasons::NODE_POOL_TOO_SMALL, "spec.nodePool.aso.autoscaling.maxCount, is 3");
    let spec = plan.apply.expect("as many as it lets us")["spec"].clone();
    assert_eq!((&spec["minCount"], &spec["maxCount"]), (&json!(3), &json!(3)));
    let plan = Case::new(as_is).settled(taken("count", json!(3))).plan();
    assert_stalled(&plan, reasons::NODE_POOL_TOO_SMALL, "kubectl-edit");
}

#[test]
fn what_another_field_manager_holds_is_left_to_him() {
    let plan = Case::new(as_is).settled(taken("count", json!(8))).plan();
    assert_eq!(plan.apply.expect("an object")["spec"].get("count"), None);
    assert_eq!(plan.state.status, ConditionStatus::True, "8 nodes are enough: {:?}", plan.state);
    let theirs = Case::new(as_is).settled(|live| {
        taken("enableAutoScaling", json!(true))(live);
        taken("maxCount", json!(5))(live);
    });
    let spec = theirs.spec();
    for field in ["enableAutoScaling", "minCount", "maxCount", "count"] {
        assert_eq!(spec.get(field), None, "{field}");
    }
    let policy = "serviceoperator.azure.com/reconcile-policy";
    let skipped = Case::new(as_is).settled(|live| {
        live["metadata"]["annotations"][policy] = json!("skip");
        let fields = json!({ "f:metadata": { "f:annotations": { format!("f:{policy}"): {} } } });
        let entry = json!({ "manager": "kubectl-annotate", "operation": "Update", "fieldsV1": fields });
        live["metadata"]["managedFields"].as_array_mut().expect("managers").push(entry);
    });
    assert_eq!(skipped.plan().apply.expect("an object")["metadata"]["annotations"].get(policy), None);
}

#[test]
fn status_fields_and_metadata_of_others_hold_nothing() {
    let case = Case::new(as_is).settled(|live| {
        let fields = json!({ "f:status": { "f:count": {} }, "f:metadata": { "f:finalizers": {} } });
        let entry = json!({ "manager": "aso-controller", "operation": "Update", "subresource": "status", "fieldsV1": fields });
        live["metadata"]["managedFields"].as_array_mut().expect("managers").push(entry);
    });
    assert_eq!(case.spec()["count"], 4);
}

#[test]
fn a_pool_object_of_somebody_else_is_never_written() {
    let case =
        Case::new(as_is).settled(|live| live["metadata"]["labels"] = json!({ "made-by": "terraform" }));
    assert_eq!(case.plan().apply, None);
    assert_stalled(&case.plan(), reasons::NODE_POOL_FOREIGN, "somebody else");
    let going = Case::new(as_is)
        .settled(|live| live["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"));
    assert_eq!(going.plan().apply, None, "nothing is written over a deletion");
}

#[test]
fn what_azure_service_operator_says_reaches_the_fleet_by_its_severity() {
    let says = |severity: &str| {
        let condition = json!([{ "type": "Ready", "status": "False", "severity": severity, "observedGeneration": 1,
            "reason": "SkuNotAvailable", "message": "Standard_D4s_v5 is not available in westeurope" }]);
        Case::new(as_is).settled(move |live| live["status"]["conditions"] = condition)
    };
    for (severity, running, status, waits) in [
        ("Info", false, ConditionStatus::False, true),
        ("Info", true, ConditionStatus::True, false),
        ("Warning", false, ConditionStatus::False, true),
        ("Warning", true, ConditionStatus::False, false),
        ("Error", true, ConditionStatus::False, true),
    ] {
        let mut case = says(severity);
        case.running = running;
        let state = case.plan().state;
        assert_eq!((state.status, state.wait().is_some()), (status, waits), "{severity}, running {running}");
        assert_eq!(state.stalled, severity == "Error");
        let carried =
            state.message.contains("SkuNotAvailable: Standard_D4s_v5 is not available in westeurope");
        assert_eq!(carried, status == ConditionStatus::False, "{}", state.message);
    }
    assert_stalled(&says("Error").plan(), reasons::NODE_POOL_FAILED, KIND);
}

#[test]
fn the_version_stays_while_it_is_served_and_moves_when_it_is_gone() {
    let mut case = Case::new(as_is).settled(as_is);
    let spoken = |case: &Case| case.plan().apply.expect("an object")["apiVersion"].clone();
    case.served = Some(vec!["v20270101".to_owned(), SERVED.to_owned()]);
    assert_eq!(spoken(&case), "containerservice.azure.com/v20260501");
    assert_eq!(case.plan().restate, None);
    case.served = Some(vec!["v20270101".to_owned()]);
    assert_eq!(spoken(&case), "containerservice.azure.com/v20270101");
    let restated = case
        .plan()
        .restate
        .expect("the API server answers 500 to an apply over entries of a version that is gone");
    assert_eq!(restated[0]["apiVersion"], "containerservice.azure.com/v20270101");
    assert_eq!(restated[0]["fieldsV1"], json!({ "f:spec": { "f:count": {} } }), "who holds what stays");
}
