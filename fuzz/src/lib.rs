//! What is fuzzed: the decoders of consensus, of the wire, of documents, of signed notices, of raw transactions and of the vote journal's
//! file, and the protocol's `step`. What JSON-RPC calls and the operator's resources are made of is `serde`'s to read. One
//! binary, so that it is linked once; the target is chosen by name.

// The shipped file itself: the node's own crate would bring the EVM and the database into every build.
#[path = "../../validator/src/driver/block.rs"]
mod block;
mod documents;
mod files;
mod notices;
mod peers;
mod step;
mod transactions;
mod votes;

pub use block::ProposedBlock as Block;
pub use votes::record_of;

/// A target: its name, and what is done with the bytes. It must return.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 18] = [
    ("step", step::step),
    ("wire", votes::wire),
    ("record", votes::record),
    ("vote-file", files::vote_file),
    ("raw-transaction", transactions::raw_transaction),
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
    ("compact", peers::compact),
    ("notice", notices::notice),
];

/// The target of a name.
#[must_use]
pub fn target(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|(known, _)| *known == name)
}
