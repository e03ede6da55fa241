//! Ending a connection so that the other end learns why.

use super::introduce::send_compressed;
use crate::{
    DisconnectReason,
    rlpx::{
        connection::{Incoming, Outgoing},
        message_id,
    },
};
use std::time::Duration;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};

/// How long the other end gets to read the goodbye and close.
const LINGER: Duration = Duration::from_secs(1);
/// Messages thrown away meanwhile, at most.
const DISCARD: usize = 64;
/// Largest message thrown away.
const DISCARD_BYTES: usize = 64 * 1024;

/// Sends Disconnect, ends the outgoing direction and reads until the other end closes: closing a socket with unread
/// bytes resets it, and the reset would overtake the goodbye.
pub(crate) async fn say_goodbye<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    reason: DisconnectReason,
    mut incoming: Incoming<R>,
    mut outgoing: Outgoing<W>,
) {
    // A write that was interrupted has left half a frame on the wire: nothing after it can be read.
    if outgoing.buffered() > 0 {
        return;
    }
    let goodbye = async {
        send_compressed(&mut outgoing, message_id::DISCONNECT, &reason.encode()).await?;
        outgoing.shutdown().await?;
        for _ in 0..DISCARD {
            incoming.read(DISCARD_BYTES).await?;
        }
        Ok::<(), crate::rlpx::connection::ConnectionError>(())
    };
    // The connection ends either way; how the goodbye failed changes nothing.
    let _ = timeout(LINGER, goodbye).await;
}
