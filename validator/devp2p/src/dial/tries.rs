//! One dial: tries beside each other until one is established.
//!
//! On a path that was cut a try that has begun stands still for as long as TCP has come to pause between retransmissions,
//! and a new one gets through at once. So another one begins when the others hear nothing.

use super::DialError;
use crate::{
    rlpx::connection::ConnectionError,
    session::{
        establish::{EstablishError, Established, Origin, establish},
        race::{Race, Try},
    },
    shared::Shared,
};
use chain::enode::Enode;
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::{
    net::{TcpStream, lookup_host},
    task::{AbortHandle, JoinSet},
    time::timeout,
};

/// How long a name may take to resolve.
pub(super) const RESOLVE: Duration = Duration::from_secs(5);
/// How long an address may take to answer.
pub(super) const CONNECT: Duration = Duration::from_secs(2);
/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 16;
/// Tries at once; the oldest is dropped for one more.
const MAX_TRIES: usize = 6;

/// The tries under way.
struct Tries {
    shared: Arc<Shared>,
    peer: Enode,
    race: Arc<Race>,
    running: JoinSet<Result<Established, DialError>>,
    handles: VecDeque<(u64, AbortHandle)>,
    begun: u64,
}

/// Dials a peer, beside its present session if there is one.
pub(super) async fn dial(shared: &Arc<Shared>, peer: &Enode) -> Result<Established, DialError> {
    let race = Race::new(shared.table.get(&peer.id));
    let mut tries = Tries {
        shared: Arc::clone(shared),
        peer: peer.clone(),
        race: Arc::clone(&race),
        running: JoinSet::new(),
        handles: VecDeque::new(),
        begun: 0,
    };
    tries.begin();
    loop {
        tokio::select! {
            biased;
            Some(done) = tries.running.join_next() => match done {
                Ok(Ok(established)) => return Ok(established),
                Ok(Err(error)) if tries.running.is_empty() || !is_silence(&error) => return Err(error),
                // Others go on; a task that was ended had its reason.
                Ok(Err(_)) | Err(_) => {}
            },
            number = race.committed() => tries.drop_all_but(number),
            () = race.next() => tries.begin(),
        }
    }
}

impl Tries {
    fn begin(&mut self) {
        self.handles.retain(|(_, handle)| !handle.is_finished());
        if self.handles.len() >= MAX_TRIES
            && let Some((_, oldest)) = self.handles.pop_front()
        {
            oldest.abort();
        }
        self.begun += 1;
        let one = self.race.begin(self.begun);
        let work = reach(Arc::clone(&self.shared), self.peer.clone(), one);
        self.handles.push_back((self.begun, self.running.spawn(work)));
    }

    fn drop_all_but(&mut self, number: u64) {
        self.handles.retain(|(other, handle)| {
            if *other != number {
                handle.abort();
            }
            *other == number
        });
    }
}

/// Whether a try failed because nothing came, so that another one may do better.
const fn is_silence(error: &DialError) -> bool {
    matches!(
        error,
        DialError::ConnectTimeout
            | DialError::ResolveTimeout { .. }
            | DialError::Establish(
                EstablishError::Timeout { .. } | EstablishError::Connection(ConnectionError::Io(_))
            )
    )
}

/// One try: resolves the name anew and tries every address in turn.
async fn reach(shared: Arc<Shared>, peer: Enode, one: Try) -> Result<Established, DialError> {
    let host = || peer.host.clone();
    let resolved = timeout(RESOLVE, lookup_host((peer.host.as_str(), peer.port))).await;
    let addresses = resolved
        .map_err(|_| DialError::ResolveTimeout { host: host() })?
        .map_err(|source| DialError::Resolve { host: host(), source })?;
    let mut last = DialError::NoAddress { host: host() };
    for address in addresses.take(MAX_ADDRESSES) {
        last = match timeout(CONNECT, TcpStream::connect(address)).await {
            Err(_) => DialError::ConnectTimeout,
            Ok(Err(error)) => DialError::Connect(error),
            Ok(Ok(stream)) => {
                one.moved();
                match establish(&shared, stream, Origin::Dialled(peer.id, &one)).await {
                    Ok(established) => return Ok(established),
                    Err(error) => error.into(),
                }
            }
        };
    }
    Err(last)
}
