//! RPC's own threads, which give way: whatever clients ask for, consensus has the cores first.

use super::{RpcError, RpcLimits, RpcOptions, ServerHandle, serve};
use crate::threads::stand_back;
use std::thread::available_parallelism;
use tokio::runtime::{Builder, Runtime};

/// Serves on threads of their own: half of the cores for connections, JSON and what takes a moment, and those of the limits for
/// other reads.
pub async fn serve_apart(options: RpcOptions) -> Result<ServerHandle, RpcError> {
    let runtime = runtime(&options.limits).map_err(RpcError::Threads)?;
    let serving = runtime.spawn(serve(options));
    match serving.await.map_err(|error| RpcError::Threads(std::io::Error::other(error))).flatten() {
        Ok(server) => Ok(server.kept_by(runtime)),
        Err(error) => {
            // Waiting for threads is not possible where tasks run.
            runtime.shutdown_background();
            Err(error)
        }
    }
}

fn runtime(limits: &RpcLimits) -> std::io::Result<Runtime> {
    let half = available_parallelism().map_or(1, |cores| cores.get().div_ceil(2));
    let blocking = super::context::threads(limits);
    Builder::new_multi_thread()
        .thread_name("rpc")
        .worker_threads(half)
        .max_blocking_threads(blocking)
        .on_thread_start(stand_back)
        .enable_all()
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::NICENESS;

    #[test]
    fn threads_of_rpc_stand_back_and_others_do_not() {
        let own = rustix::process::getpriority_process(None).unwrap();
        let runtime = runtime(&RpcLimits::new()).unwrap();
        let priority = || rustix::process::getpriority_process(None).unwrap();
        let theirs = runtime.block_on(async {
            let worker = tokio::spawn(async move { priority() });
            let read = tokio::task::spawn_blocking(priority);
            (worker.await.unwrap(), read.await.unwrap())
        });
        assert_eq!(theirs, (NICENESS.max(own), NICENESS.max(own)));
        assert_eq!(rustix::process::getpriority_process(None).unwrap(), own);
    }
}
