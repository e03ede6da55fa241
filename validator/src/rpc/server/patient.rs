//! A connection's bytes, with an end to patience: clients that open connections and say nothing, send the head of a
//! request byte by byte, or do not read what they asked for, are disconnected.

use crate::rpc::{
    RpcLimits,
    memory::{Held, Memory},
};
use parking_lot::Mutex;
use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

/// How long each state of a connection may last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    idle: Duration,
    head: Duration,
    write: Duration,
}

impl Patience {
    pub(super) fn new(limits: &RpcLimits) -> Self {
        Self {
            idle: Duration::from_secs(limits.idle_s),
            head: Duration::from_secs(limits.head_s),
            write: Duration::from_secs(limits.write_s),
        }
    }
}

/// What a connection is doing, as its bytes and its service see it.
#[derive(Debug)]
pub(super) struct Doing {
    memory: Memory,
    phase: Mutex<Phase>,
}

#[derive(Debug)]
enum Phase {
    /// Between requests, since then.
    Waiting(Instant),
    /// A head is arriving, since its first byte.
    Head(Instant),
    /// A request is being received or answered; its service has its own limits.
    Busy,
    /// A WebSocket: what has arrived of a message is charged.
    Socket { bytes: usize, held: Option<Held> },
}

impl Doing {
    pub(super) fn new(memory: Memory) -> Arc<Self> {
        Arc::new(Self { memory, phase: Mutex::new(Phase::Waiting(Instant::now())) })
    }

    /// A request was handed to its service.
    pub(super) fn busy(&self) {
        *self.phase.lock() = Phase::Busy;
    }

    /// The service has answered.
    pub(super) fn waiting(&self) {
        *self.phase.lock() = Phase::Waiting(Instant::now());
    }

    /// It is a WebSocket now, or a message of it was taken over whole.
    pub(super) fn socket(&self) {
        *self.phase.lock() = Phase::Socket { bytes: 0, held: None };
    }

    fn received(&self, count: usize) -> io::Result<()> {
        let mut phase = self.phase.lock();
        match &mut *phase {
            Phase::Waiting(_) => *phase = Phase::Head(Instant::now()),
            Phase::Head(_) | Phase::Busy => {}
            Phase::Socket { bytes, held } => {
                *bytes = bytes.saturating_add(count);
                let charged = match held {
                    Some(held) => self.memory.grow(held, *bytes),
                    None => self.memory.hold(*bytes).map(|taken| *held = Some(taken)),
                };
                charged.map_err(io::Error::other)?;
            }
        }
        Ok(())
    }

    fn wrote(&self) {
        if let Phase::Waiting(since) = &mut *self.phase.lock() {
            *since = Instant::now();
        }
    }

    /// When the wait for more bytes ends.
    fn deadline(&self, patience: &Patience) -> Option<Instant> {
        match *self.phase.lock() {
            Phase::Waiting(since) => Some(since + patience.idle),
            Phase::Head(since) => Some(since + patience.head),
            Phase::Busy | Phase::Socket { .. } => None,
        }
    }
}

/// The bytes.
pub(super) struct Patient<S> {
    stream: S,
    doing: Arc<Doing>,
    patience: Patience,
    reading: Pin<Box<Sleep>>,
    writing: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    pub(super) fn new(stream: S, doing: Arc<Doing>, patience: Patience) -> Self {
        let reading = Box::pin(sleep_until(Instant::now() + patience.idle));
        Self { stream, doing, patience, reading, writing: None }
    }

    /// Passes on what a write came to; a write without progress ends in time.
    fn wrote<T>(&mut self, outcome: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.writing = None;
            self.doing.wrote();
            return outcome;
        }
        let patience = self.patience.write;
        let timer = self.writing.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + patience)));
        ready!(timer.as_mut().poll(context));
        Poll::Ready(Err(given_up("client does not read")))
    }
}

fn given_up(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, why)
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if let Poll::Ready(outcome) = Pin::new(&mut self.stream).poll_read(context, buffer) {
            let count = buffer.filled().len().saturating_sub(before);
            return Poll::Ready(
                outcome.and_then(|()| if count > 0 { self.doing.received(count) } else { Ok(()) }),
            );
        }
        let Some(deadline) = self.doing.deadline(&self.patience) else { return Poll::Pending };
        if self.reading.deadline() != deadline {
            self.reading.as_mut().reset(deadline);
        }
        ready!(self.reading.as_mut().poll(context));
        Poll::Ready(Err(given_up("client sends nothing, or too slowly")))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(outcome, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wrote(outcome, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(context);
        self.wrote(outcome, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(context);
        self.wrote(outcome, context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    const LIMITS: RpcLimits = RpcLimits { idle_s: 100, head_s: 10, write_s: 20, ..RpcLimits::new() };

    fn pair(memory: u64) -> (Arc<Doing>, Patient<DuplexStream>, DuplexStream) {
        let (here, there) = duplex(64);
        let doing = Doing::new(Memory::new(memory));
        (Arc::clone(&doing), Patient::new(here, doing, Patience::new(&LIMITS)), there)
    }

    /// Seconds of the paused clock until reading fails.
    async fn patience(stream: &mut Patient<DuplexStream>) -> u64 {
        let start = Instant::now();
        let mut bytes = [0; 8];
        loop {
            match stream.read(&mut bytes).await {
                Ok(count) => assert!(count > 0),
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
                    return start.elapsed().as_secs();
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_client_is_given_up_after_the_idle_time() {
        let (_, mut stream, _there) = pair(1 << 20);
        assert_eq!(patience(&mut stream).await, 100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_trickles_in_has_its_time_from_the_first_byte_on() {
        let (_, mut stream, mut there) = pair(1 << 20);
        let trickle = async {
            loop {
                tokio::time::sleep(Duration::from_secs(3)).await;
                if there.write_all(b"x").await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let seconds = tokio::select! {
            seconds = patience(&mut stream) => seconds,
            () = trickle => 0,
        };
        assert_eq!(seconds, 13);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_is_given_up_and_one_that_reads_slowly_is_not() {
        let (doing, mut stream, mut there) = pair(1 << 20);
        doing.busy();
        let read = async {
            let mut bytes = [0; 64];
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_secs(15)).await;
                there.read_exact(&mut bytes).await.unwrap();
            }
        };
        let start = Instant::now();
        let write = async { stream.write_all(&[0; 64 * 20]).await.unwrap_err().kind() };
        let ((), kind) = tokio::join!(read, write);
        assert_eq!((kind, start.elapsed().as_secs()), (io::ErrorKind::TimedOut, 170));
    }

    #[tokio::test]
    async fn an_unfinished_message_of_a_websocket_takes_memory_until_it_is_taken_over() {
        let (doing, mut stream, mut there) = pair(4096);
        doing.socket();
        let feed = tokio::spawn(async move { there.write_all(&[0; 8000]).await });
        let mut bytes = [0; 3000];
        stream.read_exact(&mut bytes).await.unwrap();
        doing.socket();
        stream.read_exact(&mut bytes).await.unwrap();
        assert!(
            stream.read_exact(&mut bytes).await.unwrap_err().to_string().contains("take all of 4096 bytes")
        );
        drop(stream);
        feed.await.unwrap().unwrap_err();
    }
}
