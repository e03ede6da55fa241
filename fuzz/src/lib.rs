//! What is fuzzed: every decoder that is fed from outside, and the protocol's `step`. One binary, so that it is linked
//! once; the target is chosen by name.

mod block;
mod documents;
mod peers;
mod step;
mod votes;

pub use block::Block;
pub use votes::record_of;

/// A target: its name, and what is done with the bytes. It must return.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 14] = [
    ("step", step::step),
    ("wire", votes::wire),
    ("record", votes::record),
    ("extra", documents::extra),
    ("genesis", documents::genesis),
    ("network-info", documents::network_info),
    ("enode", documents::enode),
    ("node-config", documents::node_config),
    ("handshake", peers::handshake),
    ("frame", peers::frame),
    ("compression", peers::compression),
    ("hello", peers::hello),
    ("disconnect", peers::disconnect),
    ("eth", peers::eth),
];

/// The target of a name.
#[must_use]
pub fn target(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|(known, _)| *known == name)
}
