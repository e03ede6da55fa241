//! A link with a long way: TCP through this proxy arrives late, in order, as much later in one direction as in the other.

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// Pieces under way in one direction of one connection.
const UNDER_WAY: usize = 4096;
const PIECE: usize = 16 * 1024;

/// Stands for one node: whoever dials `image` reaches `node`, and seems to come from its own image.
pub(crate) struct Image {
    pub(crate) image: Ipv4Addr,
    pub(crate) node: Ipv4Addr,
}

/// Serves all images until the program ends.
pub(crate) async fn serve(images: Vec<Image>, port: u16, delay: Duration) -> anyhow::Result<()> {
    let image_of: Arc<BTreeMap<Ipv4Addr, Ipv4Addr>> =
        Arc::new(images.iter().map(|image| (image.node, image.image)).collect());
    for Image { image, node } in images {
        let (listener, image_of) = (TcpListener::bind((image, port)).await?, Arc::clone(&image_of));
        tokio::spawn(async move {
            while let Ok((client, from)) = listener.accept().await {
                let std::net::IpAddr::V4(from) = from.ip() else { continue };
                let Some(source) = image_of.get(&from).copied() else { continue };
                // A connection that breaks is its ends' matter.
                tokio::spawn(async move { drop(carry(client, source, node, port, delay).await) });
            }
        });
    }
    Ok(())
}

async fn carry(
    client: TcpStream,
    source: Ipv4Addr,
    node: Ipv4Addr,
    port: u16,
    delay: Duration,
) -> std::io::Result<()> {
    // On a real path the client could not send before the answer to its first packet was back.
    let open = Instant::now() + 2 * delay;
    let socket = TcpSocket::new_v4()?;
    socket.bind((source, 0).into())?;
    let server = socket.connect((node, port).into()).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    tokio::select! {
        done = pump(client_in, server_out, delay, open) => done,
        done = pump(server_in, client_out, delay, open) => done,
    }
}

/// Moves bytes one way until the source ends; the end arrives late as well.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    delay: Duration,
    open: Instant,
) -> std::io::Result<()> {
    let (pieces, mut arriving) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    let read = async {
        let mut buffer = vec![0; PIECE];
        loop {
            let length = from.read(&mut buffer).await?;
            let at = Instant::now().max(open) + delay;
            let piece = buffer.get(..length).unwrap_or_default().to_vec();
            if pieces.send((at, piece)).await.is_err() || length == 0 {
                // Until the last piece has arrived.
                pieces.closed().await;
                return Ok(());
            }
        }
    };
    let write = async {
        while let Some((at, piece)) = arriving.recv().await {
            sleep_until(at).await;
            if piece.is_empty() {
                return to.shutdown().await;
            }
            to.write_all(&piece).await?;
        }
        Ok(())
    };
    tokio::select! {
        biased;
        failed = write => failed,
        failed = read => failed,
    }
}
