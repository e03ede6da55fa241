//! Fork ids (EIP-2124, EIP-6122): which forks a node has passed and which comes next.

use alloy_eip2124::{ForkFilter, ForkFilterKey, ForkId, Head};
use alloy_primitives::B256;
use chain::{client::ClientProfile, genesis::Genesis};

/// Genesis and forks of the chain, the input of every fork id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForkSchedule {
    /// On-chain hash of block 0.
    pub genesis_hash: B256,
    /// Time of block 0, seconds.
    pub genesis_time: u64,
    /// Forks by block number; zeros and duplicates do not count.
    pub blocks: Vec<u64>,
    /// Forks by time; those not after genesis do not count.
    pub times: Vec<u64>,
}

/// A peer's fork id does not fit ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "fork id of the peer is {remote_hash:02x?} next {remote_next}, ours is {local_hash:02x?} next {local_next}; \
     compare the fork blocks and times of both genesis files"
)]
pub struct ForkRejection {
    /// Checksum the peer sent.
    pub remote_hash: [u8; 4],
    /// Next fork the peer knows.
    pub remote_next: u64,
    /// Our checksum.
    pub local_hash: [u8; 4],
    /// Next fork we know.
    pub local_next: u64,
}

impl ForkSchedule {
    /// Reads the schedule from a genesis file, with the forks that the clients of this profile count.
    #[must_use]
    pub fn from_genesis(genesis: &Genesis, profile: ClientProfile) -> Self {
        let goquorum = profile == ClientProfile::GoQuorum;
        let (blocks, times) = if goquorum {
            (goquorum_blocks(genesis), Vec::new())
        } else {
            (besu_blocks(genesis), times(genesis))
        };
        Self { genesis_hash: genesis.hash, genesis_time: genesis.header.timestamp, blocks, times }
    }

    /// Fork id to announce with this head.
    #[must_use]
    pub fn current(&self, head_number: u64, head_time: u64) -> ForkId {
        self.filter(head_number, head_time).current()
    }

    /// Checks a peer's fork id against ours.
    pub fn check(&self, head_number: u64, head_time: u64, remote: ForkId) -> Result<(), ForkRejection> {
        let filter = self.filter(head_number, head_time);
        let local = filter.current();
        filter.validate(remote).map_err(|_| ForkRejection {
            remote_hash: remote.hash.0,
            remote_next: remote.next,
            local_hash: local.hash.0,
            local_next: local.next,
        })
    }

    fn filter(&self, number: u64, timestamp: u64) -> ForkFilter {
        let blocks = self.blocks.iter().map(|b| ForkFilterKey::Block(*b));
        let times = self.times.iter().map(|t| ForkFilterKey::Time(*t));
        let head = Head { number, timestamp, ..Head::default() };
        ForkFilter::new(head, self.genesis_hash, self.genesis_time, blocks.chain(times))
    }
}

/// The forks that both clients count.
fn shared_blocks(genesis: &Genesis) -> impl Iterator<Item = u64> {
    let c = &genesis.config;
    let blocks = [
        c.homestead_block,
        c.dao_fork_block,
        c.eip150_block,
        c.eip158_block,
        c.byzantium_block,
        c.constantinople_block,
        c.petersburg_block,
        c.istanbul_block,
        c.muir_glacier_block,
        c.berlin_block,
    ];
    blocks.into_iter().flatten()
}

/// Besu counts no `eip155Block`.
fn besu_blocks(genesis: &Genesis) -> Vec<u64> {
    let c = &genesis.config;
    let later = [c.london_block, c.arrow_glacier_block, c.gray_glacier_block, c.merge_netsplit_block];
    shared_blocks(genesis).chain(later.into_iter().flatten()).collect()
}

fn times(genesis: &Genesis) -> Vec<u64> {
    let c = &genesis.config;
    let times = [
        c.shanghai_time,
        c.cancun_time,
        c.prague_time,
        c.osaka_time,
        c.bpo1_time,
        c.bpo2_time,
        c.bpo3_time,
        c.bpo4_time,
        c.bpo5_time,
        c.amsterdam_time,
        c.bogota_time,
    ];
    times.into_iter().flatten().collect()
}

/// GoQuorum counts every key that ends in `Block`, its own but `qip714Block` included, and no fork after Berlin.
fn goquorum_blocks(genesis: &Genesis) -> Vec<u64> {
    let own = genesis.quorum_forks.iter().copied();
    shared_blocks(genesis).chain(genesis.config.eip155_block).chain(own).collect()
}
