//! Threads that give way: whatever peers and clients send, blocks and votes have the cores first.

/// How far they stand back (`nice`): a thread of the node's weighs as much as nine of them.
pub(crate) const NICENESS: i32 = 10;

/// Lowers the priority of the calling thread; on Linux a thread has one of its own.
pub(crate) fn stand_back() {
    let own = rustix::process::getpriority_process(None);
    let outcome = own.and_then(|own| rustix::process::setpriority_process(None, own.max(NICENESS)));
    if let Err(error) = outcome {
        tracing::debug!(%error, "a thread keeps its priority");
    }
}

/// Looking at what comes in, on as many threads as there are cores; none when the system has no threads to give, then whoever
/// brings something looks at it itself.
pub(crate) fn admission() -> Option<rayon::ThreadPool> {
    let threads = rayon::ThreadPoolBuilder::new()
        .thread_name(|_| "admission".to_string())
        .start_handler(|_| stand_back());
    threads.build().inspect_err(|error| tracing::warn!(%error, "admission has no threads of its own")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_of_admission_stand_back_and_others_do_not() {
        let priority = || rustix::process::getpriority_process(None).unwrap();
        let own = priority();
        let theirs = admission().unwrap().broadcast(|_| priority());
        assert!(theirs.iter().all(|one| *one == NICENESS.max(own)), "{theirs:?}");
        assert_eq!(priority(), own);
    }
}
