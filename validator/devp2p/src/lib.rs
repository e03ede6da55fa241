//! Peer-to-peer networking: RLPx, `eth/66` to `eth/69` and `istanbul/100` between validators,
//! and [`own`] between nodes of this program.
//!
//! Static peers are dialled for as long as they are named, inbound connections are accepted within caps, and consensus payloads pass through
//! as received. The crate decides nothing about blocks or votes: it answers peers from a [`ChainReader`] and hands
//! everything else to the owner as [`Event`]s. Sources: devp2p `rlpx.md`, `caps/eth.md`; EIP-8, 706, 2124, 2481, 2976, 5793, 7642.
#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod backoff;
mod counters;
mod dial;
mod event;
mod fork_id;
mod gossip;
mod identity;
mod istanbul;
mod listen;
mod network;
mod options;
mod reader;
mod request;
mod shared;

pub mod eth;
pub mod own;
mod peers;
pub mod rlpx;
mod session;

pub use counters::CounterSnapshot;
pub use event::{DownReason, Event, Events, Misbehaviour, PeerInfo};
pub use fork_id::{ForkRejection, ForkSchedule};
pub use identity::{IdentityError, NodeKey, PeerId};
pub use istanbul::{Audience, CONSENSUS_CODES, MAX_CONSENSUS_PAYLOAD};
pub use network::{Network, StartError, start};
pub use options::NetworkOptions;
pub use own::{Announced, notice::Notice};
pub use peers::admission::{AllowList, Standing};
pub use reader::{Block, BlockBody, BlockId, ChainReader, ChainStatus};
pub use request::RequestError;
pub use rlpx::disconnect::DisconnectReason;
