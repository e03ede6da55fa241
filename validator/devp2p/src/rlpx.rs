//! RLPx: encrypted, authenticated message transport (devp2p `rlpx.md`, EIP-8 form only).
//!
//! [`ecies`], [`handshake`], [`frame`], [`compression`], [`hello`], [`capability`] and [`disconnect`] are pure: bytes in,
//! bytes out, randomness given. Only [`connection`] reads and writes sockets.

pub mod capability;
pub mod compression;
pub mod connection;
pub mod disconnect;
pub mod ecies;
pub mod frame;
pub mod handshake;
pub mod hello;

/// p2p message ids below the capabilities (devp2p `rlpx.md`).
pub mod message_id {
    /// Hello.
    pub const HELLO: u8 = 0x00;
    /// Disconnect.
    pub const DISCONNECT: u8 = 0x01;
    /// Ping.
    pub const PING: u8 = 0x02;
    /// Pong.
    pub const PONG: u8 = 0x03;
    /// First id of the capabilities.
    pub const CAPABILITIES: u8 = 0x10;
}
