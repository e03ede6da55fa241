//! The operator: reads the cluster and the chain, lets `operator-core` decide, and writes what it decided.

mod account;
mod apply;
mod args;
mod azure;
mod calls;
mod chain_access;
mod client;
mod clock;
mod connections;
mod context;
mod endpoints;
mod error;
mod events;
mod https;
mod keygen;
mod leader;
mod metrics;
mod node_pool;
mod nodes;
mod observe;
mod poll;
mod publications;
mod reconcile;
mod run;
mod serve;
mod sources;
mod traces;
mod turns;
mod vaults;
mod watches;
mod write;

use clap::Parser;

/// musl's allocator is slow, and glibc's keeps in every thread's arena what passes over large networks have used.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> anyhow::Result<()> {
    let mut args = args::Args::parse();
    if let Some(args::Command::ServeNetworkInfo(document)) = args.command {
        args::logging(args.log_format, None);
        return tokio::runtime::Runtime::new()?.block_on(serve::serve(document));
    }
    let private = azure_access::private_memory::keep();
    let instance = args.instance.get_or_insert_with(run::instance);
    let traces = traces::Traces::start(instance)?;
    args::logging(args.log_format, traces.as_ref());
    if let Err(error) = private {
        tracing::warn!(%error, "cannot rule out dumps of this process's memory, which holds keys");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(run::run(args));
    // A watch that never ends must not keep the process: what is not done by now is done by the next one.
    runtime.shutdown_background();
    if let Some(traces) = traces {
        traces.end();
    }
    outcome
}
