//! What `make drain-nodes` measures: a fleet's pods and chain are watched while every Kubernetes node is drained in turn.
//! [`watch`] turns the cluster into [`timeline::Event`]s, [`timeline::Timeline`] turns those into figures.

pub mod eviction;
pub mod load;
pub mod report;
pub mod timeline;
pub mod watch;
