//! What this machine's kernel can do to a packet, found out once.

use crate::lab::run;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernel {
    /// Rules on a node's input and output, with sets of addresses: cuts.
    pub(crate) cuts: bool,
    /// Rules that hold for some packets at random: loss.
    pub(crate) loss: bool,
    /// Token buckets: slow links.
    pub(crate) slow: bool,
}

impl Kernel {
    /// Tries each in the tool's own namespace and takes it away again.
    pub(crate) fn probe() -> Self {
        let cuts = [
            "add table inet probe",
            "add set inet probe peers { type ipv4_addr ; }",
            "add chain inet probe input { type filter hook input priority 0 ; }",
            "add chain inet probe output { type filter hook output priority 0 ; }",
            "add rule inet probe input ip saddr @peers drop",
        ];
        let cuts = can("nft", &cuts);
        let loss =
            cuts && can("nft", &["add rule inet probe input tcp dport 1 numgen random mod 100 < 1 drop"]);
        // Left behind by the first step that failed, or by none.
        let _ = run("nft", "delete table inet probe");
        let slow = can(
            "tc",
            &["qdisc add dev lo root tbf rate 1gbit burst 1mbit latency 400ms", "qdisc del dev lo root"],
        );
        Self { cuts, loss, slow }
    }
}

fn can(program: &str, steps: &[&str]) -> bool {
    let outcome = steps.iter().try_for_each(|step| run(program, step));
    if let Err(error) = &outcome {
        eprintln!("not on this machine: {error}");
    }
    outcome.is_ok()
}
