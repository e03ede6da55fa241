//! The profiles of `examples/profiles`, and the table of docs/sizing.md: every figure of it is worked out from the objects
//! that the operator would make. `UPDATE_GOLDEN=1` rewrites the table for review.

use super::{IMAGE, observed};
use k8s_openapi::{api::core::v1::ResourceRequirements, apimachinery::pkg::api::resource::Quantity};
use operator_core::{
    api::{Consortium, Validator},
    build::{self, FleetResources, Prepared},
    node_pool::{self, Surroundings},
    plan,
    validate::{self, ValidFleet},
};
use serde_json::Value;
use std::{collections::BTreeMap, path::Path};

const PROFILES: [&str; 3] = ["small", "medium", "large"];
/// vCPUs and GiB, by Azure's page on the Dsv5 series.
const SIZES: [(&str, u64, u64); 3] =
    [("Standard_D2s_v5", 2, 8), ("Standard_D4s_v5", 4, 16), ("Standard_D8s_v5", 8, 32)];
const GI: u64 = 1 << 30;

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&path).unwrap_or_default()
}

struct Profile {
    name: &'static str,
    fleet: ValidFleet,
    objects: FleetResources<Prepared>,
    pool: Value,
}

impl Profile {
    fn read(name: &'static str) -> Self {
        let text = text(&format!("examples/profiles/{name}.yaml"));
        let (first, second) = text.split_once("\n---\n").expect("two documents");
        let consortium: Consortium = serde_saphyr::from_str(first).expect("a Consortium");
        let valid = validate::consortium(&consortium).expect("valid");
        let validator: Validator = serde_saphyr::from_str(second).expect("a Validator");
        let fleet = validate::fleet(&validator).expect("valid");
        assert_eq!(valid.name, fleet.consortium, "{name}: the fleet is on another network");
        let validate::Network::Create(chain) = &valid.network else { panic!("{name} creates its network") };
        assert_eq!(chain.fleets, [fleet.name.clone()].into(), "{name}: the genesis waits for another fleet");
        assert!(u32::from(chain.capacity) >= fleet.replicas, "{name}: capacity below its own seats");
        let plan = plan::fleet(&fleet, &observed(&fleet, false), IMAGE);
        let objects = build::fleet(&fleet, &plan.objects.expect("objects")).expect("rendered");
        let pool = pool(&fleet);
        Self { name, fleet, objects, pool }
    }

    fn sum(
        &self,
        of: impl Fn(&ResourceRequirements) -> Option<&BTreeMap<String, Quantity>>,
        what: &str,
    ) -> u64 {
        let sets = self.objects.statefulsets.iter();
        let pods = sets.filter_map(|set| set.spec.template.spec.as_ref());
        let containers = pods.flat_map(|pod| &pod.containers).filter_map(|c| c.resources.as_ref());
        containers.map(|resources| amount(&of(resources).expect("set")[what])).sum()
    }

    fn pods(&self) -> u64 {
        self.objects.statefulsets.len() as u64
    }

    fn disks(&self) -> u64 {
        let claims =
            self.objects.volumes.iter().filter_map(|volume| volume.spec.as_ref()?.resources.as_ref());
        claims.map(|claim| amount(&claim.requests.as_ref().expect("set")["storage"]) / 1000).sum()
    }

    fn nodes(&self) -> u64 {
        self.pool["count"].as_u64().expect("a count")
    }

    fn size(&self) -> (&'static str, u64, u64) {
        let size = SIZES.into_iter().find(|(name, ..)| self.pool["vmSize"] == *name);
        size.unwrap_or_else(|| panic!("{}: no figures for {}", self.name, self.pool["vmSize"]))
    }

    fn row(&self) -> String {
        let cpu = |milli: u64| {
            assert!(milli.is_multiple_of(500), "{}: {milli}m in all do not fit the table", self.name);
            format!("{}{}", milli / 1000, if milli.is_multiple_of(1000) { "" } else { ".5" })
        };
        let gib = |thousandths: u64| thousandths / 1000 / GI;
        let requests = |what| self.sum(|r| r.requests.as_ref(), what);
        let limits = |what| self.sum(|r| r.limits.as_ref(), what);
        let (size, vcpus, memory) = self.size();
        let zones = self.pool["availabilityZones"].as_array().map_or(0, Vec::len);
        let zones = if zones == 0 { String::new() } else { format!(", {zones} zones") };
        let seats = self.fleet.replicas as usize;
        let quorum = chain::quorum::quorum(seats);
        let surge = self.pool["upgradeSettings"]["maxSurge"].as_str().expect("a surge");
        let balanced = self.objects.rpc_service.iter().filter(|service| {
            service.spec.as_ref().is_some_and(|spec| spec.type_.as_deref() == Some("LoadBalancer"))
        });
        format!(
            "| {} | {seats} | {quorum} | {} | {} / {} | {} / {} GiB | {} × {} GiB | {} × `{size}`{zones} | {} vCPU, {} GiB | {} + {surge} nodes, {} pods, {} load balancer |\n",
            self.name,
            seats - quorum,
            cpu(requests("cpu")),
            cpu(limits("cpu")),
            gib(requests("memory")),
            gib(limits("memory")),
            self.pods(),
            self.disks() / GI / self.pods(),
            self.nodes(),
            self.nodes() * vcpus,
            self.nodes() * memory,
            self.nodes(),
            self.pods(),
            balanced.count(),
        )
    }
}

/// The spec of the pool that the operator would have made.
fn pool(fleet: &ValidFleet) -> Value {
    let pool = fleet.node_pool.as_ref().expect("a pool");
    let served = ["v20260501".to_owned()];
    let around = Surroundings {
        served: Some(&served),
        found: None,
        neighbours: &[],
        pods: fleet.replicas,
        running: false,
        may_shrink: false,
    };
    let plan = node_pool::plan(fleet, pool, pool.made().expect("made"), &around);
    plan.apply.expect("an object")["spec"].clone()
}

/// Thousandths: millicores, or a thousand times the bytes.
fn amount(quantity: &Quantity) -> u64 {
    let text = &quantity.0;
    let (digits, factor) = [("m", 1), ("Mi", 1000 << 20), ("Gi", 1000 << 30)]
        .into_iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))
        .unwrap_or((text, 1000));
    digits.parse::<u64>().expect("a whole number") * factor
}

#[test]
fn the_sizing_page_says_what_the_profiles_make() {
    const HEAD: &str = "| profile | validators | quorum | may be away | CPU, requests / limits | memory, requests / limits | disks | virtual machines | of these | IP addresses |\n|---|---|---|---|---|---|---|---|---|---|\n";
    let rows: String = PROFILES.iter().map(|name| Profile::read(name).row()).collect();
    let page = text("docs/sizing.md");
    let (before, rest) = page.split_once("<!-- totals -->\n").expect("the beginning of the table");
    let (_, after) = rest.split_once("<!-- end -->").expect("the end of the table");
    let wanted = format!("{before}<!-- totals -->\n{HEAD}{rows}<!-- end -->{after}");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sizing.md");
        std::fs::write(path, &wanted).expect("written");
    }
    let page = text("docs/sizing.md");
    assert!(
        page == wanted,
        "docs/sizing.md is not what the profiles make; UPDATE_GOLDEN=1 rewrites it. Now:\n{rows}"
    );
}

#[test]
fn a_profile_fits_its_machines_and_no_node_was_ever_measured_above_its_memory() {
    let page = text("docs/performance.md");
    let measured = page.split("rss-mb=").skip(1).filter_map(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u64>().ok()
    });
    let most = measured.max().expect("docs/performance.md has figures");
    for name in PROFILES {
        let profile = Profile::read(name);
        let (_, vcpus, memory) = profile.size();
        let each = |sum: u64| sum / profile.pods();
        let limit = each(profile.sum(|r| r.limits.as_ref(), "memory")) / 1000;
        assert!(limit >= most << 20, "{name}: {} MiB a node, {most} MB were measured", limit >> 20);
        // AKS keeps up to a quarter of a machine's memory, and about a seventh of a small one's CPU.
        assert!(each(profile.sum(|r| r.requests.as_ref(), "memory")) / 1000 <= memory * GI * 3 / 4, "{name}");
        assert!(each(profile.sum(|r| r.requests.as_ref(), "cpu")) <= vcpus * 1000 * 6 / 7, "{name}");
        assert!(limit <= memory * GI * 3 / 4, "{name}: a pod at its limit drives the machine out of memory");
    }
}
