//! `spec.governance` into positions.

use super::InvalidField;
use crate::{
    api::consortium::{Governance, ParameterChange},
    units::milliseconds,
    votes::{Aim, Position},
};
use alloy_primitives::Address;
use chain::governance::Label;
use std::collections::BTreeSet;

/// Bytes of a memo that the contract takes.
const MEMO: usize = 256;

/// An address of a spec.
pub(super) fn address(field: &str, text: &str) -> Result<Address, InvalidField> {
    text.parse().map_err(|_| InvalidField::new(field, "is not an address: write 0x and 40 hex digits"))
}

/// Reads them, in the order of the spec.
pub(super) fn positions(governance: &Governance) -> Result<Vec<Position>, InvalidField> {
    let mut all = Vec::new();
    admissions(governance, &mut all)?;
    about_members(governance, &mut all)?;
    for account in &governance.operators {
        let line = format!("operators[{}]", account.address);
        let aim = Aim::Operator { address: address(&format!("spec.governance.{line}"), &account.address)? };
        all.push(position(line, aim, account.memo.as_ref())?);
    }
    if let Some(change) = &governance.parameters {
        all.push(position("parameters".to_owned(), parameters(change)?, change.memo.as_ref())?);
    }
    if let Some(change) = &governance.hardfork {
        let name = label("hardfork.name", &change.name)?;
        let aim = Aim::Hardfork { name, at_block: number("hardfork.atBlock", change.at_block)? };
        all.push(position("hardfork".to_owned(), aim, change.memo.as_ref())?);
    }
    for change in &governance.named_contracts {
        let line = format!("namedContracts[{}]", change.name);
        let at = address(&format!("spec.governance.{line}.address"), &change.address)?;
        let aim = Aim::NamedContract { name: label(&line, &change.name)?, address: at };
        all.push(position(line, aim, change.memo.as_ref())?);
    }
    for id in &governance.oppose {
        let aim = Aim::Oppose { id: number("oppose", *id)? };
        all.push(position(format!("oppose[{id}]"), aim, None)?);
    }
    once(&all)?;
    Ok(all)
}

fn admissions(governance: &Governance, all: &mut Vec<Position>) -> Result<(), InvalidField> {
    for admission in &governance.admit {
        let line = format!("admit[{}]", admission.address);
        let field = |name: &str| format!("spec.governance.{line}.{name}");
        let operator =
            admission.operator.as_deref().map(|text| address(&field("operator"), text)).transpose()?;
        let aim = Aim::Admit {
            address: address(&field("address"), &admission.address)?,
            alias: label(&format!("{line}.alias"), &admission.alias)?,
            capacity: seats(&field("capacity"), admission.capacity.unwrap_or(0))?,
            operator,
        };
        all.push(position(line, aim, admission.memo.as_ref())?);
    }
    Ok(())
}

fn about_members(governance: &Governance, all: &mut Vec<Position>) -> Result<(), InvalidField> {
    for expulsion in &governance.expel {
        let line = format!("expel[{}]", expulsion.address);
        let aim = Aim::Expel { address: address(&format!("spec.governance.{line}"), &expulsion.address)? };
        all.push(position(line, aim, expulsion.memo.as_ref())?);
    }
    for change in &governance.capacity {
        let line = format!("capacity[{}]", change.address);
        let field = format!("spec.governance.{line}");
        let aim = Aim::Capacity {
            address: address(&field, &change.address)?,
            capacity: seats(&format!("{field}.capacity"), change.capacity)?,
        };
        all.push(position(line, aim, change.memo.as_ref())?);
    }
    Ok(())
}

fn parameters(change: &ParameterChange) -> Result<Aim, InvalidField> {
    let field = |name: &str| format!("spec.governance.parameters.{name}");
    let time = |name: &str, text: &Option<String>, unit: u64| match text {
        None => Ok(0),
        Some(text) => milliseconds(text).filter(|ms| ms % unit == 0).map(|ms| ms / unit).ok_or_else(|| {
            InvalidField::new(&field(name), format!("is {text}; write whole seconds as 2s, or 1500ms"))
        }),
    };
    let values = [
        time("blockPeriod", &change.block_period, 1000)?,
        time("requestTimeout", &change.request_timeout, 1)?,
        number("parameters.gasLimit", change.gas_limit.unwrap_or(0))?,
        number("parameters.defaultCapacity", change.default_capacity.unwrap_or(0).into())?,
        number("parameters.votingBlocks", change.voting_blocks.unwrap_or(0))?,
    ];
    if values == [0; 5] {
        return Err(InvalidField::new("spec.governance.parameters", "changes nothing: name a parameter"));
    }
    Ok(Aim::Parameters {
        values,
        from_block: number("parameters.fromBlock", change.from_block.unwrap_or(0))?,
    })
}

fn position(line: String, aim: Aim, memo: Option<&String>) -> Result<Position, InvalidField> {
    let memo = memo.cloned().unwrap_or_default();
    if memo.len() > MEMO {
        let fix = format!("is {} bytes long; the contract takes {MEMO}", memo.len());
        return Err(InvalidField::new(&format!("spec.governance.{line}.memo"), fix));
    }
    Ok(Position { line, aim, memo })
}

/// The schema's list keys are texts; addresses are one in every letter case.
fn once(all: &[Position]) -> Result<(), InvalidField> {
    let (mut lines, mut admitted) = (BTreeSet::new(), BTreeSet::new());
    for position in all {
        let field = format!("spec.governance.{}", position.line);
        if !lines.insert(position.line.to_lowercase()) {
            return Err(InvalidField::new(&field, "stands twice, in other letter case; keep one"));
        }
        match &position.aim {
            Aim::Admit { address, .. } => drop(admitted.insert(*address)),
            Aim::Expel { address } if admitted.contains(address) => {
                return Err(InvalidField::new(&field, "is to be admitted too; keep one of the two"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn number(field: &str, value: i64) -> Result<u64, InvalidField> {
    u64::try_from(value).map_err(|_| {
        InvalidField::new(&format!("spec.governance.{field}"), format!("is {value}; it must not be negative"))
    })
}

fn seats(field: &str, value: i32) -> Result<u16, InvalidField> {
    let most = chain::governance::MAX_SEATS;
    u16::try_from(value)
        .ok()
        .filter(|value| usize::from(*value) <= most)
        .ok_or_else(|| InvalidField::new(field, format!("is {value}; it must be 0 to {most}")))
}

fn label(field: &str, text: &str) -> Result<Label, InvalidField> {
    Label::new(text)
        .map_err(|error| InvalidField::new(&format!("spec.governance.{field}"), error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::positions;
    use crate::{
        api::consortium::Governance,
        votes::{Aim, Position},
    };
    use serde_json::{Value, json};

    const ONE: &str = "0xab00000000000000000000000000000000000001";
    const TWO: &str = "0xab00000000000000000000000000000000000002";

    fn read(governance: Value) -> Result<Vec<Position>, String> {
        let governance: Governance = serde_json::from_value(governance).expect("the schema");
        positions(&governance).map_err(|error| error.to_string())
    }

    #[test]
    fn every_line_becomes_a_position_with_its_place_as_its_name() {
        let all = read(json!({
            "admit": [{ "address": ONE, "alias": "bank-b", "memo": "board" }],
            "expel": [{ "address": TWO }],
            "capacity": [{ "address": ONE, "capacity": 7 }],
            "operators": [{ "address": TWO, "memo": "second region" }],
            "oppose": [3],
            "parameters": { "blockPeriod": "1s", "requestTimeout": "1500ms", "fromBlock": 900 },
            "hardfork": { "name": "osaka", "atBlock": 5000 },
            "namedContracts": [{ "name": "registry", "address": TWO }],
        }))
        .expect("valid");
        let lines: Vec<&str> = all.iter().map(|position| position.line.as_str()).collect();
        let (admit, expel, capacity) =
            (format!("admit[{ONE}]"), format!("expel[{TWO}]"), format!("capacity[{ONE}]"));
        let own = format!("operators[{TWO}]");
        let others = ["parameters", "hardfork", "namedContracts[registry]", "oppose[3]"];
        let want: Vec<&str> = [admit.as_str(), &expel, &capacity, &own].into_iter().chain(others).collect();
        assert_eq!(lines, want);
        assert_eq!(all[0].memo, "board");
        assert_eq!(all[4].aim, Aim::Parameters { values: [1, 1500, 0, 0, 0], from_block: 900 });
        assert_eq!(read(json!({})), Ok(Vec::new()));
    }

    #[test]
    fn what_contradicts_itself_or_the_contract_takes_never_is_refused_by_its_field() {
        let (upper, long) = (ONE.to_uppercase().replace("0X", "0x"), "é".repeat(129));
        let table = [
            (
                json!({ "admit": [{ "address": ONE, "alias": "b" }], "expel": [{ "address": upper }] }),
                "expel[",
            ),
            (json!({ "expel": [{ "address": ONE }, { "address": upper }] }), "stands twice"),
            (json!({ "expel": [{ "address": ONE, "memo": long }] }), "258 bytes"),
            (json!({ "parameters": { "memo": "nothing" } }), "changes nothing"),
            (json!({ "capacity": [{ "address": ONE, "capacity": 513 }] }), "0 to 512"),
            (json!({ "namedContracts": [{ "name": "Registry", "address": TWO }] }), "namedContracts"),
        ];
        for (governance, words) in table {
            let refused = read(governance.clone()).expect_err("refused");
            assert!(
                refused.starts_with("spec.governance.") && refused.contains(words),
                "{governance}: {refused}"
            );
        }
    }
}
