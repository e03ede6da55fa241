//! How many nodes a pool has.

use crate::api::validator::HostSpread;

/// Most nodes of an AKS pool.
const MOST: u32 = 1000;

/// What asks for nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Pods bound to the pool: those wanted, and those above that have not left yet.
    pub pods: u32,
    /// Whether each must have a node of its own.
    pub spread: HostSpread,
    /// Availability zones of the pool; 0 for none.
    pub zones: u32,
}

impl Demand {
    /// A node for each pod. Where pods may not share, whole rows of zones: a pod with a zonal disk goes back to its zone, and
    /// AKS does not say which zones have the odd nodes, nor keep them so.
    #[must_use]
    pub fn nodes(&self) -> u32 {
        let pods = self.pods.max(1);
        let rows = match self.spread {
            HostSpread::Required if self.zones > 1 => pods.div_ceil(self.zones).saturating_mul(self.zones),
            HostSpread::Required | HostSpread::Preferred => pods,
        };
        rows.min(MOST)
    }
}

/// Number of nodes to ask for: more at once, fewer one at a time, because AKS chooses the nodes that go and moves what runs
/// on them.
#[must_use]
pub fn next_count(now: Option<u32>, demand: u32, may_shrink: bool) -> u32 {
    match now {
        Some(now) if now > demand && may_shrink => now - 1,
        Some(now) if now > demand => now,
        Some(_) | None => demand,
    }
}

#[cfg(test)]
mod tests {
    use super::{Demand, next_count};
    use crate::api::validator::HostSpread::{Preferred, Required};

    #[test]
    fn every_pod_has_a_node_and_where_none_may_share_every_zone_has_as_many() {
        let nodes = |pods, spread, zones| Demand { pods, spread, zones }.nodes();
        for (pods, spread, zones, expected) in [
            (4, Preferred, 0, 4),
            (4, Preferred, 3, 4),
            (4, Required, 0, 4),
            (4, Required, 1, 4),
            (4, Required, 3, 6),
            (7, Required, 3, 9),
            (15, Required, 3, 15),
            (4, Required, 2, 4),
            (0, Preferred, 3, 1),
            (5000, Required, 3, 1000),
        ] {
            assert_eq!(nodes(pods, spread, zones), expected, "{pods} pods, {spread:?}, {zones} zones");
        }
    }

    #[test]
    fn a_pool_grows_at_once_and_shrinks_by_one_node_when_it_may() {
        assert_eq!(next_count(None, 4, false), 4);
        assert_eq!(next_count(Some(4), 7, false), 7);
        assert_eq!(next_count(Some(7), 4, false), 7, "while a node is down nothing is moved");
        assert_eq!(next_count(Some(7), 4, true), 6);
        assert_eq!(next_count(Some(4), 4, true), 4);
    }
}
