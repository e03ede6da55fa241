//! Waiting for something to become true: asked again and again until a deadline, with the last answer in the error.

use anyhow::{Result, anyhow};
use std::{
    future::Future,
    time::{Duration, Instant},
};

/// How often a condition is asked.
const INTERVAL: Duration = Duration::from_millis(200);

/// What a condition says while it is not met.
#[derive(Debug)]
pub enum Progress<T> {
    /// Met, with its value.
    Done(T),
    /// Not yet, and why.
    Waiting(String),
}

/// Asks `condition` until it is done; fails at the deadline with what it last said. Errors of the condition are
/// reasons to ask again: a pod that restarts refuses connections for a while.
pub async fn eventually<T, F, Fut>(what: &str, deadline: Duration, condition: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Progress<T>>>,
{
    ask(what, deadline, condition, |_, _| {}).await
}

/// As [`eventually`], printing a line whenever what is waited for changes.
pub async fn with_progress<T, F, Fut>(what: &str, deadline: Duration, condition: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Progress<T>>>,
{
    println!("  {what}");
    ask(what, deadline, condition, |seconds, said| println!("    {seconds:6.1} s  {said}")).await
}

async fn ask<T, F, Fut>(
    what: &str,
    deadline: Duration,
    mut condition: F,
    mut changed: impl FnMut(f64, &str),
) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Progress<T>>>,
{
    let start = Instant::now();
    let mut last = String::new();
    loop {
        let said = match condition().await {
            Ok(Progress::Done(value)) => return Ok(value),
            Ok(Progress::Waiting(why)) => why,
            Err(error) => format!("{error:#}"),
        };
        if said != last {
            changed(start.elapsed().as_secs_f64(), &said);
            last = said;
        }
        if start.elapsed() > deadline {
            return Err(anyhow!("{what}: not within {} s; last seen: {last}", deadline.as_secs()));
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
