//! Disks that grow.

use super::{disk, running, says, valid_fleet};
use crate::{
    api::conditions::reasons,
    observed::{FleetObserved, VolumeObserved},
    plan::fleet,
    validate::ValidFleet,
};

#[test]
fn disks_grow_one_after_the_other_a_full_one_first_and_never_shrink() {
    let grow = |observed: &FleetObserved, size: &str| {
        let valid = ValidFleet { storage_size: size.to_owned(), ..valid_fleet(4) };
        let plan = fleet(&valid, observed, "new:1");
        let waits: Vec<_> = plan.waits.iter().map(|wait| wait.reason).collect();
        (plan.grow.map(|grow| (grow.volume, grow.size)), waits)
    };
    let mut observed = running(4, 4);
    let volume = |observed: &mut FleetObserved, index, disk| {
        observed.nodes.get_mut(&index).expect("a node").volume = Some(disk);
    };
    assert_eq!(grow(&observed, "50Gi"), (None, vec![]));
    assert_eq!(grow(&observed, "40Gi"), (None, vec![]), "a disk that somebody grew stays as it is");
    let first = |name: &str| Some((name.to_owned(), "60Gi".to_owned()));
    assert_eq!(grow(&observed, "60Gi"), (first("data-bank-a-0"), vec![reasons::VOLUME_GROWING; 4]));
    says(&mut observed, 2, &|status| status.faults.push("journal: no space left on device".to_owned()));
    assert_eq!(grow(&observed, "60Gi").0, first("data-bank-a-2"));
    volume(&mut observed, 2, disk("60Gi", "50Gi"));
    assert_eq!(grow(&observed, "60Gi").0, None, "it has not grown yet");
    let failed = crate::observed::Growth { failed: true, message: "ControllerResizeError: quota".to_owned() };
    volume(&mut observed, 2, VolumeObserved { growth: Some(failed), ..disk("60Gi", "50Gi") });
    assert_eq!(grow(&observed, "60Gi").1[0], reasons::VOLUME_GROWTH_FAILED);
    volume(&mut observed, 2, disk("60Gi", "61440Mi"));
    assert_eq!(grow(&observed, "60Gi").0, first("data-bank-a-0"));
    volume(&mut observed, 0, VolumeObserved { bound: false, ..disk("50Gi", "50Gi") });
    assert_eq!(grow(&observed, "60Gi").0, first("data-bank-a-1"), "one that is not bound cannot grow yet");
}
