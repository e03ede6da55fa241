//! RLPx: encrypted, authenticated message transport (devp2p `rlpx.md`, EIP-8 form only).

pub mod disconnect;
