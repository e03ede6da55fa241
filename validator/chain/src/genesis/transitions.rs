//! `config.qbft` and the transitions of both clients, as one schedule.

use super::{
    Family, GenesisError,
    fields::Fields,
    keys,
    schedule::{Change, MAX_CODE_SIZE, Payee, Schedule, Selection, Settings, TRANSACTION_GAS_CAP},
};
use alloc::{collections::BTreeMap, format, string::ToString, vec::Vec};
use alloy_primitives::{Address, U256};
use serde_json::Value;

/// Everything read so far.
pub(super) struct Sections<'a> {
    pub(super) family: Family,
    pub(super) config: Fields<'a>,
    pub(super) qbft: Fields<'a>,
}

/// Changes by the height of the block they first hold for.
#[derive(Default)]
struct Timeline {
    changes: BTreeMap<u64, Vec<Change>>,
    validators: BTreeMap<u64, Vec<Address>>,
}

impl Timeline {
    fn add(&mut self, height: u64, change: Change) {
        self.changes.entry(height).or_default().push(change);
    }
}

/// The schedule of the file.
pub(super) fn schedule(sections: &Sections<'_>) -> Result<Schedule, GenesisError> {
    let mut timeline = Timeline::default();
    let genesis = genesis_settings(sections, &mut timeline)?;
    match (sections.family, sections.config.get("transitions")) {
        (_, None) => {}
        (Family::GoQuorum, Some(Value::Array(entries))) => {
            goquorum(entries, &genesis, &mut timeline)?;
        }
        (Family::Besu | Family::Quorate, Some(Value::Object(engines))) => {
            for (engine, entries) in engines {
                let path = format!("config.transitions.{engine}");
                let got = || super::fields::shown(entries);
                if !engine.eq_ignore_ascii_case("qbft") {
                    return Err(GenesisError::Unsupported { key: path, got: got() });
                }
                let want = "a list of transitions";
                let entries = entries.as_array();
                let entries = entries.ok_or_else(|| GenesisError::Value { key: path, got: got(), want })?;
                besu(entries, &genesis, &mut timeline)?;
            }
        }
        (Family::GoQuorum, Some(_)) => {
            return Err(sections.config.bad("transitions", "a list, as GoQuorum writes it"));
        }
        (_, Some(_)) => {
            return Err(sections.config.bad("transitions", "an object with a list qbft, as Besu writes it"));
        }
    }
    let schedule = Schedule::new(genesis, timeline.changes, timeline.validators);
    check(sections, &schedule)?;
    Ok(schedule)
}

/// GoQuorum pays fees to the fixed beneficiary and shows contracts the header's; one environment cannot do both.
fn check(sections: &Sections<'_>, schedule: &Schedule) -> Result<(), GenesisError> {
    // A file for both clients may name Besu's key too, but not another size.
    let limit = sections.config.uint("contractSizeLimit")?.map(|bytes| size(bytes, 1));
    if limit.is_some_and(|limit| limit != schedule.at(1).max_code_size) {
        return Err(sections
            .config
            .bad("contractSizeLimit", "the size in maxCodeSizeConfig, or no such key"));
    }
    let mixed = core::iter::once(0).chain(schedule.heights()).find(|height| {
        let settings = schedule.at(*height);
        settings.gas_price_allowed && settings.reward_beneficiary.is_some()
    });
    match mixed {
        Some(height) if sections.family == Family::GoQuorum => Err(GenesisError::Unsupported {
            key: "config.qbft.miningbeneficiary".to_string(),
            got: format!("a fixed beneficiary while gas has a price, at block {height}"),
        }),
        _ => Ok(()),
    }
}

fn genesis_settings(sections: &Sections<'_>, timeline: &mut Timeline) -> Result<Settings, GenesisError> {
    let Sections { family, config, qbft } = sections;
    let is_goquorum = *family == Family::GoQuorum;
    let (period, timeout) = if is_goquorum { (5, 10) } else { (1, 1) };
    let block_period_s = positive(qbft, "blockperiodseconds", is_goquorum)?.unwrap_or(period);
    let timeout_s = positive(qbft, "requesttimeoutseconds", is_goquorum)?.unwrap_or(timeout);
    let is_quorum = config.flag("isQuorum")?.unwrap_or(false);
    let validators = qbft.addresses("validators")?;
    if !validators.is_empty() {
        // They stand for what the genesis header lists: the set of block 1.
        timeline.validators.insert(1, validators);
    }
    code_size_steps(config, timeline)?;
    if let Some(at) = config.uint("enableGasPriceBlock")? {
        timeline.add(at, Change { gas_price_allowed: Some(true), ..Change::default() });
    }
    let max_code_size = match config.uint("contractSizeLimit")? {
        Some(bytes) if !is_goquorum => size(bytes, 1),
        _ => MAX_CODE_SIZE,
    };
    Ok(Settings {
        selection: genesis_selection(qbft, *family)?,
        epoch_length: positive(qbft, "epochlength", is_goquorum)?.unwrap_or(30_000),
        block_period_s,
        min_period_s: block_period_s,
        empty_block_period_s: empty_period(qbft)?.unwrap_or(0),
        request_timeout_ms: match qbft.uint("requesttimeoutmilliseconds")? {
            Some(milliseconds) => milliseconds,
            None => timeout_s.saturating_mul(1000),
        },
        block_reward: qbft.amount("blockreward")?.unwrap_or(U256::ZERO),
        reward_beneficiary: beneficiary(qbft, *family)?.and_then(Payee::fixed),
        max_code_size,
        max_transaction_size: config
            .uint("txnSizeLimit")?
            .filter(|size| *size > 0)
            .map(|kib| size(kib, 1024)),
        gas_price_allowed: !is_quorum,
        transaction_gas_cap: match qbft.uint("pertxgaslimit")? {
            None => Some(TRANSACTION_GAS_CAP),
            Some(0) => None,
            cap => cap,
        },
        gas_limit_target: None,
    })
}

/// A number of at least 1. GoQuorum takes 0 for "not given".
fn positive(fields: &Fields<'_>, key: &str, zero_is_absent: bool) -> Result<Option<u64>, GenesisError> {
    match fields.uint(key)? {
        Some(0) if zero_is_absent => Ok(None),
        Some(0) => Err(fields.bad(key, "at least 1")),
        number => Ok(number),
    }
}

fn empty_period(fields: &Fields<'_>) -> Result<Option<u64>, GenesisError> {
    match (fields.uint("emptyblockperiodseconds")?, fields.uint("xemptyblockperiodseconds")?) {
        (Some(_), Some(_)) => Err(fields.bad("xemptyblockperiodseconds", "only one of its two names")),
        (new, old) => Ok(new.or(old)),
    }
}

fn size(number: u64, unit: usize) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX).saturating_mul(unit)
}

/// GoQuorum's steps of the largest contract, in KiB, and the older pair of keys.
fn code_size_steps(config: &Fields<'_>, timeline: &mut Timeline) -> Result<(), GenesisError> {
    const WANT: &str = "a list of {block, size in KiB}";
    let bad = || config.bad("maxCodeSizeConfig", WANT);
    let change = |kib| Change { max_code_size: Some(size(kib, 1024)), ..Change::default() };
    let steps = match config.get("maxCodeSizeConfig") {
        Some(steps) => steps.as_array().ok_or_else(bad)?.as_slice(),
        None => &[],
    };
    for step in steps {
        const STEP: keys::Section =
            &[("block", keys::Treatment::Understood), ("size", keys::Treatment::Understood)];
        let step = Fields::new("config.maxCodeSizeConfig", step.as_object().ok_or_else(bad)?, STEP)?;
        let (Some(block), Some(kib)) = (step.uint("block")?, step.uint("size")?) else { return Err(bad()) };
        timeline.add(block, change(kib));
    }
    match config.uint("maxCodeSize")? {
        Some(kib) if kib > 0 && steps.is_empty() => {
            timeline.add(config.uint("maxCodeSizeChangeBlock")?.unwrap_or(0), change(kib));
        }
        _ => {}
    }
    Ok(())
}

/// Besu: a contract address says contract mode. GoQuorum wants the mode said too.
fn genesis_selection(qbft: &Fields<'_>, family: Family) -> Result<Selection, GenesisError> {
    let contract = qbft.address("validatorcontractaddress")?;
    let mode = mode(qbft)?;
    match (family, mode, contract) {
        (Family::GoQuorum, Some(Mode::Contract), None) => Err(no_contract(qbft)),
        (Family::GoQuorum, None | Some(Mode::Header), Some(_)) => Err(no_mode(qbft)),
        (_, _, Some(contract)) => Ok(Selection::Contract(contract)),
        (_, _, None) => Ok(Selection::Header),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Header,
    Contract,
}

fn mode(fields: &Fields<'_>) -> Result<Option<Mode>, GenesisError> {
    match fields.text("validatorselectionmode")? {
        None | Some("") => Ok(None),
        Some(text) if text.eq_ignore_ascii_case("blockheader") => Ok(Some(Mode::Header)),
        Some(text) if text.eq_ignore_ascii_case("contract") => Ok(Some(Mode::Contract)),
        Some(_) => Err(fields.bad("validatorselectionmode", "\"blockheader\" or \"contract\"")),
    }
}

fn no_contract(fields: &Fields<'_>) -> GenesisError {
    fields.bad("validatorcontractaddress", "an address, since validatorselectionmode is contract")
}

fn no_mode(fields: &Fields<'_>) -> GenesisError {
    fields.bad("validatorselectionmode", "\"contract\", since there is a validatorcontractaddress")
}

/// Who gets rewards; `None` when nothing is said.
fn beneficiary(fields: &Fields<'_>, family: Family) -> Result<Option<Payee>, GenesisError> {
    let fixed = fields.address("miningbeneficiary")?.map(Payee::Fixed);
    let said = fields.get("miningbeneficiary").is_some();
    if family != Family::GoQuorum {
        return Ok(said.then_some(fixed.unwrap_or(Payee::Author)));
    }
    match fields.text("beneficiarymode")?.map(str::to_lowercase).as_deref() {
        None => Ok(fixed),
        Some("fixed") if fixed.is_some() => Ok(fixed),
        Some("fixed") => Err(fields.bad("miningbeneficiary", "an address, since beneficiarymode is fixed")),
        Some("validator" | "validators") => Ok(Some(Payee::Author)),
        Some(_) => Err(fields.bad("beneficiarymode", "\"fixed\" or \"validator\"")),
    }
}

/// Besu's transitions take effect at their block, all fields alike.
fn besu(entries: &[Value], genesis: &Settings, timeline: &mut Timeline) -> Result<(), GenesisError> {
    let mut selection = genesis.selection;
    let mut ordered = read("config.transitions.qbft", entries, keys::BESU_TRANSITION)?;
    ordered.sort_by_key(|(block, _)| *block);
    for (block, entry) in &ordered {
        let validators = entry.addresses("validators")?;
        let contract = entry.address("validatorcontractaddress")?;
        let next = match (mode(entry)?, contract) {
            (Some(Mode::Contract), Some(contract)) => Some(Selection::Contract(contract)),
            (Some(Mode::Contract), None) => return Err(no_contract(entry)),
            (Some(Mode::Header), _) if validators.is_empty() => return Err(no_validators(entry)),
            (Some(Mode::Header), _) => Some(Selection::Header),
            (None, Some(_)) => return Err(no_mode(entry)),
            (None, None) => None,
        };
        selection = next.unwrap_or(selection);
        let period = positive(entry, "blockperiodseconds", false)?;
        timeline.add(
            *block,
            Change {
                selection: next,
                block_period_s: period,
                min_period_s: period,
                empty_block_period_s: empty_period(entry)?,
                block_reward: entry.amount("blockreward")?,
                reward_beneficiary: beneficiary(entry, Family::Besu)?,
                ..Change::default()
            },
        );
        if !validators.is_empty() && selection == Selection::Header {
            timeline.validators.insert(*block, validators);
        }
    }
    Ok(())
}

fn no_validators(fields: &Fields<'_>) -> GenesisError {
    fields.bad("validators", "at least one, since validatorselectionmode becomes blockheader")
}

/// GoQuorum's transitions take effect at their block, but what it looks up by the parent's number a block later.
fn goquorum(entries: &[Value], genesis: &Settings, timeline: &mut Timeline) -> Result<(), GenesisError> {
    let mut selection = genesis.selection;
    let mut contract = match genesis.selection {
        Selection::Contract(contract) => Some(contract),
        Selection::Header => None,
    };
    let read = read("config.transitions", entries, keys::GOQUORUM_TRANSITION)?;
    if let Some((_, (_, entry))) = read.iter().zip(read.iter().skip(1)).find(|(one, next)| one.0 > next.0) {
        return Err(entry.bad("block", "a block not before that of the entry above"));
    }
    for (index, (block, entry)) in read.iter().enumerate() {
        if entry.text("algorithm")?.is_some_and(|name| !name.is_empty() && !name.eq_ignore_ascii_case("qbft"))
        {
            return Err(entry.bad("algorithm", "\"qbft\": no other engine is supported"));
        }
        let validators = entry.addresses("validators")?;
        let given = entry.address("validatorcontractaddress")?;
        contract = given.or(contract);
        let next = match (mode(entry)?, contract) {
            (Some(Mode::Contract), Some(contract)) => Some(Selection::Contract(contract)),
            (Some(Mode::Contract), None) => return Err(no_contract(entry)),
            (Some(Mode::Header), _) => Some(Selection::Header),
            (None, _) if given.is_some() => return Err(no_mode(entry)),
            (None, _) => None,
        };
        if next == Some(Selection::Header) && selection != Selection::Header && validators.is_empty() {
            return Err(no_validators(entry));
        }
        selection = next.unwrap_or(selection);
        let after = block.saturating_add(1);
        if !validators.is_empty() && selection == Selection::Header {
            // GoQuorum's own vote counting stops looking at the first entry that does not match.
            if index > 0 {
                return Err(
                    entry.bad("validators", "in the first transition only: GoQuorum skips later ones")
                );
            }
            timeline.validators.insert(after, validators);
        }
        let period = positive(entry, "blockperiodseconds", true)?;
        timeline.add(after, Change { selection: next, min_period_s: period, ..Change::default() });
        timeline.add(*block, goquorum_change(entry, period)?);
    }
    Ok(())
}

fn goquorum_change(entry: &Fields<'_>, period: Option<u64>) -> Result<Change, GenesisError> {
    let sized = |key: &str| -> Result<Option<usize>, GenesisError> {
        Ok(positive(entry, key, true)?.map(|kib| size(kib, 1024)))
    };
    Ok(Change {
        epoch_length: positive(entry, "epochlength", true)?,
        block_period_s: period,
        empty_block_period_s: empty_period(entry)?,
        request_timeout_ms: positive(entry, "requesttimeoutseconds", true)?.map(|s| s.saturating_mul(1000)),
        block_reward: entry.amount("blockreward")?,
        reward_beneficiary: beneficiary(entry, Family::GoQuorum)?,
        max_code_size: sized("contractsizelimit")?,
        max_transaction_size: sized("transactionsizelimit")?,
        gas_price_allowed: entry.flag("gaspriceenabled")?,
        gas_limit_target: positive(entry, "miner.gaslimit", true)?,
        ..Change::default()
    })
}

/// The entries with their blocks.
fn read<'a>(
    path: &str,
    entries: &'a [Value],
    section: keys::Section,
) -> Result<Vec<(u64, Fields<'a>)>, GenesisError> {
    let mut out: Vec<(u64, Fields<'a>)> = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let got = super::fields::shown(entry);
        let object = entry.as_object();
        let object =
            object.ok_or(GenesisError::Value { key: path.clone(), got, want: "a transition object" })?;
        let fields = Fields::new(&path, object, section)?;
        let block =
            fields.uint("block")?.ok_or_else(|| fields.bad("block", "the block it takes effect at"))?;
        out.push((block, fields));
    }
    Ok(out)
}
