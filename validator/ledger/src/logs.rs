//! Log queries: header blooms decide which blocks are looked into.

use crate::{BlockBody, CallError, Ledger, LedgerError, Options};
use alloy_primitives::{Address, B256, Bloom, BloomInput, Log, TxHash};

/// Which logs are wanted. Empty lists match everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// First block.
    pub from: u64,
    /// Last block, included; beyond the head is cut to the head.
    pub to: u64,
    /// Any of these emitters.
    pub addresses: Vec<Address>,
    /// For each position, any of these topics.
    pub topics: [Vec<B256>; 4],
    /// Topics that a log must have at least: a position that matches everything matches nothing that is not there.
    pub least_topics: usize,
}

/// A log and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// The log.
    pub log: Log,
    /// Height.
    pub block_number: u64,
    /// On-chain hash of the block.
    pub block_hash: B256,
    /// Seconds.
    pub block_timestamp: u64,
    /// Of the emitting transaction.
    pub transaction_hash: TxHash,
    /// Position of the transaction in the block.
    pub transaction_index: u64,
    /// Position of the log in the block.
    pub log_index: u64,
}

impl LogFilter {
    /// Whether a log is wanted, whatever its block.
    #[must_use]
    pub fn matches(&self, log: &Log) -> bool {
        let any = |wanted: &[B256], got: Option<&B256>| {
            wanted.is_empty() || got.is_some_and(|topic| wanted.contains(topic))
        };
        log.topics().len() >= self.least_topics
            && (self.addresses.is_empty() || self.addresses.contains(&log.address))
            && self.topics.iter().enumerate().all(|(i, wanted)| any(wanted, log.topics().get(i)))
    }

    /// Whether a block with this bloom may hold a wanted log.
    fn may_match(&self, bloom: &Bloom) -> bool {
        let has = |bytes: &[u8]| bloom.contains_input(BloomInput::Raw(bytes));
        (self.addresses.is_empty() || self.addresses.iter().any(|address| has(address.as_slice())))
            && self
                .topics
                .iter()
                .all(|wanted| wanted.is_empty() || wanted.iter().any(|topic| has(topic.as_slice())))
    }
}

/// Logs found so far: no more are taken in than one answer may have, rather than all and then refused.
struct Found<'a> {
    logs: Vec<LogEntry>,
    bytes: usize,
    /// Block of the first log that was not looked at, and its position there.
    next: (u64, u64),
    options: &'a Options,
}

impl Found<'_> {
    fn add(&mut self, entry: LogEntry) -> Result<(), LedgerError> {
        let Options { log_results, log_bytes, .. } = *self.options;
        // As they are answered: two digits a byte.
        let digits = 2 * (entry.log.data.data.len() + 32 * entry.log.topics().len());
        self.bytes = self.bytes.saturating_add(digits);
        if self.bytes > log_bytes {
            return Err(LedgerError::LogBytes { limit: log_bytes });
        }
        if self.logs.len() >= log_results {
            return Err(LedgerError::LogResults { limit: log_results });
        }
        self.logs.push(entry);
        Ok(())
    }
}

impl Ledger {
    /// The logs of a range that match, in order. Bounded in blocks and results by [`crate::Options`].
    pub fn logs(&self, filter: &LogFilter) -> Result<Vec<LogEntry>, CallError> {
        self.logs_with(filter, &|| false)
    }

    /// The same in the time that there is: `out_of_time` is asked before each block.
    pub fn logs_with(
        &self,
        filter: &LogFilter,
        out_of_time: &dyn Fn() -> bool,
    ) -> Result<Vec<LogEntry>, CallError> {
        let to = filter.to.min(self.head().number);
        let (got, limit) = ((to + 1).saturating_sub(filter.from), self.chain.options.log_range_blocks);
        if got > limit {
            return Err(LedgerError::LogRange { got, limit }.into());
        }
        let mut found = self.nothing_found((filter.from, 0));
        self.find(filter, to, &mut found, out_of_time)?;
        Ok(found.logs)
    }

    /// The same from the log at position `index` of the first block on, as many as the bounds and the time allow: with block and
    /// position where the rest begins. Fails where not even one block or log could be read.
    pub fn logs_from(
        &self,
        filter: &LogFilter,
        index: u64,
        out_of_time: &dyn Fn() -> bool,
    ) -> Result<(Vec<LogEntry>, (u64, u64)), CallError> {
        let limit = self.chain.options.log_range_blocks;
        let to = filter.to.min(self.head().number).min(filter.from.saturating_add(limit.saturating_sub(1)));
        let begin = (filter.from, index);
        let mut found = self.nothing_found(begin);
        match self.find(filter, to, &mut found, out_of_time) {
            Err(
                CallError::OutOfTime
                | CallError::Ledger(LedgerError::LogBytes { .. } | LedgerError::LogResults { .. }),
            ) if found.next > begin => {}
            outcome => outcome?,
        }
        Ok((found.logs, found.next))
    }

    fn nothing_found(&self, next: (u64, u64)) -> Found<'_> {
        Found { logs: Vec::new(), bytes: 0, next, options: &self.chain.options }
    }

    fn find(
        &self,
        filter: &LogFilter,
        to: u64,
        found: &mut Found<'_>,
        out_of_time: &dyn Fn() -> bool,
    ) -> Result<(), CallError> {
        if filter.from > to {
            return Ok(());
        }
        if to > 0 {
            self.kept(filter.from.max(1))?;
        }
        let mut headers = self.chain.blocks.headers(filter.from..=to)?;
        for number in filter.from..=to {
            if out_of_time() {
                return Err(CallError::OutOfTime);
            }
            let next = headers.next().transpose()?.filter(|(header, _)| header.number == number);
            let (header, hash) = next.ok_or(LedgerError::Corrupt { what: "block header" })?;
            if filter.may_match(&header.logs_bloom) && !header.logs_bloom.is_zero() {
                self.logs_of(number, hash, header.timestamp, filter, found)?;
            }
            found.next = (number.saturating_add(1), 0);
        }
        Ok(())
    }

    fn logs_of(
        &self,
        number: u64,
        block_hash: B256,
        block_timestamp: u64,
        filter: &LogFilter,
        found: &mut Found<'_>,
    ) -> Result<(), LedgerError> {
        let receipts = self.chain.state.receipts(number)?.ok_or(LedgerError::Corrupt { what: "receipts" })?;
        let mut body = None;
        let mut log_index = 0;
        let (_, first) = found.next;
        for (position, receipt) in receipts.into_iter().enumerate() {
            for log in receipt.logs() {
                let index = log_index;
                log_index += 1;
                if index < first || !filter.matches(log) {
                    continue;
                }
                // The body is read only for blocks that do hold a wanted log: blooms are wrong now and then.
                let body = match &mut body {
                    Some(body) => body,
                    none => none.insert(self.body_of(number)?),
                };
                let tx =
                    body.transactions.get(position).ok_or(LedgerError::Corrupt { what: "block body" })?;
                found.next = (number, index);
                found.add(LogEntry {
                    log: log.clone(),
                    block_number: number,
                    block_hash,
                    block_timestamp,
                    transaction_hash: *tx.tx_hash(),
                    transaction_index: position as u64,
                    log_index: index,
                })?;
            }
        }
        Ok(())
    }

    fn body_of(&self, number: u64) -> Result<BlockBody, LedgerError> {
        self.chain.blocks.body(number)?.ok_or(LedgerError::Corrupt { what: "block body" })
    }
}
