//! NetworkPolicy objects as rules of nftables, so that what they promise is tested on the embedded cluster instead of
//! assumed: objects → [`rules::PodRules`] of the pods of one Kubernetes node → text for `nft -f`.
//!
//! Pods are routed: every packet to or from one passes its node's `forward` hook, with Services already translated to pod
//! addresses. What the node itself sends (the kubelet's probes) does not, and is always allowed, as Kubernetes says.
//! IPv4 only, as the embedded cluster. Connections that are already open are left alone; so is a pod's first second, until
//! its address is known.

pub mod nft;
pub mod rules;
mod selector;

#[cfg(test)]
mod tests;
