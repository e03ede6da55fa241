//! What must be answered over the network, a file for each namespace.

mod eth;
mod filters;
mod istanbul;
mod ots;
mod qbft;
mod quorate;
mod rpc;

use super::{chain::Network, script::Scripts};
use serde_json::Value;

/// A block that is not there.
const NOWHERE: &str = "0x3e8";

/// Every file.
pub(crate) fn write(network: &Network) -> Scripts {
    let mut scripts = Scripts::default();
    eth::write(network, &mut scripts);
    filters::write(network, &mut scripts);
    istanbul::write(network, &mut scripts);
    ots::write(network, &mut scripts);
    qbft::write(network, &mut scripts);
    quorate::write(network, &mut scripts);
    rpc::write(&mut scripts);
    scripts
}

fn quantity(number: u64) -> String {
    format!("{number:#x}")
}

/// The JSON of a transaction, a receipt or a block as `eth_*` shows it, which go-ethereum's answers hold to their form.
fn shown(what: impl serde::Serialize) -> Value {
    serde_json::to_value(what).unwrap()
}
