//! What waits to be written to a peer: bounded in frames and bytes, urgent frames first.

use alloy_primitives::Bytes;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};
use tokio::sync::{Notify, mpsc};

/// Frames that may wait.
const MAX_FRAMES: usize = 4096;
/// Bytes that may wait. A frame is taken while fewer wait, so one message of any size always fits.
const MAX_BYTES: usize = 32 * 1024 * 1024;
/// Pings and Pongs that may wait: those of the time that one write may take.
const MAX_URGENT: usize = 128;

/// One message in its wire form.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// Message id.
    pub(crate) id: u8,
    /// Compressed data; shared between peers that get the same message.
    pub(crate) data: Bytes,
}

/// The queue does not take more, or its reader is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// Writing end.
pub(crate) struct Outbound {
    queue: mpsc::Sender<Frame>,
    urgent: mpsc::Sender<Frame>,
    waiting: Arc<Waiting>,
}

/// Reading end.
pub(crate) struct OutboundReader {
    queue: mpsc::Receiver<Frame>,
    urgent: mpsc::Receiver<Frame>,
    waiting: Arc<Waiting>,
}

#[derive(Default)]
struct Waiting {
    bytes: AtomicUsize,
    written: Notify,
}

/// Makes a queue.
pub(crate) fn channel() -> (Outbound, OutboundReader) {
    let (queue, queue_reader) = mpsc::channel(MAX_FRAMES);
    let (urgent, urgent_reader) = mpsc::channel(MAX_URGENT);
    let waiting = Arc::new(Waiting::default());
    (
        Outbound { queue, urgent, waiting: Arc::clone(&waiting) },
        OutboundReader { queue: queue_reader, urgent: urgent_reader, waiting },
    )
}

impl Outbound {
    /// Puts a frame at the end; never waits.
    pub(crate) fn push(&self, frame: Frame) -> Result<(), Full> {
        if self.waiting.bytes.load(Relaxed) >= MAX_BYTES {
            return Err(Full);
        }
        self.count_and_send(&self.queue, frame)
    }

    /// Puts a frame before all others; never waits.
    pub(crate) fn push_urgent(&self, frame: Frame) -> Result<(), Full> {
        self.count_and_send(&self.urgent, frame)
    }

    /// Every frame is counted before the reader can have it: it is counted off again when it was written.
    fn count_and_send(&self, queue: &mpsc::Sender<Frame>, frame: Frame) -> Result<(), Full> {
        let bytes = frame.data.len();
        self.waiting.bytes.fetch_add(bytes, Relaxed);
        queue.try_send(frame).map_err(|_| {
            self.waiting.bytes.fetch_sub(bytes, Relaxed);
            Full
        })
    }

    /// Waits until at most `bytes` wait.
    pub(crate) async fn at_most(&self, bytes: usize) {
        loop {
            let written = self.waiting.written.notified();
            if self.waiting.bytes.load(Relaxed) <= bytes {
                return;
            }
            written.await;
        }
    }
}

impl OutboundReader {
    /// The next frame; `None` when the writing end is gone.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        tokio::select! {
            biased;
            frame = self.urgent.recv() => frame,
            frame = self.queue.recv() => frame,
        }
    }

    /// The next frame if one is there.
    pub(crate) fn try_next(&mut self) -> Option<Frame> {
        self.urgent.try_recv().or_else(|_| self.queue.try_recv()).ok()
    }

    /// Frames with so many bytes of data have left.
    pub(crate) fn written(&self, bytes: usize) {
        self.waiting.bytes.fetch_sub(bytes, Relaxed);
        self.waiting.written.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::{Frame, Full, MAX_BYTES, MAX_FRAMES, channel};
    use alloy_primitives::Bytes;

    fn frame(id: u8, bytes: usize) -> Frame {
        Frame { id, data: Bytes::from(vec![0; bytes]) }
    }

    #[tokio::test]
    async fn an_urgent_frame_overtakes_a_full_queue() {
        let (outbound, mut reader) = channel();
        while outbound.push(frame(1, 1)).is_ok() {}
        outbound.push_urgent(frame(3, 1)).unwrap();
        assert_eq!(reader.next().await.unwrap().id, 3);
        assert_eq!(reader.next().await.unwrap().id, 1);
    }

    #[tokio::test]
    async fn a_ping_that_was_written_leaves_room_for_messages() {
        let (outbound, mut reader) = channel();
        outbound.push_urgent(frame(3, 3)).unwrap();
        let ping = reader.next().await.unwrap();
        reader.written(ping.data.len());
        assert_eq!(outbound.push(frame(1, 1)), Ok(()));
    }

    #[test]
    fn frames_and_bytes_are_bounded() {
        let (outbound, _reader) = channel();
        let taken = (0..2 * MAX_FRAMES).take_while(|_| outbound.push(frame(1, 0)).is_ok()).count();
        assert_eq!(taken, MAX_FRAMES);
        let (outbound, reader) = channel();
        outbound.push(frame(1, MAX_BYTES)).unwrap();
        assert_eq!(outbound.push(frame(1, 1)), Err(Full));
        reader.written(MAX_BYTES);
        assert_eq!(outbound.push(frame(1, 1)), Ok(()));
    }
}
