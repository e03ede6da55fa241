//! From method names to functions: each namespace is a table.

use super::{
    NAMESPACES, RpcError,
    args::Args,
    budget::{Budget, Encoded, encode},
    check_namespaces,
    context::{Beside, Context, Weight, caught},
    debug,
    discover::{DISCOVER, Described, MODULES},
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
use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Instant,
};

/// An encoded result.
pub(super) type Answer = Result<Encoded, Failure>;

/// Encodes a result.
pub(super) fn json(value: &impl Serialize) -> Answer {
    encode(value)
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
    /// At once if that takes a moment at most, otherwise on a blocking thread.
    Tried(fn(&Context, &Args) -> Option<Answer>, fn(&Context, &Args) -> Answer),
    /// Waits for something.
    Wait(fn(Arc<Context>, Args) -> BoxFuture<'static, Answer>),
}

/// Row of a method table.
pub(super) const fn method(name: &'static str, args: usize, run: Run) -> Method {
    Method { name, args, run }
}

/// Methods that run the EVM once, or a few times.
const CALLS: &[&str] = &["eth_call", "eth_createAccessList", "eth_estimateGas"];
/// Methods that go through many blocks, or make long answers.
const HEAVY: &[&str] = &[
    "eth_feeHistory",
    "eth_getBlockReceipts",
    "eth_getFilterChanges",
    "eth_getFilterLogs",
    "eth_getLogs",
    "eth_getProof",
    "eth_simulateV1",
    "quorate_getBlockSummaries",
    "txpool_content",
    "txpool_contentFrom",
    "txpool_inspect",
];
/// Namespaces of which that is true altogether.
const HEAVY_NAMESPACES: &[&str] = &["debug_", "ots_", "trace_"];

fn weight(name: &str) -> Weight {
    if CALLS.contains(&name) {
        Weight::Call
    } else if HEAVY.contains(&name) || HEAVY_NAMESPACES.iter().any(|prefix| name.starts_with(prefix)) {
        Weight::Heavy
    } else {
        Weight::Light
    }
}

/// The methods of a namespace.
pub(super) fn tables(namespace: &str) -> Result<&'static [&'static [Method]], RpcError> {
    Ok(match namespace {
        "debug" => debug::METHODS,
        "eth" => eth::METHODS,
        "istanbul" => &[istanbul::METHODS],
        "net" => &[net::METHODS],
        "ots" => ots::METHODS,
        "qbft" => &[qbft::METHODS],
        "quorate" => &[quorate::METHODS],
        "txpool" => &[txpool::METHODS],
        "web3" => &[web3::METHODS],
        other => return Err(RpcError::Namespace { got: other.to_string() }),
    })
}

/// The methods that one port serves.
pub(super) struct Methods {
    rows: HashMap<&'static str, &'static Method>,
    pushed: jsonrpsee::Methods,
    namespaces: Vec<&'static str>,
    described: Described,
    context: Arc<Context>,
}

impl Methods {
    /// Every method of the namespaces named; whether the port can push tells if subscriptions are among what it describes.
    pub(super) fn new(context: Arc<Context>, wanted: &[String], pushes: bool) -> Result<Self, RpcError> {
        check_namespaces(wanted)?;
        let namespaces: Vec<_> =
            NAMESPACES.into_iter().filter(|name| wanted.iter().any(|wanted| wanted == name)).collect();
        let mut rows = HashMap::new();
        let mut pushed = jsonrpsee::Methods::new();
        for namespace in &namespaces {
            for table in tables(namespace)? {
                rows.extend(table.iter().map(|method| (method.name, method)));
            }
            if *namespace == "eth" {
                let mut module = RpcModule::from_arc(Arc::clone(&context));
                eth::subscriptions::register(&mut module)?;
                pushed.merge(module)?;
            }
        }
        let tables = rows.values().map(|method| (method.name, method.args));
        let subscriptions = pushed.method_names().filter(|_| pushes);
        let described = Described::new(
            tables.chain(subscriptions.map(|name| (name, if name.ends_with("unsubscribe") { 1 } else { 2 }))),
        )?;
        Ok(Self { rows, pushed, namespaces, described, context })
    }

    /// What starts or ends a subscription.
    pub(super) fn pushed(&self, name: &str, client: &Client) -> Option<&MethodCallback> {
        self.pushed.method(name).filter(|_| client.may(name))
    }

    /// Answers one call.
    pub(super) async fn call(
        &self,
        name: &str,
        params: Option<&str>,
        client: &Client,
        beside: Beside,
        budget: &Arc<Budget>,
    ) -> Result<Encoded, ErrorObjectOwned> {
        match name {
            MODULES => return Ok(self.modules(client)?),
            DISCOVER => {
                let document = self.described.document(|name| client.may(name));
                return Ok(budget.pays(|| encode(&document))?);
            }
            _ => {}
        }
        let method = self.rows.get(name).filter(|_| client.may(name));
        let method = method.ok_or_else(|| method_not_found(name))?;
        let begun = Instant::now();
        let outcome = match Args::new(&Params::new(params), method.args, client.address) {
            Ok(args) => self.run(method, args, beside, budget).await,
            Err(failure) => Err(failure),
        };
        self.context.node.count_call(method.name, outcome.is_ok(), begun.elapsed());
        Ok(outcome?)
    }

    async fn run(&self, method: &'static Method, args: Args, beside: Beside, budget: &Arc<Budget>) -> Answer {
        let context = &self.context;
        match method.run {
            Run::Now(run) => budget.pays(|| run(context, &args)),
            Run::Read(run) => self.read(method.name, run, args, beside, budget).await,
            Run::Tried(at_once, run) => {
                if beside != Beside::Batch
                    && let Some(answer) =
                        caught(|| budget.pays(|| at_once(context, &args).transpose())).transpose()
                {
                    return answer;
                }
                self.read(method.name, run, args, beside, budget).await
            }
            Run::Wait(run) => run(Arc::clone(context), args).await,
        }
    }

    async fn read(
        &self,
        name: &str,
        run: fn(&Context, &Args) -> Answer,
        args: Args,
        beside: Beside,
        budget: &Arc<Budget>,
    ) -> Answer {
        let budget = Arc::clone(budget);
        let read = move |context: &Context| budget.pays(|| run(context, &args));
        self.context.read(weight(name), beside, read).await
    }

    fn modules(&self, client: &Client) -> Answer {
        let served = self.namespaces.iter().copied().filter(|name| client.may(name));
        json(&served.chain(["rpc"]).map(|name| (name, "1.0")).collect::<BTreeMap<_, _>>())
    }
}

/// Address of the client, as the server noted it.
pub(super) fn client(extensions: &Extensions) -> IpAddr {
    extensions.get::<Client>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |client| client.address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_lists_the_pool_is_a_heavy_read() {
        for method in txpool::METHODS.iter().filter(|method| method.name != "txpool_status") {
            assert!(matches!(method.run, Run::Read(_)), "{}", method.name);
            assert_eq!(weight(method.name), Weight::Heavy, "{}", method.name);
        }
    }

    #[test]
    fn every_method_with_a_weight_is_there() {
        let rows = || NAMESPACES.iter().flat_map(|namespace| tables(namespace).unwrap()).copied().flatten();
        for name in CALLS.iter().chain(HEAVY) {
            assert!(rows().any(|method| method.name == *name), "{name}");
        }
    }
}
