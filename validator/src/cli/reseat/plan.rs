//! What a record would do, said before anybody signs it.

use super::{ReseatCliError, halted::Halted};
use alloy_primitives::Address;
use chain::{
    governance::{GOVERNANCE, Label},
    quorum::quorum,
    reseat::{NamedSeat, RECOVERY_VERSION, RecoveryRecord, majority},
};
use ledger::RecordRefused;
use std::fmt;

/// A record and the state that it is about.
pub(super) struct Plan {
    pub(super) record: RecoveryRecord,
    halted: Halted,
}

/// `identity:operator`.
pub(super) fn seat(text: &str) -> Result<NamedSeat, String> {
    let wrong = || format!("{text:?} must be an identity and an operator account with a colon between");
    let (identity, operator) = text.split_once(':').ok_or_else(wrong)?;
    let address = |text: &str| text.parse().map_err(|_| wrong());
    Ok(NamedSeat { identity: address(identity)?, operator: address(operator)? })
}

impl Plan {
    pub(super) fn make(
        halted: Halted,
        keep: &[Address],
        add: &[NamedSeat],
        attempt: u32,
    ) -> Result<Self, ReseatCliError> {
        let kept = keep.iter().map(|identity| {
            let held = halted.seats.iter().find(|seat| seat.identity == *identity);
            let held = held.ok_or(ReseatCliError::NotSeated(*identity))?;
            Ok(NamedSeat { identity: *identity, operator: held.operator })
        });
        let mut seats = kept.collect::<Result<Vec<_>, ReseatCliError>>()?;
        seats.extend(add);
        seats.sort_unstable();
        if let Some(pair) = seats.windows(2).find(|pair| pair[0].identity == pair[1].identity) {
            return Err(ReseatCliError::Twice(pair[0].identity));
        }
        let record = RecoveryRecord {
            version: RECOVERY_VERSION,
            chain_id: halted.chain_id,
            governance: GOVERNANCE,
            height: halted.head.number().saturating_add(1),
            parent_hash: halted.head.hash,
            attempt,
            seats,
            signatures: Vec::new(),
        };
        record.reseat().check_seats(&halted.members).map_err(RecordRefused::from)?;
        Ok(Self { record, halted })
    }

    fn is_kept(&self, identity: Address) -> bool {
        self.record.seats.iter().any(|seat| seat.identity == identity)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { record, halted } = self;
        writeln!(f, "chain {}, head {} {}", record.chain_id, halted.head.number(), halted.head.hash)?;
        writeln!(
            f,
            "from block {} on these seats decide, and hold their seats in the contract:",
            record.height
        )?;
        for seat in &record.seats {
            let is_new = !halted.seats.iter().any(|held| held.identity == seat.identity);
            writeln!(
                f,
                "  {} {} of operator {}",
                if is_new { "new " } else { "kept" },
                seat.identity,
                seat.operator
            )?;
        }
        for held in halted.seats.iter().filter(|held| !self.is_kept(held.identity)) {
            writeln!(f, "  gone {} of operator {}", held.identity, held.operator)?;
        }
        let (count, needed) = (record.seats.len(), quorum(record.seats.len()));
        writeln!(f, "{count} seats, quorum {needed}; {} more may fail", count - needed)?;
        writeln!(
            f,
            "must sign: {} of these {} admins",
            majority(halted.members.len()),
            halted.members.len()
        )?;
        for member in &halted.members {
            let alias = Label::from_word(member.label).map(String::from).unwrap_or_default();
            writeln!(f, "  {} {alias}", member.admin)?;
        }
        f.write_str(RISKS)
    }
}

const RISKS: &str = "\
risks, for whoever signs:
  - The seats that go must be lost for good. If enough of them come back together (a quorum of the seats before) without
    having heard of this record, two chains can go on from here.
  - If a lost node had decided the next block and nobody else has it, that block is undone. Ask every node that can still
    be reached for its head: the record must build on the highest one.
  - Admins that are contracts cannot sign; they count among the members all the same.
";
