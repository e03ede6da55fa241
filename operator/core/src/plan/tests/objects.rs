//! Image and template of the pods, and nodes that fail.

use super::{running, says, valid_fleet};
use crate::{
    api::validator::Phase,
    build::{FIRST_TEMPLATE, NEWEST_TEMPLATE},
    observed::FleetObserved,
    plan::fleet,
    validate::ValidFleet,
};

#[test]
fn a_fleet_keeps_the_image_it_has_had_until_its_spec_names_one() {
    let image = |valid: &ValidFleet, observed: &FleetObserved| {
        fleet(valid, observed, "new:1").objects.expect("objects").image
    };
    let mut valid = valid_fleet(4);
    valid.image = None;
    assert_eq!(image(&valid, &FleetObserved::default()), "new:1");
    assert_eq!(image(&valid, &running(4, 4)), "old:1");
    let recorded = FleetObserved { recorded_image: Some("recorded:1".to_owned()), ..running(4, 4) };
    assert_eq!(image(&valid, &recorded), "recorded:1");
    valid.image = Some("asked:1".to_owned());
    assert_eq!(image(&valid, &recorded), "asked:1");
}

#[test]
fn stuck_pods_and_full_disks_fail_their_node_by_name_with_a_word_and_a_cure() {
    let mut observed = running(4, 4);
    says(&mut observed, 1, &|status| status.faults.push("vote journal: No space left on device".to_owned()));
    let plan = fleet(&valid_fleet(4), &observed, "new:1");
    let failure = plan.failures.first().expect("a failure");
    assert_eq!((failure.node.as_str(), failure.reason), ("bank-a-1", "DiskFull"));
    assert!(failure.message.contains("spec.storage.size"), "{}", failure.message);
    assert_eq!(plan.nodes[1].phase, Phase::Failed);
}

#[test]
fn a_fleet_keeps_the_pod_template_it_was_made_by_until_its_spec_is_edited() {
    let template = |valid: &ValidFleet, observed: &FleetObserved| {
        fleet(valid, observed, "new:1").objects.expect("objects").template
    };
    let valid = valid_fleet(4);
    let made = |template: u32, spec: Option<&str>| {
        let mut observed = running(4, 4);
        for node in observed.nodes.values_mut() {
            let set = node.statefulset.as_mut().expect("a set");
            (set.template, set.spec) = (template, spec.map(str::to_owned));
        }
        observed
    };
    assert_eq!(
        template(&valid, &FleetObserved { genesis: None, ..FleetObserved::default() }),
        NEWEST_TEMPLATE
    );
    assert_eq!(template(&valid, &made(FIRST_TEMPLATE, Some(&valid.pod_hash))), FIRST_TEMPLATE);
    assert_eq!(template(&valid, &made(FIRST_TEMPLATE, None)), FIRST_TEMPLATE, "made before it was recorded");
    assert_eq!(template(&valid, &made(FIRST_TEMPLATE, Some("another spec"))), NEWEST_TEMPLATE);
    let mut begun = made(FIRST_TEMPLATE, Some("another spec"));
    let set = begun.nodes.get_mut(&0).and_then(|node| node.statefulset.as_mut()).expect("a set");
    (set.template, set.spec) = (NEWEST_TEMPLATE, Some(valid.pod_hash.clone()));
    assert_eq!(template(&valid, &begun), NEWEST_TEMPLATE, "an edit that was applied to one node only");
}
