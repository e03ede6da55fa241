//! What a cluster does beside the operator, played from one script by all trials: the StatefulSet controller's pods and status,
//! the kubelet's word on a pod, claims that get their disk, and the two ports of a node.
//!
//! From objects to objects, but for the ports. *When* a part is played is each trial's own business: `faults` plays level by
//! level from its record of a namespace, so that it may hold things back and lie; [`crate::mutate`] as its watches tell, in
//! hundreds of namespaces; [`crate::scale`] once for each of ten thousand sets.

pub mod claim;
pub mod pod;
pub mod ports;
pub mod statefulset;
