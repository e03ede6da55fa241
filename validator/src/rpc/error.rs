//! Errors as clients see them (`node-facts` F.3).

use super::memory::Exhausted;
use crate::{ots_index::IndexError, pool::PoolError};
use alloy_primitives::Bytes;
use jsonrpsee::types::{ErrorObject, ErrorObjectOwned};
use ledger::{CallError, InvalidTransaction, LedgerError, SimulateError, TraceError};

/// A failed call.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// An argument is missing or makes no sense.
    #[error("{0}")]
    Params(String),
    /// Well formed, refused.
    #[error("{0}")]
    Refused(String),
    /// The contract said no.
    #[error("{message}")]
    Revert {
        /// `execution reverted` and what could be decoded of the reason.
        message: String,
        /// Revert data.
        data: Bytes,
    },
    /// More than a client may ask for at once.
    #[error("{0}")]
    Limit(String),
    /// The answer is longer than one may be.
    #[error("response too large: at most {most} bytes")]
    TooLarge {
        /// Allowed.
        most: usize,
    },
    /// A simulation that ends without a result, with a code of its own for each reason.
    #[error("{message}")]
    Simulation {
        /// From −38010 to −38026, mostly.
        code: i32,
        /// Why.
        message: String,
    },
    /// Not answered in time.
    #[error("request timed out")]
    TimedOut,
    /// Not JSON.
    #[error("parse error")]
    Parse,
    /// Known, but without meaning on this chain; Besu's code and text.
    #[error("Method not enabled")]
    NotEnabled,
    /// State, or blocks, older than what is kept; the code that other clients have for it.
    #[error("{0}")]
    Pruned(String),
    /// Our fault; the cause is in the log.
    #[error("internal error")]
    Internal,
}

impl Failure {
    const fn code(&self) -> i32 {
        match self {
            Self::Params(_) => -32602,
            Self::Refused(_) => -32000,
            Self::Revert { .. } => 3,
            Self::Limit(_) => -32005,
            Self::TooLarge { .. } => -32003,
            Self::Simulation { code, .. } => *code,
            Self::TimedOut => -32002,
            Self::Parse => -32700,
            Self::NotEnabled => -32604,
            Self::Pruned(_) => 4444,
            Self::Internal => -32603,
        }
    }

    pub(super) fn params(text: impl Into<String>) -> Self {
        Self::Params(text.into())
    }

    pub(super) fn refused(text: impl Into<String>) -> Self {
        Self::Refused(text.into())
    }

    /// All `most` of something are taken, and did not come free in time.
    pub(super) fn busy(what: &str, most: usize) -> Self {
        Self::Limit(format!("node is busy with {most} {what}, try again"))
    }

    /// Filters or subscriptions hold all the addresses and topics that they may.
    pub(super) fn hoard(what: &str, most: u32) -> Self {
        Self::Limit(format!("open {what} hold {most} bytes of addresses and topics, the most; close one"))
    }

    pub(super) fn unknown_block() -> Self {
        Self::refused("header not found")
    }
}

/// The answer to a method that does not exist, or is of a namespace that is not served.
pub(super) fn method_not_found(method: &str) -> ErrorObjectOwned {
    // A client chose the name, so its length is bounded before it is sent back.
    let name: String = method.chars().take(128).collect();
    ErrorObject::owned(-32601, format!("the method {name} does not exist/is not available"), None::<()>)
}

/// The answer to what is no call.
pub(super) fn invalid_request(message: impl Into<String>) -> ErrorObjectOwned {
    ErrorObject::owned(-32600, message, None::<()>)
}

/// The answer to a subscription over HTTP.
pub(super) fn notifications_not_supported() -> ErrorObjectOwned {
    ErrorObject::owned(-32601, "notifications not supported: subscribe over WebSocket", None::<()>)
}

impl From<Failure> for ErrorObjectOwned {
    fn from(failure: Failure) -> Self {
        let (code, message) = (failure.code(), failure.to_string());
        match failure {
            Failure::Revert { data, .. } => ErrorObject::owned(code, message, Some(data)),
            _ => ErrorObject::owned(code, message, None::<()>),
        }
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::UnknownBlock(_) => Self::unknown_block(),
            LedgerError::StatePruned { .. } | LedgerError::HistoryPruned { .. } => {
                Self::Pruned(error.to_string())
            }
            LedgerError::TriePruned { .. } => Self::refused(error.to_string()),
            LedgerError::LogRange { .. } | LedgerError::LogResults { .. } => Self::Limit(error.to_string()),
            LedgerError::LogBytes { limit } => Self::TooLarge { most: limit },
            other => {
                tracing::error!(error = %other, "rpc: ledger read failed");
                Self::Internal
            }
        }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Ledger(error) => error.into(),
            CallError::Revert { output } => super::revert::failure(output),
            other => Self::refused(other.to_string()),
        }
    }
}

impl From<TraceError> for Failure {
    fn from(error: TraceError) -> Self {
        match error {
            TraceError::Call(error) => error.into(),
            TraceError::TooLarge { .. } => Self::Limit(error.to_string()),
            TraceError::Answer { most } => Self::TooLarge { most },
            other => Self::refused(other.to_string()),
        }
    }
}

impl From<SimulateError> for Failure {
    fn from(error: SimulateError) -> Self {
        let code = match &error {
            SimulateError::Empty | SimulateError::Difficulty { .. } => -32602,
            SimulateError::TooManyBlocks { .. } | SimulateError::GasCap { .. } => -38026,
            SimulateError::NumberOrder { .. } => -38020,
            SimulateError::TimeOrder { .. } => -38021,
            SimulateError::BlockGas { .. } => -38015,
            SimulateError::Invalid { reason, .. } => invalid_code(reason),
            SimulateError::OutOfTime => -32016,
            SimulateError::Call(_) => -32000,
        };
        match error {
            SimulateError::Call(CallError::Ledger(error)) => error.into(),
            error => Self::Simulation { code, message: error.to_string() },
        }
    }
}

/// Codes of execution-apis for a call that no block could hold.
fn invalid_code(reason: &InvalidTransaction) -> i32 {
    match reason {
        InvalidTransaction::NonceTooLow { .. } => -38010,
        InvalidTransaction::NonceTooHigh { .. } => -38011,
        InvalidTransaction::GasPriceLessThanBasefee => -38012,
        InvalidTransaction::CallGasCostMoreThanGasLimit { .. } => -38013,
        InvalidTransaction::LackOfFundForMaxFee { .. } | InvalidTransaction::OverflowPaymentInTransaction => {
            -38014
        }
        InvalidTransaction::CallerGasLimitMoreThanBlock => -38015,
        InvalidTransaction::RejectCallerWithCode => -38024,
        InvalidTransaction::CreateInitCodeSizeLimit => -38025,
        InvalidTransaction::PriorityFeeGreaterThanMaxFee => -32602,
        _ => -32603,
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Ledger(reason) => {
                tracing::error!(reason, "rpc: pool could not read state");
                Self::Internal
            }
            other => Self::refused(other.to_string()),
        }
    }
}

impl From<IndexError> for Failure {
    fn from(error: IndexError) -> Self {
        tracing::error!(%error, "rpc: index could not be read");
        Self::Internal
    }
}

impl From<Exhausted> for Failure {
    fn from(exhausted: Exhausted) -> Self {
        Self::Limit(exhausted.to_string())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        tracing::error!(%error, "rpc: answer could not be encoded");
        Self::Internal
    }
}
