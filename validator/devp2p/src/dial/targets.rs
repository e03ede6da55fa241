//! Whom this node dials: the peers of its configuration, and those that were announced. Either list may change while it runs.

use super::keep_connected;
use crate::{PeerId, identity::public_key, shared::Shared};
use chain::enode::Enode;
use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    sync::Arc,
};
use tokio_util::sync::CancellationToken;

/// Most announced peers that are dialled: one for each seat.
const MAX_ANNOUNCED: usize = 512;

/// Both lists, and what tells each dialling task to end.
#[derive(Default)]
pub(crate) struct Targets {
    named: Vec<Enode>,
    announced: Vec<Enode>,
    dialled: HashMap<Enode, CancellationToken>,
}

impl Targets {
    /// Dials these static peers from now on, and those that were named before no more; how many peers are dropped, since
    /// nothing else lets them in. Sessions of the others stay as they are.
    pub(crate) fn name(shared: &Arc<Shared>, peers: Vec<Enode>) -> usize {
        let mut targets = shared.targets.lock();
        let dropped = shared.table.name(peers.iter().map(|peer| peer.id).collect());
        targets.named = peers;
        targets.follow(shared);
        dropped
    }

    /// Dials these beside the static peers from now on, and those that were announced before no more. A peer that is at
    /// another place is dialled there.
    pub(crate) fn announce(shared: &Arc<Shared>, peers: Vec<Enode>) {
        let mut targets = shared.targets.lock();
        let valid = peers.into_iter().filter(|peer| public_key(&peer.id).is_ok());
        targets.announced = valid.take(MAX_ANNOUNCED).collect();
        targets.follow(shared);
    }

    /// What the configuration says of a peer outranks what was announced of it.
    fn wanted(&self, local: PeerId) -> HashSet<Enode> {
        let named: HashSet<PeerId> = self.named.iter().map(|peer| peer.id).collect();
        let announced = self.announced.iter().filter(|peer| !named.contains(&peer.id));
        self.named.iter().chain(announced).filter(|peer| peer.id != local).cloned().collect()
    }

    fn follow(&mut self, shared: &Arc<Shared>) {
        let wanted = self.wanted(shared.local_id);
        self.dialled.retain(|peer, stop| {
            let stays = wanted.contains(peer);
            if !stays {
                stop.cancel();
            }
            stays
        });
        for peer in wanted {
            if let Entry::Vacant(place) = self.dialled.entry(peer) {
                let (peer, stop) = (place.key().clone(), shared.stop.child_token());
                place.insert(stop.clone());
                shared.tasks.spawn(keep_connected(Arc::clone(shared), peer, stop));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(id: u8, port: u16) -> Enode {
        Enode { id: PeerId::repeat_byte(id), host: "node".to_owned(), port }
    }

    #[test]
    fn a_named_place_outranks_an_announced_one_and_nobody_dials_itself() {
        let targets = Targets {
            named: vec![peer(1, 1), peer(2, 2), peer(2, 3)],
            announced: vec![peer(1, 9), peer(2, 9), peer(3, 9), peer(4, 9)],
            dialled: HashMap::new(),
        };
        let wanted = targets.wanted(PeerId::repeat_byte(4));
        assert_eq!(wanted, HashSet::from([peer(1, 1), peer(2, 2), peer(2, 3), peer(3, 9)]));
    }
}
