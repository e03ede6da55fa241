//! One chain for all nodes of a namespace, shown by the nodes of [`crate::fake_network`].

use crate::{
    fake_network::{Founder, Shown, State, Who, own_fence},
    players::ports::Ports,
};
use alloy_primitives::Address;
use operator_core::api::ConsortiumStatus;
use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
};

/// The chain.
#[derive(Clone)]
pub struct Chain(Arc<Mutex<State>>);

impl Chain {
    /// One that a founder may have begun, which has admitted the member of the namespace.
    #[must_use]
    pub fn new(founder: Option<Founder>) -> Self {
        let mut state = State::default();
        (state.admitted, state.founder) = (founder.is_some(), founder);
        Self(Arc::new(Mutex::new(state)))
    }

    /// Takes genesis and accounts from the status; `false` while it has none.
    #[must_use]
    pub fn begin(&self, status: &ConsortiumStatus) -> bool {
        let read = || {
            let member = status.member.as_ref()?;
            Some((
                status.genesis_hash.as_ref()?.parse().ok()?,
                member.address.parse().ok()?,
                member.operator.parse().ok()?,
            ))
        };
        let Some((genesis_hash, admin, operator)) = read() else { return false };
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (state.genesis_hash, state.admin, state.operator) = (genesis_hash, admin, operator);
        state.height = state.height.max(10);
        true
    }

    /// Gives a seat to an identity of the genesis.
    pub fn seat_first(&self, identity: Address, first: usize) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Where identities can move every node holds its own; of other fleets nobody asks.
        state.fences.insert(identity, own_fence());
        if state.most_seats == 0 && state.seats.len() < first && !state.seats.contains(&identity) {
            state.seats.push(identity);
        }
    }

    /// A node's status and RPC; they answer until what is returned is dropped.
    ///
    /// # Panics
    /// The address is taken.
    pub(crate) async fn serve(&self, address: Ipv4Addr, who: Who) -> Ports {
        let shown = Shown { state: self.0.clone(), who };
        Ports::open(address, Arc::new(shown)).await.expect("a free address")
    }
}
