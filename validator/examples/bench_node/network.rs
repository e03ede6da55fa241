//! The network of a measurement: its files; which of its nodes run is the measurement's affair.

use crate::maker::CHAIN_ID;
use chain::client::ClientProfile;
use std::path::Path;
use validator::devnet::{self, Devnet, DevnetSpec, Ports};

/// Writes it: so many seats, and as many nodes without one.
pub(crate) fn create(
    dir: &Path,
    (seats, others): (usize, usize),
    gas_limit: u64,
    base_port: u16,
) -> anyhow::Result<(Devnet, Vec<Ports>)> {
    let nodes = u16::try_from(seats + others)?;
    let ports: Vec<Ports> = (0..nodes).map(|node| Ports::from_base(base_port, node)).collect();
    let devnet = devnet::create(&DevnetSpec {
        profile: ClientProfile::Quorate,
        dir: dir.to_path_buf(),
        chain_id: CHAIN_ID,
        block_period_s: 1,
        request_timeout_ms: 1500,
        gas_limit,
        nodes: ports.clone(),
        seats,
    })?;
    Ok((devnet, ports))
}
