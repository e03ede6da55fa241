//! How many connections there are, in all and of one address.

use crate::{pool::host, rpc::RpcLimits};
use parking_lot::Mutex;
use std::{collections::HashMap, net::IpAddr, sync::Arc};

/// Connections of every port.
#[derive(Debug)]
pub(super) struct Admission {
    most: u32,
    most_per_address: u32,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: u32,
    by_address: HashMap<IpAddr, u32>,
}

/// A place; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    admission: Arc<Admission>,
    source: IpAddr,
}

/// Why a connection is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Full {
    #[error("{most} connections are open, the most; close one or try again")]
    All { most: u32 },
    #[error("{most} connections from your address are open, the most; close one")]
    Address { most: u32 },
}

impl Admission {
    pub(super) fn new(limits: &RpcLimits) -> Arc<Self> {
        let (most, most_per_address) = (limits.connections, limits.connections_per_address);
        Arc::new(Self { most, most_per_address, open: Mutex::default() })
    }

    /// Takes a place for a connection from `address`.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Place, Full> {
        let source = host(address);
        let mut open = self.open.lock();
        if open.all >= self.most {
            return Err(Full::All { most: self.most });
        }
        // No entry is made for who is refused: the map is as large as the connections are many.
        if open.by_address.get(&source).is_some_and(|count| *count >= self.most_per_address) {
            return Err(Full::Address { most: self.most_per_address });
        }
        open.all += 1;
        *open.by_address.entry(source).or_default() += 1;
        Ok(Place { admission: Arc::clone(self), source })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.admission.open.lock();
        open.all = open.all.saturating_sub(1);
        if let Some(count) = open.by_address.get_mut(&self.source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.by_address.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(connections: u32, connections_per_address: u32) -> Arc<Admission> {
        Admission::new(&RpcLimits { connections, connections_per_address, ..RpcLimits::new() })
    }

    fn from(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_cannot_take_every_place() {
        let admission = admission(3, 2);
        let first = admission.admit(from("10.0.0.1")).unwrap();
        let _second = admission.admit(from("::ffff:10.0.0.1")).unwrap();
        assert_eq!(admission.admit(from("10.0.0.1")).unwrap_err(), Full::Address { most: 2 });
        let _third = admission.admit(from("10.0.0.2")).unwrap();
        assert_eq!(admission.admit(from("10.0.0.3")).unwrap_err(), Full::All { most: 3 });
        drop(first);
        admission.admit(from("10.0.0.1")).unwrap();
    }

    #[test]
    fn addresses_of_one_64_are_one() {
        let admission = admission(9, 1);
        let _first = admission.admit(from("2001:db8::1")).unwrap();
        admission.admit(from("2001:db8::ffff:1")).unwrap_err();
        admission.admit(from("2001:db8:0:1::1")).unwrap();
    }

    #[test]
    fn who_has_left_is_forgotten() {
        let admission = admission(9, 9);
        drop(admission.admit(from("10.0.0.1")).unwrap());
        assert!(admission.open.lock().by_address.is_empty());
    }
}
