//! Whom the transactions of a block called or made: what an index from addresses to transactions is made of.

use crate::{
    At, BlockBody, Ledger, LedgerError, Receipt, TraceError, Transaction, call::scene::Scene, execute::env,
};
use alloy_consensus::{Transaction as _, Typed2718};
use alloy_primitives::{Address, U256};
use revm::{
    InspectCommitEvm, Inspector,
    interpreter::{CallInputs, CallOutcome, CallScheme, CreateInputs, CreateOutcome, InterpreterTypes},
};
use std::collections::BTreeSet;

/// Gas of a transaction that executed not one instruction.
const BARE_GAS: u64 = 21_000;

/// What one transaction touched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Sender, recipient, and all that called, were called, made or destroyed on the way, also in frames that failed; in order,
    /// each once. Bounded by the gas of the transaction.
    pub addresses: Vec<Address>,
    /// Contracts that it made, each with the account that made it; none of frames that failed.
    pub created: Vec<(Address, Address)>,
}

impl Ledger {
    /// What each transaction of a block touched, in order, found by running the block again: the state of its parent must be
    /// kept, unless nothing in it ran any code.
    pub fn touched(&self, number: u64) -> Result<Vec<Touched>, TraceError> {
        let (body, senders, receipts) = self.executed(number)?;
        let rows = body.transactions.iter().zip(&senders);
        if is_bare(&body.transactions, &receipts) {
            return Ok(rows.map(|(tx, sender)| named(tx, *sender)).collect());
        }
        let (view, header) = self.before(number)?;
        let mut evm = Scene::begun(&self.chain, &view, &header)?.evm(Watch::default());
        let mut touched = Vec::with_capacity(body.transactions.len());
        for ((tx, sender), index) in rows.zip(0..) {
            let ran = evm.inspect_tx_commit(env::transaction(tx, *sender));
            ran.map_err(|error| TraceError::Transaction { index, reason: error.to_string() })?;
            touched.push(std::mem::take(&mut evm.inspector).into_touched(*sender));
        }
        Ok(touched)
    }

    /// The part of [`Self::touched`] that bodies and receipts show, however old the block: senders, recipients, contracts made
    /// by transactions themselves, and whoever wrote a log.
    pub fn touched_visibly(&self, number: u64) -> Result<Vec<Touched>, LedgerError> {
        let (body, senders, receipts) = self.executed(number)?;
        let rows = body.transactions.iter().zip(&senders).zip(&receipts);
        let shown = rows.map(|((tx, sender), receipt)| {
            let mut touched = named(tx, *sender);
            if tx.is_create() && receipt.status() {
                touched.created.push((sender.create(tx.nonce()), *sender));
            }
            let made = touched.created.iter().map(|(made, _)| *made);
            let met = touched.addresses.iter().copied().chain(made);
            let all = met.chain(receipt.logs().iter().map(|log| log.address));
            touched.addresses = all.collect::<BTreeSet<_>>().into_iter().collect();
            touched
        });
        Ok(shown.collect())
    }

    fn executed(&self, number: u64) -> Result<(BlockBody, Vec<Address>, Vec<Receipt>), LedgerError> {
        let (at, unknown) = (At::Number(number), || LedgerError::UnknownBlock(number.to_string()));
        Ok((
            self.body(at)?.ok_or_else(unknown)?,
            self.senders(at)?.ok_or_else(unknown)?,
            self.receipts(at)?.ok_or_else(unknown)?,
        ))
    }
}

/// Whether no transaction ran any code. An instruction costs gas, and what it clears refunds less than it cost; only type 4
/// is refunded for something else.
fn is_bare(transactions: &[Transaction], receipts: &[Receipt]) -> bool {
    let gas = (1u64..).map(|count| count.saturating_mul(BARE_GAS));
    transactions.iter().zip(receipts).zip(gas).all(|((tx, receipt), gas)| {
        let lists = tx.access_list().is_some_and(|list| !list.is_empty());
        let names_only = tx.to().is_some() && tx.input().is_empty() && !lists && tx.ty() <= 2;
        names_only && receipt.cumulative_gas_used() == gas
    })
}

/// Sender and recipient.
fn named(tx: &Transaction, sender: Address) -> Touched {
    let addresses: BTreeSet<_> = [sender].into_iter().chain(tx.to()).collect();
    Touched { addresses: addresses.into_iter().collect(), created: Vec::new() }
}

/// Notes down who calls whom.
#[derive(Default)]
struct Watch {
    met: BTreeSet<Address>,
    created: Vec<(Address, Address)>,
    /// For each open frame, how much was made before it.
    frames: Vec<usize>,
}

impl Watch {
    fn into_touched(mut self, sender: Address) -> Touched {
        self.met.insert(sender);
        Touched { addresses: self.met.into_iter().collect(), created: self.created }
    }

    fn end(&mut self, has_succeeded: bool) {
        let before = self.frames.pop().unwrap_or_default();
        if !has_succeeded {
            self.created.truncate(before);
        }
    }
}

impl<CTX, INTR: InterpreterTypes> Inspector<CTX, INTR> for Watch {
    fn call(&mut self, _: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.frames.push(self.created.len());
        self.met.extend(match inputs.scheme {
            // These run another's code as their own.
            CallScheme::DelegateCall | CallScheme::CallCode => {
                [inputs.target_address, inputs.bytecode_address]
            }
            CallScheme::Call | CallScheme::StaticCall => [inputs.caller, inputs.target_address],
        });
        None
    }

    fn call_end(&mut self, _: &mut CTX, _: &CallInputs, outcome: &mut CallOutcome) {
        self.end(outcome.result.is_ok());
    }

    fn create(&mut self, _: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        self.frames.push(self.created.len());
        self.met.insert(inputs.caller());
        None
    }

    fn create_end(&mut self, _: &mut CTX, inputs: &CreateInputs, outcome: &mut CreateOutcome) {
        self.end(outcome.result.is_ok());
        self.met.extend(outcome.address);
        if let Some(made) = outcome.address.filter(|_| outcome.result.is_ok()) {
            self.created.push((made, inputs.caller()));
        }
    }

    fn selfdestruct(&mut self, contract: Address, heir: Address, _: U256) {
        self.met.extend([contract, heir]);
    }
}
