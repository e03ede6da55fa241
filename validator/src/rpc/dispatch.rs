//! From method names to functions: each namespace is a table.

use super::{
    RpcError,
    args::Args,
    context::{Context, Weight},
    debug,
    error::{Failure, method_not_found},
    eth, istanbul, net, ots, qbft, quorate,
    server::Client,
    txpool, web3,
};
use futures::future::BoxFuture;
use jsonrpsee::{
    Extensions, MethodCallback, RpcModule,
    types::{ErrorObjectOwned, Params},
};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Instant,
};

/// An encoded result.
pub(super) type Answer = Result<Box<RawValue>, Failure>;

/// Encodes a result.
pub(super) fn json(value: &impl Serialize) -> Answer {
    Ok(to_raw_value(value)?)
}

/// A method: its name, how many arguments it knows, and what answers it.
#[derive(Clone, Copy)]
pub(super) struct Method {
    pub(super) name: &'static str,
    pub(super) args: usize,
    pub(super) run: Run,
}

/// How a method is run.
#[derive(Clone, Copy)]
pub(super) enum Run {
    /// At once: memory only.
    Now(fn(&Context, &Args) -> Answer),
    /// On a blocking thread: reads the ledger.
    Read(fn(&Context, &Args) -> Answer),
    /// Waits for something.
    Wait(fn(Arc<Context>, Args) -> BoxFuture<'static, Answer>),
}

/// Row of a method table.
pub(super) const fn method(name: &'static str, args: usize, run: Run) -> Method {
    Method { name, args, run }
}

/// Served whatever the configuration says.
const METHODS: &[Method] = &[method("rpc_modules", 0, Run::Now(rpc_modules))];

/// Names of methods that run the EVM or go through many blocks.
const HEAVY: &[&str] = &[
    "eth_call",
    "eth_createAccessList",
    "eth_estimateGas",
    "eth_feeHistory",
    "eth_getBlockReceipts",
    "eth_getFilterChanges",
    "eth_getFilterLogs",
    "eth_getLogs",
    "eth_getProof",
    "eth_simulateV1",
    "quorate_getBlockSummaries",
];
/// Namespaces of which that is true altogether.
const HEAVY_NAMESPACES: &[&str] = &["debug_", "ots_", "trace_"];

fn weight(name: &str) -> Weight {
    let heavy = HEAVY.contains(&name) || HEAVY_NAMESPACES.iter().any(|prefix| name.starts_with(prefix));
    if heavy { Weight::Heavy } else { Weight::Light }
}

/// The methods that one port serves.
pub(super) struct Methods {
    rows: HashMap<&'static str, &'static Method>,
    pushed: jsonrpsee::Methods,
    context: Arc<Context>,
}

impl Methods {
    /// Every method of the namespaces served.
    pub(super) fn new(context: Arc<Context>) -> Result<Self, RpcError> {
        let mut rows = HashMap::new();
        let mut pushed = jsonrpsee::Methods::new();
        let mut add = |table: &'static [Method]| {
            for method in table {
                rows.insert(method.name, method);
            }
        };
        add(METHODS);
        for namespace in &context.namespaces {
            match *namespace {
                "eth" => {
                    eth::METHODS.iter().copied().for_each(&mut add);
                    let mut module = RpcModule::from_arc(Arc::clone(&context));
                    eth::subscriptions::register(&mut module)?;
                    pushed.merge(module)?;
                }
                "debug" => debug::METHODS.iter().copied().for_each(&mut add),
                "istanbul" => add(istanbul::METHODS),
                "net" => add(net::METHODS),
                "ots" => ots::METHODS.iter().copied().for_each(&mut add),
                "qbft" => add(qbft::METHODS),
                "quorate" => add(quorate::METHODS),
                "txpool" => add(txpool::METHODS),
                "web3" => add(web3::METHODS),
                other => return Err(RpcError::Namespace { got: (*other).to_string() }),
            }
        }
        Ok(Self { rows, pushed, context })
    }

    /// What starts or ends a subscription.
    pub(super) fn pushed(&self, name: &str) -> Option<&MethodCallback> {
        self.pushed.method(name)
    }

    /// Answers one call.
    pub(super) async fn call(
        &self,
        name: &str,
        params: Option<&str>,
        client: &Client,
    ) -> Result<Box<RawValue>, ErrorObjectOwned> {
        let Some(method) = self.rows.get(name) else { return Err(method_not_found(name)) };
        let begun = Instant::now();
        let outcome = match Args::new(&Params::new(params), method.args, client.address) {
            Ok(args) => self.run(method, args).await,
            Err(failure) => Err(failure),
        };
        self.context.node.count_call(method.name, outcome.is_ok(), begun.elapsed());
        Ok(outcome?)
    }

    async fn run(&self, method: &'static Method, args: Args) -> Answer {
        let context = &self.context;
        match method.run {
            Run::Now(run) => run(context, &args),
            Run::Read(run) => context.read(weight(method.name), move |context| run(context, &args)).await,
            Run::Wait(run) => run(Arc::clone(context), args).await,
        }
    }
}

/// Address of the client, as the server noted it.
pub(super) fn client(extensions: &Extensions) -> IpAddr {
    extensions.get::<Client>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |client| client.address)
}

fn rpc_modules(context: &Context, _: &Args) -> Answer {
    let served = context.namespaces.iter().copied().chain(["rpc"]).map(|name| (name, "1.0"));
    json(&served.collect::<std::collections::BTreeMap<_, _>>())
}
