//! Ports for nodes that name each other before they start.

use std::{
    net::TcpListener,
    sync::atomic::{AtomicU16, Ordering},
};

/// Below those that the system gives to outgoing connections: another test's dial takes none between its choice and its use.
const FIRST: u16 = 12_000;
const COUNT: u16 = 16_000;

/// As many that nobody listens at; each is given once.
pub(crate) fn free_ports(count: usize) -> Vec<u16> {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    // Two runs of the tests begin at different ones.
    let begin = u16::try_from(std::process::id() % 250).unwrap() * 64;
    let mut ports = Vec::with_capacity(count);
    for _ in 0..COUNT {
        if ports.len() == count {
            break;
        }
        let port = FIRST + (begin + GIVEN.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            ports.push(port);
        }
    }
    assert_eq!(ports.len(), count, "no free ports from {FIRST} on");
    ports
}

/// One.
pub(crate) fn free_port() -> u16 {
    free_ports(1)[0]
}
