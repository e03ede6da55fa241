//! Worker processes, a file at a time each. One that dies or falls silent fails the case it was at, and no other.

use super::{
    Verdict,
    worker::{Said, Task},
};
use std::{
    collections::VecDeque,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Mutex, PoisonError, mpsc},
    time::Duration,
};

/// A file, a case of it and what came of it.
pub type Finding = (PathBuf, String, Verdict);

/// Runs every file, `jobs` at once, each case for `timeout` at most. Findings come in order of file and case.
pub fn run(
    files: &[PathBuf],
    worker: &(dyn Fn() -> Command + Sync),
    timeout: Duration,
    jobs: usize,
) -> Vec<Finding> {
    let queue: Mutex<VecDeque<(usize, &PathBuf)>> = Mutex::new(files.iter().enumerate().collect());
    let found = Mutex::new(vec![Vec::new(); files.len()]);
    std::thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, files.len().max(1)) {
            scope.spawn(|| {
                let mut slot = Slot { worker, timeout, process: None };
                while let Some((index, file)) = lock(&queue).pop_front() {
                    let findings = slot.file(file);
                    if let Some(place) = lock(&found).get_mut(index) {
                        *place = findings;
                    }
                }
            });
        }
    });
    found.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten().collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A place for a worker, filled when there is something to do.
struct Slot<'a> {
    worker: &'a (dyn Fn() -> Command + Sync),
    timeout: Duration,
    process: Option<Process>,
}

impl Slot<'_> {
    fn file(&mut self, file: &Path) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Vec::new();
        loop {
            let task = Task { file: file.to_path_buf(), skip: findings.len() };
            let mut open = None;
            let lost = self.task(&task, |said| match said {
                Said::Begin(case) => open = Some(case),
                Said::End(verdict) => {
                    findings.push((file.to_path_buf(), open.take().unwrap_or_default(), verdict));
                }
                Said::Done => {}
            });
            let Err(reason) = lost else { return findings };
            self.process = None;
            let began = open.is_some();
            findings.push((
                file.to_path_buf(),
                open.unwrap_or_else(|| "file".to_string()),
                Verdict::Failed(reason),
            ));
            if !began {
                return findings;
            }
        }
    }

    /// Hands a task over and listens until it is done, or says why the worker was lost.
    fn task(&mut self, task: &Task, mut heard: impl FnMut(Said)) -> Result<(), String> {
        let process = match self.process.take() {
            Some(process) => process,
            None => Process::start((self.worker)()).map_err(|error| format!("worker: {error}"))?,
        };
        let process = self.process.insert(process);
        process.ask(task).map_err(|error| format!("worker: {error}"))?;
        loop {
            match process.said.recv_timeout(self.timeout) {
                Ok(Said::Done) => return Ok(()),
                Ok(said) => heard(said),
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    return Err(format!("no end after {} s", self.timeout.as_secs()));
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => return Err(process.ended()),
            }
        }
    }
}

struct Process {
    child: Child,
    input: ChildStdin,
    said: mpsc::Receiver<Said>,
}

impl Process {
    fn start(mut command: Command) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (input, output) = child.stdin.take().zip(child.stdout.take()).ok_or(io::ErrorKind::BrokenPipe)?;
        let (tell, said) = mpsc::channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            let heard = lines.map_while(|line| serde_json::from_str(&line).ok());
            for said in heard {
                if tell.send(said).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, input, said })
    }

    fn ask(&mut self, task: &Task) -> io::Result<()> {
        writeln!(self.input, "{}", serde_json::to_string(task)?)?;
        self.input.flush()
    }

    fn ended(&mut self) -> String {
        self.child.wait().map_or_else(|error| error.to_string(), |status| format!("worker died: {status}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
