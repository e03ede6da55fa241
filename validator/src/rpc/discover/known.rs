//! Names and types of arguments, and types of results.

/// A method as clients know it.
#[derive(Clone, Copy)]
pub(super) struct Known {
    pub(super) name: &'static str,
    /// Each `name: type`; `?` after the name of what may be left out.
    pub(super) params: &'static [&'static str],
    pub(super) result: &'static str,
}

const fn known(name: &'static str, params: &'static [&'static str], result: &'static str) -> Known {
    Known { name, params, result }
}

/// What is known, in the order of the alphabet.
pub(super) const KNOWN: &[Known] = &[
    known("debug_getRawBlock", &["block: Block"], "Bytes"),
    known("debug_getRawHeader", &["block: Block"], "Bytes"),
    known("debug_getRawReceipts", &["block: Block"], "Bytes[]"),
    known("debug_getRawTransaction", &["hash: Hash"], "Bytes"),
    known("debug_traceBlock", &["block: Bytes", "options?: object"], "array"),
    known("debug_traceBlockByHash", &["hash: Hash", "options?: object"], "array"),
    known("debug_traceBlockByNumber", &["block: Block", "options?: object"], "array"),
    known("debug_traceCall", &["message: Message", "block?: Block", "options?: object"], "object"),
    known("debug_traceTransaction", &["hash: Hash", "options?: object"], "object"),
    known("eth_accounts", &[], "Address[]"),
    known("eth_blockNumber", &[], "Quantity"),
    known(
        "eth_call",
        &["message: Message", "block?: Block", "stateOverrides?: object", "blockOverrides?: object"],
        "Bytes",
    ),
    known("eth_chainId", &[], "Quantity"),
    known("eth_coinbase", &[], "Address"),
    known(
        "eth_createAccessList",
        &["message: Message", "block?: Block", "stateOverrides?: object"],
        "object",
    ),
    known(
        "eth_estimateGas",
        &["message: Message", "block?: Block", "stateOverrides?: object", "blockOverrides?: object"],
        "Quantity",
    ),
    known(
        "eth_feeHistory",
        &["blockCount: any", "newestBlock: Block", "rewardPercentiles?: array"],
        "object",
    ),
    known("eth_gasPrice", &[], "Quantity"),
    known("eth_getBalance", &["address: Address", "block?: Block"], "Quantity"),
    known("eth_getBlockByHash", &["hash: Hash", "full?: boolean"], "any"),
    known("eth_getBlockByNumber", &["block: Block", "full?: boolean"], "any"),
    known("eth_getBlockReceipts", &["block: Block"], "any"),
    known("eth_getBlockTransactionCountByHash", &["hash: Hash"], "any"),
    known("eth_getBlockTransactionCountByNumber", &["block: Block"], "any"),
    known("eth_getCode", &["address: Address", "block?: Block"], "Bytes"),
    known("eth_getFilterChanges", &["filter: Quantity"], "array"),
    known("eth_getFilterLogs", &["filter: Quantity"], "object[]"),
    known("eth_getLogs", &["filter: Filter"], "object[]"),
    known("eth_getProof", &["address: Address", "slots: array", "block?: Block"], "object"),
    known("eth_getStorageAt", &["address: Address", "slot: string", "block?: Block"], "Hash"),
    known("eth_getTransactionByBlockHashAndIndex", &["hash: Hash", "index: Quantity"], "any"),
    known("eth_getTransactionByBlockNumberAndIndex", &["block: Block", "index: Quantity"], "any"),
    known("eth_getTransactionByHash", &["hash: Hash"], "any"),
    known("eth_getTransactionCount", &["address: Address", "block?: Block"], "Quantity"),
    known("eth_getTransactionReceipt", &["hash: Hash"], "any"),
    known("eth_maxPriorityFeePerGas", &[], "Quantity"),
    known("eth_newBlockFilter", &[], "Quantity"),
    known("eth_newFilter", &["filter: Filter"], "Quantity"),
    known("eth_newPendingTransactionFilter", &["full?: boolean"], "Quantity"),
    known("eth_sendRawTransaction", &["transaction: Bytes"], "Hash"),
    known("eth_simulateV1", &["payload: object", "block?: Block"], "object[]"),
    known("eth_subscribe", &["kind: string", "options?: any"], "string"),
    known("eth_syncing", &[], "any"),
    known("eth_uninstallFilter", &["filter: Quantity"], "boolean"),
    known("eth_unsubscribe", &["subscription: string"], "boolean"),
    known("net_listening", &[], "boolean"),
    known("net_peerCount", &[], "Quantity"),
    known("net_version", &[], "string"),
    known("qbft_discardValidatorVote", &["address: Address"], "boolean"),
    known("qbft_getPendingVotes", &[], "object"),
    known("qbft_getSignerMetrics", &["fromBlock?: Block", "toBlock?: Block"], "object[]"),
    known("qbft_getValidatorsByBlockHash", &["hash: Hash"], "Address[]"),
    known("qbft_getValidatorsByBlockNumber", &["block: Block"], "Address[]"),
    known("qbft_proposeValidatorVote", &["address: Address", "add: boolean"], "boolean"),
    known("rpc.discover", &[], "object"),
    known("rpc_modules", &[], "object"),
    known("txpool_content", &[], "object"),
    known("txpool_contentFrom", &["address: Address"], "object"),
    known("txpool_inspect", &[], "object"),
    known("txpool_status", &[], "object"),
    known("web3_clientVersion", &[], "string"),
    known("web3_sha3", &["data: Bytes"], "Hash"),
];
