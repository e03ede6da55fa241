//! From method names to functions: each namespace is a table.

use super::{
    RpcError, args::Args, context::Context, debug, error::Failure, eth, istanbul, net, qbft, server::Client,
    txpool, web3,
};
use futures::future::BoxFuture;
use jsonrpsee::{Extensions, RpcModule, types::ErrorObjectOwned};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::{
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

/// Every method of the namespaces served.
pub(super) fn module(context: Context) -> Result<RpcModule<Context>, RpcError> {
    let namespaces = context.namespaces.clone();
    let mut module = RpcModule::new(context);
    register(&mut module, METHODS)?;
    for namespace in namespaces {
        match namespace {
            "debug" => {
                for table in debug::METHODS {
                    register(&mut module, table)?;
                }
            }
            "eth" => {
                for table in eth::METHODS {
                    register(&mut module, table)?;
                }
                eth::subscriptions::register(&mut module)?;
            }
            "istanbul" => register(&mut module, istanbul::METHODS)?,
            "net" => register(&mut module, net::METHODS)?,
            "qbft" => register(&mut module, qbft::METHODS)?,
            "txpool" => register(&mut module, txpool::METHODS)?,
            "web3" => register(&mut module, web3::METHODS)?,
            other => return Err(RpcError::Namespace { got: other.to_string() }),
        }
    }
    Ok(module)
}

fn register(module: &mut RpcModule<Context>, methods: &'static [Method]) -> Result<(), RpcError> {
    for method in methods {
        module.register_async_method(method.name, |params, context, extensions| {
            let args = Args::new(&params, method.args, client(&extensions));
            counted(method, context, args)
        })?;
    }
    Ok(())
}

async fn counted(
    method: &'static Method,
    context: Arc<Context>,
    args: Result<Args, Failure>,
) -> Result<Box<RawValue>, ErrorObjectOwned> {
    let begun = Instant::now();
    let outcome = answer(method.run, Arc::clone(&context), args).await;
    context.node.count_call(method.name, outcome.is_ok(), begun.elapsed());
    outcome
}

async fn answer(
    run: Run,
    context: Arc<Context>,
    args: Result<Args, Failure>,
) -> Result<Box<RawValue>, ErrorObjectOwned> {
    let args = args?;
    let answer = match run {
        Run::Now(run) => run(&context, &args),
        Run::Read(run) => context.read(move |context| run(context, &args)).await,
        Run::Wait(run) => run(context, args).await,
    };
    Ok(answer?)
}

/// Address of the client, as the server noted it.
pub(super) fn client(extensions: &Extensions) -> IpAddr {
    extensions.get::<Client>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |client| client.address)
}

fn rpc_modules(context: &Context, _: &Args) -> Answer {
    let served = context.namespaces.iter().copied().chain(["rpc"]).map(|name| (name, "1.0"));
    json(&served.collect::<std::collections::BTreeMap<_, _>>())
}
