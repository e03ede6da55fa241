//! Every key of a genesis file that Besu, GoQuorum or this project gives a meaning, and what we make of it. A key that
//! is not here is refused: it may be a rule we do not know. `docs/networks.md` repeats these tables; a test compares.

/// What is done with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// Means to us what it means to its client.
    Understood,
    /// Says nothing about which blocks are valid.
    Ignored,
    /// Would change rules in a way that is not implemented, unless it is 0.
    OnlyZero,
    /// Would change rules in a way that is not implemented; null, false and empty values say nothing.
    Refused,
}

use Treatment::{Ignored, OnlyZero, Refused, Understood};

/// A section of the file and its keys.
pub type Section = &'static [(&'static str, Treatment)];

/// `config`.
pub const CONFIG: Section = &[
    ("chainId", Understood),
    ("homesteadBlock", Understood),
    ("eip150Block", Understood),
    ("eip155Block", Understood),
    ("eip158Block", Understood),
    ("byzantiumBlock", Understood),
    ("constantinopleBlock", Understood),
    ("constantinopleFixBlock", Understood),
    ("petersburgBlock", Understood),
    ("istanbulBlock", Understood),
    ("muirGlacierBlock", Understood),
    ("berlinBlock", Understood),
    ("londonBlock", Understood),
    ("arrowGlacierBlock", Understood),
    ("grayGlacierBlock", Understood),
    ("mergeNetsplitBlock", Understood),
    ("shanghaiTime", Understood),
    ("cancunTime", Understood),
    ("pragueTime", Understood),
    ("osakaTime", Understood),
    ("zeroBaseFee", Understood),
    ("contractSizeLimit", Understood),
    ("isQuorum", Understood),
    ("txnSizeLimit", Understood),
    ("maxCodeSize", Understood),
    ("maxCodeSizeChangeBlock", Understood),
    ("maxCodeSizeConfig", Understood),
    ("enableGasPriceBlock", Understood),
    ("privacyEnhancementsBlock", Understood),
    ("qbft", Understood),
    ("transitions", Understood),
    ("eip150Hash", Ignored),
    ("blobSchedule", Ignored),
    ("discovery", Ignored),
    ("ecCurve", Refused),
    ("ethash", Refused),
    ("clique", Refused),
    ("ibft", Refused),
    ("ibft2", Refused),
    ("istanbul", Refused),
    ("daoForkBlock", Refused),
    ("daoForkSupport", Ignored),
    ("classicForkBlock", Refused),
    ("ewasmBlock", Refused),
    ("catalystBlock", Refused),
    ("yoloV2Block", Refused),
    ("yoloV3Block", Refused),
    ("amsterdamTime", Refused),
    ("bogotaTime", Refused),
    ("futureEipsTime", Refused),
    ("experimentalEipsTime", Refused),
    ("bpo1Time", Ignored),
    ("bpo2Time", Ignored),
    ("bpo3Time", Ignored),
    ("bpo4Time", Ignored),
    ("bpo5Time", Ignored),
    ("terminalTotalDifficulty", Refused),
    ("terminalTotalDifficultyPassed", Ignored),
    ("terminalBlockHash", Refused),
    ("terminalBlockNumber", Refused),
    ("fixedBaseFee", Refused),
    ("evmStackSize", Refused),
    ("depositContractAddress", Refused),
    ("withdrawalRequestContractAddress", Refused),
    ("consolidationRequestContractAddress", Refused),
    ("qip714Block", OnlyZero),
    ("privacyPrecompileBlock", Refused),
    ("isMPS", Refused),
];

/// `config.qbft`.
pub const QBFT: Section = &[
    ("blockperiodseconds", Understood),
    ("emptyblockperiodseconds", Understood),
    ("xemptyblockperiodseconds", Understood),
    ("requesttimeoutseconds", Understood),
    ("requesttimeoutmilliseconds", Understood),
    ("epochlength", Understood),
    ("validatorcontractaddress", Understood),
    ("validatorselectionmode", Understood),
    ("validators", Understood),
    ("blockreward", Understood),
    ("miningbeneficiary", Understood),
    ("beneficiarymode", Understood),
    ("proposalround", Understood),
    ("messageencoding", Understood),
    ("epoch", Ignored),
    ("maxrequesttimeoutseconds", Understood),
    ("allowedfutureblocktime", Ignored),
    ("gossipedhistorylimit", Ignored),
    ("messagequeuelimit", Ignored),
    ("duplicatemessagelimit", Ignored),
    ("futuremessageslimit", Ignored),
    ("futuremessagesmaxdistance", Ignored),
    ("policy", Understood),
    ("pertxgaslimit", Understood),
    ("ceil2nby3block", OnlyZero),
    ("testqbftblock", OnlyZero),
    ("beneficiarylist", Refused),
    ("startblock", OnlyZero),
    ("xblockperiodmilliseconds", OnlyZero),
];

/// Entries of Besu's `config.transitions.qbft`.
pub const BESU_TRANSITION: Section = &[
    ("block", Understood),
    ("validators", Understood),
    ("validatorselectionmode", Understood),
    ("validatorcontractaddress", Understood),
    ("blockperiodseconds", Understood),
    ("emptyblockperiodseconds", Understood),
    ("xemptyblockperiodseconds", Understood),
    ("blockreward", Understood),
    ("miningbeneficiary", Understood),
    ("xblockperiodmilliseconds", OnlyZero),
];

/// Entries of GoQuorum's `config.transitions`.
pub const GOQUORUM_TRANSITION: Section = &[
    ("block", Understood),
    ("algorithm", Understood),
    ("validators", Understood),
    ("validatorselectionmode", Understood),
    ("validatorcontractaddress", Understood),
    ("epochlength", Understood),
    ("blockperiodseconds", Understood),
    ("emptyblockperiodseconds", Understood),
    ("requesttimeoutseconds", Understood),
    ("contractsizelimit", Understood),
    ("transactionsizelimit", Understood),
    ("blockreward", Understood),
    ("beneficiarymode", Understood),
    ("miningbeneficiary", Understood),
    ("gaspriceenabled", Understood),
    ("miner.gaslimit", Understood),
    ("maxrequesttimeoutseconds", Ignored),
    ("2fplus1enabled", Refused),
    ("beneficiarylist", Refused),
    ("enhancedpermissioningenabled", Refused),
    ("privacyenhancementsenabled", Refused),
    ("privacyprecompileenabled", Refused),
];

/// Keys of `config.qbft` that only networks of ours have.
pub(super) const OURS: [&str; 3] = ["requesttimeoutmilliseconds", "proposalround", "messageencoding"];
/// Keys of `config` that only GoQuorum knows.
pub(super) const GOQUORUM_CONFIG: [&str; 10] = [
    "isQuorum",
    "txnSizeLimit",
    "maxCodeSize",
    "maxCodeSizeChangeBlock",
    "maxCodeSizeConfig",
    "enableGasPriceBlock",
    "qip714Block",
    "privacyEnhancementsBlock",
    "privacyPrecompileBlock",
    "isMPS",
];
/// Keys of `config.qbft` that only GoQuorum knows.
pub(super) const GOQUORUM_QBFT: [&str; 8] = [
    "policy",
    "ceil2nby3block",
    "testqbftblock",
    "validatorselectionmode",
    "validators",
    "beneficiarymode",
    "beneficiarylist",
    "maxrequesttimeoutseconds",
];
/// Keys of `config` that GoQuorum does not know and that would change its rules.
pub(super) const BESU_CONFIG: [&str; 5] =
    ["londonBlock", "shanghaiTime", "cancunTime", "pragueTime", "osakaTime"];
