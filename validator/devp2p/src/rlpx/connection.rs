//! RLPx over a byte stream.

use super::{
    compression::{self, CompressionError},
    frame::{FrameDecoder, FrameEncoder, FrameError, HEADER, codecs},
    handshake::{self, HandshakeError, Initiator, Randomness, Secrets, packet_size},
    message_id,
};
use crate::{
    NodeKey, PeerId,
    identity::{peer_id, public_key},
};
use alloy_primitives::Bytes;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Why a connection cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The socket failed or was closed.
    #[error("socket: {0}")]
    Io(#[from] io::Error),
    /// A handshake packet was refused.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// A frame was refused.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A message does not decompress.
    #[error(transparent)]
    Compression(#[from] CompressionError),
    /// The peer's id is no key.
    #[error(transparent)]
    Identity(#[from] crate::IdentityError),
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its id, before it is sorted into a protocol.
    pub id: u8,
    /// Its data, uncompressed.
    pub data: Bytes,
}

/// Incoming half.
pub struct Incoming<R> {
    io: R,
    // Boxed: key schedules are large, and the halves travel through many futures.
    decoder: Box<FrameDecoder>,
    compressed: bool,
}

/// Outgoing half.
pub struct Outgoing<W> {
    io: W,
    encoder: Box<FrameEncoder>,
    buffer: Vec<u8>,
}

/// Both halves of a connection and who is at the other end.
pub struct Connected<R, W> {
    /// Proven identity of the peer.
    pub remote: PeerId,
    /// Incoming half.
    pub incoming: Incoming<R>,
    /// Outgoing half.
    pub outgoing: Outgoing<W>,
}

/// Performs the handshake as the dialling side.
pub async fn dial<R, W>(
    mut read: R,
    mut write: W,
    own: &NodeKey,
    remote: PeerId,
) -> Result<Connected<R, W>, ConnectionError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let initiator = Initiator::new(own.clone(), &public_key(&remote)?, Randomness::fresh());
    write.write_all(initiator.packet()).await?;
    write.flush().await?;
    let ack = read_packet(&mut read).await?;
    let secrets = initiator.finish(&ack)?;
    Ok(connected(read, write, remote, &secrets))
}

/// Performs the handshake as the accepting side.
pub async fn accept<R, W>(
    mut read: R,
    mut write: W,
    own: &NodeKey,
) -> Result<Connected<R, W>, ConnectionError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let auth = read_packet(&mut read).await?;
    let accepted = handshake::accept(own, &auth, &Randomness::fresh())?;
    write.write_all(&accepted.packet).await?;
    write.flush().await?;
    Ok(connected(read, write, peer_id(&accepted.remote), &accepted.secrets))
}

fn connected<R, W>(read: R, write: W, remote: PeerId, secrets: &Secrets) -> Connected<R, W> {
    let (encoder, decoder) = codecs(secrets);
    Connected {
        remote,
        incoming: Incoming { io: read, decoder: Box::new(decoder), compressed: false },
        outgoing: Outgoing { io: write, encoder: Box::new(encoder), buffer: Vec::new() },
    }
}

/// Reads a handshake packet with its size.
async fn read_packet<R: AsyncRead + Unpin>(io: &mut R) -> Result<Vec<u8>, ConnectionError> {
    let mut prefix = [0; 2];
    io.read_exact(&mut prefix).await?;
    let size = packet_size(prefix)?;
    let mut packet = vec![0; size + prefix.len()];
    packet[..2].copy_from_slice(&prefix);
    io.read_exact(&mut packet[2..]).await?;
    Ok(packet)
}

impl<R: AsyncRead + Unpin> Incoming<R> {
    /// From now on messages are compressed.
    pub fn compressed(&mut self) {
        self.compressed = true;
    }

    /// Reads one message of at most `max` bytes. Not cancel-safe: a dropped read loses the stream.
    pub async fn read(&mut self, max: usize) -> Result<Message, ConnectionError> {
        let mut header = [0; HEADER];
        self.io.read_exact(&mut header).await?;
        let largest = if self.compressed { compression::longest(max) } else { max };
        let size = self.decoder.header(&header, largest.saturating_add(2))?;
        let mut body = self.read_body(size.on_wire()).await?;
        let (id, range) = self.decoder.body(size, &mut body)?;
        let data = if self.compressed {
            uncompressed(id, &body[range], max)?.into()
        } else {
            Bytes::copy_from_slice(&body[range])
        };
        Ok(Message { id, data })
    }

    /// Memory grows with what arrives, not with what the header announces.
    async fn read_body(&mut self, length: usize) -> io::Result<Vec<u8>> {
        const FIRST: usize = 64 * 1024;
        let mut body = Vec::with_capacity(length.min(FIRST));
        (&mut self.io).take(length as u64).read_to_end(&mut body).await?;
        if body.len() < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(body)
    }
}

/// Some clients send Disconnect uncompressed, and Ping or Pong without any data.
fn uncompressed(id: u8, data: &[u8], max: usize) -> Result<Vec<u8>, CompressionError> {
    match compression::decompress(data, max) {
        Err(_) if id == message_id::DISCONNECT || data.is_empty() => Ok(data.to_vec()),
        outcome => outcome,
    }
}

impl<W: AsyncWrite + Unpin> Outgoing<W> {
    /// Adds a frame to the buffer; `data` is already in its wire form.
    pub fn push(&mut self, id: u8, data: &[u8]) -> Result<(), FrameError> {
        self.encoder.encode(id, data, &mut self.buffer)
    }

    /// Bytes waiting in the buffer.
    pub const fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// Writes the buffer out.
    pub async fn flush(&mut self) -> io::Result<()> {
        const KEEP: usize = 256 * 1024;
        self.io.write_all(&self.buffer).await?;
        self.io.flush().await?;
        self.buffer.clear();
        self.buffer.shrink_to(KEEP);
        Ok(())
    }

    /// Ends the outgoing direction.
    pub async fn shutdown(&mut self) -> io::Result<()> {
        self.io.shutdown().await
    }
}
