//! The vault's listener: TLS connections, bounded, that end or hang when the vault is away.

use crate::{
    clock::{Clock, unix_ms},
    faults::Away,
    state::{Answer, Asked, State},
    wire::{Closed, serve},
};
use bytes::Bytes;
use http::{
    Request,
    header::{AUTHORIZATION, HOST},
};
use parking_lot::Mutex;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

/// Connections at the same time; more wait to be taken.
const MOST_CONNECTIONS: usize = 512;
/// For the handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Between two tries to listen again where something else may still hold the port.
const RETRY: Duration = Duration::from_millis(20);

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    pub(crate) clock: Clock,
    /// Whether the whole vault is away; the state's faults say the same.
    pub(crate) away: watch::Sender<Option<Away>>,
}

impl Shared {
    /// Changes the faults of the whole vault.
    pub(crate) fn set_faults(&self, faults: crate::Faults) {
        let away = faults.away;
        self.state.lock().faults = faults;
        self.away.send_replace(away);
    }
}

/// Takes connections until the double is dropped; while the vault refuses them, there is no listener.
pub(crate) async fn run(shared: Arc<Shared>, first: TcpListener, address: SocketAddr, tls: TlsAcceptor) {
    let mut away = shared.away.subscribe();
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut listener = Some(first);
    loop {
        if *away.borrow_and_update() == Some(Away::Refusing) {
            listener = None;
            if away.changed().await.is_err() {
                return;
            }
            continue;
        }
        let Some(open) = &listener else {
            listener = TcpListener::bind(address).await.ok();
            if listener.is_none() {
                sleep(RETRY).await;
            }
            continue;
        };
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        tokio::select! {
            changed = away.changed() => if changed.is_err() { return },
            taken = open.accept() => {
                let Ok((socket, _)) = taken else { sleep(RETRY).await; continue };
                let (shared, tls) = (Arc::clone(&shared), tls.clone());
                tokio::spawn(async move {
                    connection(shared, socket, tls).await;
                    drop(place);
                });
            }
        }
    }
}

/// Serves one connection; it ends at once when the vault begins to refuse connections.
async fn connection(shared: Arc<Shared>, socket: TcpStream, tls: TlsAcceptor) {
    let mut away = shared.away.subscribe();
    let served = async {
        // Nobody speaks while the vault hangs, and who waited so long is let go.
        if hang(&shared).await.is_err() {
            return;
        }
        let _ = socket.set_nodelay(true);
        let Ok(Ok(stream)) = timeout(HANDSHAKE, tls.accept(socket)).await else { return };
        serve(stream, |request| answer(&shared, request)).await;
    };
    tokio::select! {
        () = served => {}
        _ = away.wait_for(|away| *away == Some(Away::Refusing)) => {}
    }
}

/// Waits while the whole vault hangs. Who had to wait gets no answer any more.
async fn hang(shared: &Shared) -> Result<(), Closed> {
    let mut away = shared.away.subscribe();
    if *away.borrow_and_update() != Some(Away::Hanging) {
        return Ok(());
    }
    let _ = away.wait_for(|away| *away != Some(Away::Hanging)).await;
    Err(Closed)
}

async fn answer(shared: &Shared, request: Request<Bytes>) -> Result<Answer, Closed> {
    hang(shared).await?;
    let asked = asked(&request);
    let away = shared.state.lock().faults_for(&asked).away;
    match away {
        None => {}
        Some(Away::Refusing) => return Err(Closed),
        // One key's: its client's own patience ends it.
        Some(Away::Hanging) => std::future::pending().await,
    }
    let performed = shared.state.lock().perform(&asked, shared.clock.now(), unix_ms());
    if !performed.delay.is_zero() {
        sleep(performed.delay).await;
    }
    hang(shared).await?;
    if let Some(signed) = performed.signed {
        shared.state.lock().log.answered(signed, unix_ms());
    }
    performed.answer.ok_or(Closed)
}

fn asked(request: &Request<Bytes>) -> Asked {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    Asked {
        method: request.method().as_str().to_owned(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        host: header(HOST).or(authority).unwrap_or_default().to_owned(),
        bearer: header(AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned),
        body: request.body().to_vec(),
    }
}
