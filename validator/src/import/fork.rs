//! Evidence of a fork: a second block at a filled height that carries a quorum's seals.

use alloy_consensus::Header;
use alloy_primitives::{Address, B256};
use chain::{
    Extra,
    hash::{block_hash, commit_hash},
    quorum::quorum,
    signature::recover,
};
use ledger::{At, Block, Ledger, LedgerError};
use std::collections::BTreeSet;

/// What to tell a person when `block`, at or below the head, is final too and not ours.
///
/// Seals are counted among the validators of the next height: the sets of past heights are not kept, and those who
/// have left since would only make the count smaller.
pub(super) fn evidence(ledger: &Ledger, block: &Block) -> Result<Option<String>, LedgerError> {
    let Some(parent) = block.header.number.checked_sub(1) else { return Ok(None) };
    let Some(have) = ledger.block_hash(At::Number(block.header.number))? else { return Ok(None) };
    // Most often the very block we have: one hash and nothing more.
    if block_hash(&block.header).is_ok_and(|got| got == have) {
        return Ok(None);
    }
    // A block of another chain with the same validators does not follow ours; the first one of a fork does.
    if ledger.block_hash(At::Number(parent))? != Some(block.header.parent_hash) {
        return Ok(None);
    }
    Ok(rival(&block.header, have, &ledger.validators()?))
}

fn rival(header: &Header, have: B256, validators: &[Address]) -> Option<String> {
    let number = header.number;
    let got = block_hash(header).ok().filter(|got| *got != have)?;
    let extra = Extra::decode_exact(&header.extra_data).ok()?;
    let sealed = commit_hash(header, extra.round).ok()?;
    let sealers: BTreeSet<Address> = extra
        .seals
        .iter()
        .take(validators.len())
        .filter_map(|seal| recover(sealed, seal).ok())
        .filter(|author| validators.contains(author))
        .collect();
    (sealers.len() >= quorum(validators.len())).then(|| {
        format!(
            "fork: block {number} is {have} here, and {got} carries seals of a quorum too ({} seats); this node votes no more: stop the network's transactions and compare the nodes",
            sealers.len()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chain::Seal;
    use k256::ecdsa::SigningKey;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_slice(&[seed; 32]).unwrap()
    }

    fn sealed_by(seeds: &[u8]) -> Header {
        let header = Header { number: 7, extra_data: Extra::unsealed(0).to_bytes(), ..Header::default() };
        let hash = commit_hash(&header, 0).unwrap();
        let seal = |seed: &u8| {
            let (signature, recovery) = key(*seed).sign_prehash_recoverable(hash.as_slice()).unwrap();
            let mut seal = [0; 65];
            seal[..64].copy_from_slice(&signature.to_bytes());
            seal[64] = recovery.to_byte();
            Seal::from(seal)
        };
        chain::hash::with_round_and_seals(&header, 0, seeds.iter().map(seal).collect()).unwrap()
    }

    #[test]
    fn another_block_with_a_quorum_of_seals_is_evidence_and_nothing_less_is() {
        let validators: Vec<Address> = (1..=4).map(|seed| Address::from_private_key(&key(seed))).collect();
        let ours = B256::repeat_byte(1);
        let told = |seeds: &[u8], have| rival(&sealed_by(seeds), have, &validators).is_some();
        assert!(told(&[1, 2, 3], ours));
        assert!(!told(&[1, 2], ours), "no quorum");
        assert!(!told(&[1, 2, 2, 2], ours), "one seat seals once");
        assert!(!told(&[1, 2, 9], ours), "no seat");
        let same = block_hash(&sealed_by(&[1, 2, 3])).unwrap();
        assert!(!told(&[1, 2, 3], same), "the very block");
    }
}
