//! Accepting connections, within caps.

use crate::{
    counters::Count,
    session::{
        establish::{Origin, establish},
        run::{enter, run},
    },
    shared::Shared,
};
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};
use tracing::{debug, warn};

/// Handshakes that may be going on at once.
const MAX_PENDING: usize = 50;
/// Connections from one public address: a node that finds its path cut tries several times beside each other.
const MAX_PER_ADDRESS: usize = 16;
/// Pause after the system refused to accept, for example because file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts until the network stops.
pub(crate) async fn listen(shared: Arc<Shared>, listener: TcpListener) {
    let pending = Arc::new(Semaphore::new(MAX_PENDING));
    let addresses = AddressLimits::default();
    while let Some(accepted) = shared.stop.run_until_cancelled(listener.accept()).await {
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "cannot accept a peer's connection");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(slot) = Arc::clone(&pending).try_acquire_owned() else {
            shared.counters.add(Count::InboundPendingFull);
            continue;
        };
        let Some(place) = addresses.enter(remote.ip()) else {
            shared.counters.add(Count::InboundAddressFull);
            continue;
        };
        shared.counters.add(Count::InboundAccepted);
        shared.tasks.spawn(handle(Arc::clone(&shared), stream, slot, place));
    }
}

async fn handle(shared: Arc<Shared>, stream: TcpStream, slot: OwnedSemaphorePermit, _place: AddressPlace) {
    let remote = stream.peer_addr();
    let establishing = shared.stop.run_until_cancelled(establish(&shared, stream, Origin::Accepted));
    match establishing.await {
        None => {}
        Some(Err(error)) => {
            shared.counters.add(error.count());
            debug!(?remote, %error, "inbound connection refused");
        }
        Some(Ok(established)) => {
            drop(slot);
            let id = established.info.id;
            match enter(&shared, established).await {
                Ok(session) => {
                    let reason = run(&shared, session).await;
                    debug!(?remote, %id, %reason, "inbound peer left");
                }
                Err(refusal) => debug!(?remote, %id, %refusal, "inbound connection refused"),
            }
        }
    }
}

/// Connections by public address; loopback and private ones are not limited, since pods share them.
#[derive(Clone, Default)]
struct AddressLimits(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A connection's share of its address's limit.
struct AddressPlace {
    limits: AddressLimits,
    address: Option<IpAddr>,
}

impl AddressLimits {
    fn enter(&self, address: IpAddr) -> Option<AddressPlace> {
        let address = address.to_canonical();
        if is_local(address) {
            return Some(AddressPlace { limits: self.clone(), address: None });
        }
        let mut counts = self.0.lock();
        let count = counts.entry(address).or_default();
        if *count == MAX_PER_ADDRESS {
            return None;
        }
        *count += 1;
        Some(AddressPlace { limits: self.clone(), address: Some(address) })
    }
}

impl Drop for AddressPlace {
    fn drop(&mut self) {
        let Some(address) = self.address else { return };
        let mut counts = self.limits.0.lock();
        if let Some(count) = counts.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&address);
            }
        }
    }
}

fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local() || is_shared(v4),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// 100.64.0.0/10 (RFC 6598), which clusters use for pods.
const fn is_shared(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    a == 100 && b & 0xc0 == 64
}

#[cfg(test)]
mod tests {
    use super::{AddressLimits, MAX_PER_ADDRESS};
    use std::net::IpAddr;

    #[test]
    fn a_public_address_gets_sixteen_places_and_gets_them_back() {
        let limits = AddressLimits::default();
        let address: IpAddr = "203.0.113.7".parse().unwrap();
        let mapped: IpAddr = "::ffff:203.0.113.7".parse().unwrap();
        let places: Vec<_> = (0..MAX_PER_ADDRESS).filter_map(|_| limits.enter(address)).collect();
        assert_eq!(places.len(), MAX_PER_ADDRESS);
        assert!(limits.enter(mapped).is_none(), "the same address written as IPv6");
        drop(places);
        assert!(limits.0.lock().is_empty());
        assert!(limits.enter(mapped).is_some());
    }

    #[test]
    fn private_addresses_are_not_limited() {
        let limits = AddressLimits::default();
        for text in ["127.0.0.1", "10.1.2.3", "192.168.0.1", "100.64.3.4", "::1", "fd00::1"] {
            let address: IpAddr = text.parse().unwrap();
            let places: Vec<_> = (0..2 * MAX_PER_ADDRESS).filter_map(|_| limits.enter(address)).collect();
            assert_eq!(places.len(), 2 * MAX_PER_ADDRESS, "{text}");
        }
    }
}
