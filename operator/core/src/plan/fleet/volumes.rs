//! Disks that grow, one after the other: those that are full first.

use super::Planner;
use crate::{api::conditions::reasons, observed::VolumeObserved, plan::Wait};

/// A disk to grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grow {
    /// Name of the claim.
    pub volume: String,
    /// Size to ask for.
    pub size: String,
}

impl Planner<'_> {
    pub(super) fn volumes(&mut self) {
        let disks = self.observed.nodes.iter().filter(|(index, _)| self.wanted(**index));
        let mut disks: Vec<_> =
            disks.filter_map(|(index, node)| Some((self.name(*index), node.volume.as_ref()?))).collect();
        let full = |node: &str| {
            self.plan.failures.iter().any(|failed| failed.node == node && failed.reason == "DiskFull")
        };
        disks.sort_by_key(|(node, _)| !full(&node.to_string()));
        let mut before = disks.iter().any(|(_, disk)| disk.is_growing());
        let (mut waits, mut grow) = (Vec::new(), None);
        let size = &self.valid.storage_size;
        for (node, disk) in disks {
            let volume = node.volume();
            if disk.is_growing() {
                waits.push(growing(&volume, disk));
            }
            // One that is not bound has no size to grow from yet; its node waits for it anyway.
            if !disk.is_below(size) || !disk.bound {
                continue;
            }
            if before {
                let message = format!("disk {volume} grows to {size} after the one before it");
                waits.push(Wait::passing(reasons::VOLUME_GROWING, message));
            } else {
                before = true;
                waits.push(Wait::passing(reasons::VOLUME_GROWING, format!("disk {volume} grows to {size}")));
                grow = Some(Grow { volume, size: size.clone() });
            }
        }
        self.plan.waits.extend(waits);
        self.plan.grow = grow;
    }
}

fn growing(volume: &str, disk: &VolumeObserved) -> Wait {
    let has = disk.capacity.as_deref().unwrap_or("nothing");
    let how = disk.growth.as_ref().map(|growth| format!(" ({})", growth.message)).unwrap_or_default();
    let message = format!("disk {volume} has {has} of {}{how}", disk.requested);
    if disk.growth.as_ref().is_some_and(|growth| growth.failed) {
        let cure = "the driver tries again by itself; see kubectl describe pvc";
        return Wait::passing(reasons::VOLUME_GROWTH_FAILED, format!("{message}; {cure}"));
    }
    Wait::passing(reasons::VOLUME_GROWING, message)
}
