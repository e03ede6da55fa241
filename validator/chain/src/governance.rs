//! The governance contract as this software meets it: its interface, its code, and the storage that a genesis gives
//! it. Source of all three: `contracts/` (`contracts/README.md` for the rules, `contracts/STORAGE.md` for the slots).
//!
//! For block `H` a node calls `getValidators()` and `parametersAt(H)` on the state after block `H - 1`.

mod genesis;
mod interface;
mod proof;
mod reseat;
mod slots;

pub use genesis::{
    GenesisGovernance, GenesisMember, GenesisParameters, GenesisSeat, GovernanceError, Label, genesis_storage,
};
pub use interface::Governance;
pub use interface::{
    Hardfork, Kind, MemberView, NamedContract, NodeId, Obstacle, ParametersView, ProposalView, RecordKind,
    Role, Scheduled, Seat, SeatProof, Snapshot, Status, Successor,
};
pub use proof::{seat_digest, seat_signature};
pub use reseat::reseat_storage;

use crate::genesis::Predeploy;
use alloc::{collections::BTreeMap, vec, vec::Vec};
use alloy_primitives::{Address, Bytes, address, hex};

/// Where every network of ours has its governance contract.
pub const GOVERNANCE: Address = address!("0x0000000000000000000000000000000000009000");

/// Where tools expect to find Multicall3.
pub const MULTICALL3: Address = address!("0xcA11bde05977b3631167028862bE2a173976CA11");

/// Where tools expect to find the deterministic CREATE2 deployer.
pub const CREATE2_DEPLOYER: Address = address!("0x4e59b44847b379578588920cA78FbF26c0B4956C");

/// Most members of one network; `MAX_MEMBERS` of the contract.
pub const MAX_MEMBERS: usize = 256;

/// Most seats of one network, and most that one member may hold; `MAX_SEATS` of the contract.
pub const MAX_SEATS: usize = 512;

/// Blocks between two added seats of a member, and length of its first batch; `SEAT_INTERVAL` of the contract.
pub const SEAT_INTERVAL: u64 = 30;

/// Oldest block a seat proof may cite, counted back from the block that holds it; `PROOF_WINDOW` of the contract.
pub const PROOF_WINDOW: u64 = 256;

macro_rules! code {
    ($file:literal) => {{
        const HEX: &[u8] = include_bytes!(concat!("../../../contracts/artifacts/", $file));
        // Evaluated when compiling: it cannot panic at run time.
        static CODE: [u8; HEX.len() / 2] = match hex::const_decode_to_array(HEX) {
            Ok(code) => code,
            Err(_) => panic!("a contract artifact is not hexadecimal; run contracts/build"),
        };
        Bytes::from_static(&CODE)
    }};
}

/// Runtime code of the governance contract.
#[must_use]
pub fn governance_code() -> Bytes {
    code!("Governance.runtime.hex")
}

/// Runtime code of our Multicall3; its ABI is the usual one.
#[must_use]
pub fn multicall3_code() -> Bytes {
    code!("Multicall3.runtime.hex")
}

/// Runtime code of the deterministic deployer, the same 69 bytes on every chain.
#[must_use]
pub fn create2_deployer_code() -> Bytes {
    code!("Create2Deployer.runtime.hex")
}

/// The contracts of a new network's block 0: governance with its storage, Multicall3, the CREATE2 deployer.
pub fn predeploys(governance: &GenesisGovernance) -> Result<Vec<Predeploy>, GovernanceError> {
    let bare = |address, code| Predeploy { address, code, storage: BTreeMap::new() };
    let storage = genesis_storage(governance)?;
    Ok(vec![
        Predeploy { address: GOVERNANCE, code: governance_code(), storage },
        bare(MULTICALL3, multicall3_code()),
        bare(CREATE2_DEPLOYER, create2_deployer_code()),
    ])
}

#[cfg(test)]
mod tests;
