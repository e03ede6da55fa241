//! A node's disk as found.

use crate::units::quantity;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;

/// A disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VolumeObserved {
    /// Size asked for.
    pub requested: String,
    /// Size it has, once it is bound.
    pub capacity: Option<String>,
    /// Whether it is bound: before that its size cannot be changed.
    pub bound: bool,
    /// Where its growth stands, in Kubernetes' words.
    pub growth: Option<Growth>,
}

/// Where a disk's growth stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    /// It has failed; it is tried again by the driver.
    pub failed: bool,
    /// Condition and message.
    pub message: String,
}

impl VolumeObserved {
    /// Reads a claim.
    #[must_use]
    pub fn read(claim: &PersistentVolumeClaim) -> Self {
        let status = claim.status.clone().unwrap_or_default();
        let resources = claim.spec.as_ref().and_then(|spec| spec.resources.as_ref());
        let requested = resources.and_then(|resources| resources.requests.as_ref()?.get("storage"));
        let conditions = status.conditions.unwrap_or_default();
        let growth =
            conditions.iter().filter(|condition| condition.status == "True").map(|condition| Growth {
                failed: ["ControllerResizeError", "NodeResizeError"].contains(&condition.type_.as_str()),
                message: format!("{}: {}", condition.type_, condition.message.as_deref().unwrap_or_default())
                    .trim_end_matches([':', ' '])
                    .chars()
                    .take(300)
                    .collect(),
            });
        Self {
            requested: requested.map(|size| size.0.clone()).unwrap_or_default(),
            capacity: status.capacity.as_ref().and_then(|all| all.get("storage")).map(|size| size.0.clone()),
            bound: status.phase.as_deref() == Some("Bound"),
            // A failure says more than that it is under way.
            growth: growth.max_by_key(|growth| growth.failed),
        }
    }

    /// Asked for less than `size`.
    #[must_use]
    pub fn is_below(&self, size: &str) -> bool {
        quantity(&self.requested).zip(quantity(size)).is_some_and(|(asked, wanted)| asked < wanted)
    }

    /// It has less than was asked for.
    #[must_use]
    pub fn is_growing(&self) -> bool {
        let has = self.capacity.as_deref().and_then(quantity);
        self.bound && has.zip(quantity(&self.requested)).is_some_and(|(has, asked)| has < asked)
    }
}
