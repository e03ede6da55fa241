//! `rbac-audit [--partial] USER MANIFESTS LOG...`: rights that the rendered chart grants against rights that USER used by the API
//! server's audit log. Fails on a request that was refused and, unless the log is of a part of what the operator does, on a right
//! that nothing used.

use operator_trials::rights::{Granted, UNSEEN, Used, unused};
use std::{fs::File, io::BufReader, process::ExitCode};

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).peekable();
    let partial = arguments.next_if(|argument| argument == "--partial").is_some();
    let (Some(user), Some(manifests)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: rbac-audit [--partial] USER MANIFESTS LOG...");
        return Ok(ExitCode::from(2));
    };
    let granted = Granted::read(&std::fs::read_to_string(&manifests)?)?;
    let mut used = Used::default();
    for log in arguments {
        used.read(BufReader::new(File::open(&log)?), &user)?;
    }
    let left = unused(&granted, &used);
    for (namespace, right) in left.iter().filter(|_| !partial) {
        println!(
            "granted, never used: {right}{}",
            namespace.as_ref().map_or(String::new(), |n| format!(" in {n}"))
        );
    }
    for (right, request) in &used.refused {
        println!("used, not granted:   {right}: {request}");
    }
    for (group, resource, verb, reason) in UNSEEN {
        println!("not in the log:      {verb:<8} {group}/{resource}: {reason}");
    }
    println!(
        "requests={} granted={} unused={} refused={}",
        used.requests,
        granted.count(),
        left.len(),
        used.refused.len()
    );
    // A log in which the user does nothing proves nothing.
    let proven = used.requests > 0 && (partial || left.is_empty()) && used.refused.is_empty();
    Ok(if proven { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
