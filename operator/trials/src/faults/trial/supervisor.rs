//! Does to the operator processes what the gate says: kills, restarts, pauses, silences.

use super::{settle::is_wanted, stage::Crew};
use crate::faults::{
    front::{Event, Gate},
    history::Log,
    oracle::state::Masked,
    plan::{Fault, Plan},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{Mutex, mpsc},
    time::timeout,
};

/// How long reads are stale or watches silent, and how long another operator leads beside a paused one: bounds, not waits.
const STALE: Duration = Duration::from_secs(4);
const SILENT: Duration = Duration::from_secs(4);
const PAUSED: Duration = Duration::from_secs(30);

pub(super) struct Supervisor {
    pub(super) plan: Plan,
    pub(super) crew: Arc<Mutex<Crew>>,
    pub(super) gate: Arc<Gate>,
    pub(super) log: Arc<Log>,
    /// The resource version before the first step.
    pub(super) from: u64,
    pub(super) wanted: Masked,
}

impl Supervisor {
    pub(super) async fn run(self, mut events: mpsc::UnboundedReceiver<Event>) {
        while let Some(event) = events.recv().await {
            let done = match event {
                Event::Kill(instance) => self.restart(instance).await,
                Event::Held => self.take_over().await,
                Event::Reached => {
                    self.silence().await;
                    Ok(())
                }
            };
            if let Err(error) = done {
                eprintln!("{}: {error:#}", self.plan);
            }
        }
    }

    async fn restart(&self, instance: usize) -> anyhow::Result<()> {
        let now = self.log.version();
        let view = match self.plan.fault {
            Fault::StaleStart => self.from,
            Fault::StaleHalf => self.from + (now - self.from) / 2,
            _ => 0,
        };
        let mut crew = self.crew.lock().await;
        crew.kill(instance);
        let started = crew.start(view).await?;
        if view > 0 {
            let front = crew.members[started].0.clone();
            drop(crew);
            tokio::time::sleep(STALE).await;
            front.show(0);
        }
        Ok(())
    }

    /// The first process stands still in the midst of a write until another has done the work.
    async fn take_over(&self) -> anyhow::Result<()> {
        let mut crew = self.crew.lock().await;
        crew.members[0].1.signal("-STOP")?;
        crew.start(0).await?;
        drop(crew);
        let mut changes = self.log.changes();
        let taken_over = async {
            while !is_wanted(&self.log.now(), &self.wanted) {
                if changes.changed().await.is_err() {
                    break;
                }
            }
        };
        // What it does not finish by then it finishes beside the other.
        let _ = timeout(PAUSED, taken_over).await;
        self.gate.release();
        self.crew.lock().await.members[0].1.signal("-CONT")
    }

    async fn silence(&self) {
        let Some(silence) = self.plan.fault.silence() else { return };
        let fronts: Vec<_> = self.crew.lock().await.members.iter().map(|(front, _)| front.clone()).collect();
        for front in &fronts {
            front.silence(Some(silence));
        }
        tokio::time::sleep(SILENT).await;
        for front in &fronts {
            front.silence(None);
        }
    }
}
