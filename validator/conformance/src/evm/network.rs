//! Rules by the names that official tests give them, transitions from one to the next among them.

use super::fields::Config;
use alloy_eips::eip7840::BlobParams;
use alloy_genesis::ChainConfig;

/// Forks in order, under the names of both generations of tests.
const FORKS: [&[&str]; 22] = [
    &["Frontier"],
    &["Homestead"],
    &["EIP150", "TangerineWhistle"],
    &["EIP158", "SpuriousDragon"],
    &["Byzantium"],
    &["ConstantinopleFix", "Petersburg"],
    &["Istanbul"],
    &["MuirGlacier"],
    &["Berlin"],
    &["London"],
    &["ArrowGlacier"],
    &["GrayGlacier"],
    &["Paris", "Merge"],
    &["Shanghai"],
    &["Cancun"],
    &["Prague"],
    &["Osaka"],
    &["BPO1"],
    &["BPO2"],
    &["BPO3"],
    &["BPO4"],
    &["BPO5"],
];

/// Where the second fork of a transition begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At a block.
    Block(u64),
    /// At a time.
    Time(u64),
    /// Where proof of work ends, which the blocks of the test show.
    Merge,
}

/// The rules that a name stands for, or why the test cannot be run.
pub fn rules(name: &str, config: &Config, merge: Option<u64>) -> Result<ChainConfig, String> {
    let mut rules = ChainConfig {
        chain_id: config.chainid.map_or(1, super::fields::Number::u64),
        ..ChainConfig::default()
    };
    rules.blob_schedule.insert("bpo1".to_string(), BlobParams::bpo1());
    rules.blob_schedule.insert("bpo2".to_string(), BlobParams::bpo2());
    for (fork, blobs) in &config.blob_schedule {
        let params = BlobParams {
            target_blob_count: blobs.target.u64(),
            max_blob_count: blobs.max.u64(),
            max_blobs_per_tx: blobs.max.u64(),
            update_fraction: blobs.base_fee_update_fraction.u128(),
            ..BlobParams::cancun()
        };
        rules.blob_schedule.insert(fork.to_lowercase(), params);
    }
    let (from, then) = parse(name)?;
    for fork in 0..=from {
        set(&mut rules, fork, 0);
    }
    match then {
        Some((fork, Start::Block(at) | Start::Time(at))) => set(&mut rules, fork, at),
        Some((fork, Start::Merge)) => merge.into_iter().for_each(|at| set(&mut rules, fork, at)),
        None => {}
    }
    Ok(rules)
}

/// The fork at block 0, and the next with its start.
fn parse(name: &str) -> Result<(usize, Option<(usize, Start)>), String> {
    let unknown = || format!("network {name} is not supported");
    let index = |name: &str| FORKS.iter().position(|names| names.contains(&name)).ok_or_else(unknown);
    let Some((forks, start)) = name.rsplit_once("At") else { return Ok((index(name)?, None)) };
    let (from, to) = forks.split_once("To").ok_or_else(unknown)?;
    let number = |text: &str| match text.strip_suffix('k') {
        Some(thousands) => thousands.parse::<u64>().map(|number| number * 1000),
        None => text.parse(),
    };
    let start = if start.starts_with("Diff") {
        Start::Merge
    } else if let Some(time) = start.strip_prefix("Time") {
        Start::Time(number(time).map_err(|_| unknown())?)
    } else {
        Start::Block(number(start).map_err(|_| unknown())?)
    };
    Ok((index(from)?, Some((index(to)?, start))))
}

fn set(rules: &mut ChainConfig, fork: usize, at: u64) {
    let at = Some(at);
    match FORKS.get(fork).and_then(|names| names.first()).copied().unwrap_or_default() {
        "Homestead" => rules.homestead_block = at,
        "EIP150" => rules.eip150_block = at,
        "EIP158" => (rules.eip155_block, rules.eip158_block) = (at, at),
        "Byzantium" => rules.byzantium_block = at,
        "ConstantinopleFix" => (rules.constantinople_block, rules.petersburg_block) = (at, at),
        "Istanbul" => rules.istanbul_block = at,
        "MuirGlacier" => rules.muir_glacier_block = at,
        "Berlin" => rules.berlin_block = at,
        "London" => rules.london_block = at,
        "ArrowGlacier" => rules.arrow_glacier_block = at,
        "GrayGlacier" => rules.gray_glacier_block = at,
        "Paris" => rules.merge_netsplit_block = at,
        "Shanghai" => rules.shanghai_time = at,
        "Cancun" => rules.cancun_time = at,
        "Prague" => rules.prague_time = at,
        "Osaka" => rules.osaka_time = at,
        "BPO1" => rules.bpo1_time = at,
        "BPO2" => rules.bpo2_time = at,
        "BPO3" => rules.bpo3_time = at,
        "BPO4" => rules.bpo4_time = at,
        "BPO5" => rules.bpo5_time = at,
        // Frontier is what is there without any.
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> ChainConfig {
        rules(name, &Config::default(), Some(3)).unwrap()
    }

    #[test]
    fn a_transition_has_the_first_forks_rules_at_0_and_the_second_where_its_name_says() {
        let rules = named("BerlinToLondonAt5");
        assert_eq!((rules.berlin_block, rules.london_block), (Some(0), Some(5)));
        let rules = named("CancunToPragueAtTime15k");
        assert_eq!((rules.cancun_time, rules.prague_time, rules.osaka_time), (Some(0), Some(15_000), None));
        let rules = named("ArrowGlacierToParisAtDiffC0000");
        assert_eq!((rules.gray_glacier_block, rules.merge_netsplit_block), (None, Some(3)));
        let rules = named("BPO2ToBPO3AtTime15k");
        assert_eq!((rules.osaka_time, rules.bpo2_time, rules.bpo3_time), (Some(0), Some(0), Some(15_000)));
        assert_eq!(named("Merge").merge_netsplit_block, Some(0));
    }

    #[test]
    fn a_network_without_rules_of_ours_is_refused_by_name() {
        for name in ["Constantinople", "HomesteadToDaoAt5", "Amsterdam", "BerlinToLondonAtTime", "Verkle"] {
            let error = rules(name, &Config::default(), None).unwrap_err();
            assert!(error.contains(name), "{error}");
        }
    }
}
