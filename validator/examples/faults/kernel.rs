//! What this machine's kernel can do to a packet, found out once.

use crate::{lab::run, long_way};

#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "a list of facts that do not depend on each other")]
pub(crate) struct Kernel {
    /// Rules on what is forwarded, with sets of pairs of addresses: cuts.
    pub(crate) cuts: bool,
    /// Rules that hold for some packets at random: loss.
    pub(crate) loss: bool,
    /// Token buckets: slow links.
    pub(crate) slow: bool,
    /// Network devices of a program, and routes that depend on where a packet comes from: long ways.
    pub(crate) long_ways: bool,
}

impl Kernel {
    /// Tries each in the tool's own namespace and takes it away again.
    pub(crate) fn probe() -> Self {
        let cuts = [
            "add table inet probe",
            "add set inet probe cut { type ipv4_addr . ipv4_addr ; }",
            "add chain inet probe forward { type filter hook forward priority 0 ; }",
            "add rule inet probe forward iifname \"probe*\" ip saddr . ip daddr @cut drop",
        ];
        let cuts = can("nft", &cuts);
        let loss = cuts && can("nft", &["add rule inet probe forward numgen random mod 100 < 1 drop"]);
        // Left behind by the first step that failed, or by none.
        let _ = run("nft", "delete table inet probe");
        let slow = can(
            "tc",
            &["qdisc add dev lo root tbf rate 1gbit burst 1mbit latency 400ms", "qdisc del dev lo root"],
        );
        let long_ways =
            long_way::probe() && can("ip", &["rule add iif lo lookup 99", "rule del iif lo lookup 99"]);
        Self { cuts, loss, slow, long_ways }
    }
}

fn can(program: &str, steps: &[&str]) -> bool {
    let outcome = steps.iter().try_for_each(|step| run(program, step));
    if let Err(error) = &outcome {
        eprintln!("not on this machine: {error}");
    }
    outcome.is_ok()
}
