//! A scripted peer over real RLPx: it answers Pings and questions about blocks by itself; the rest is the test's.

use super::world::within;
use alloy_primitives::{Bytes, U256};
use chain::enode::Enode;
use devp2p::{
    Block, BlockId, CONSENSUS_CODES, DisconnectReason, NodeKey,
    eth::{
        EthVersion, Message as Eth, Reply, Status,
        message::{HeadersQuery, Query, encode_new_block, id},
    },
    rlpx::{
        capability::{Protocol, Shared, negotiate},
        compression::compress,
        connection::{Connected, Incoming, Outgoing, dial},
        hello::{Capability, Hello},
        message_id,
    },
};
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::{
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
};

const MAX: usize = 10 * 1024 * 1024;

/// What the node sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Heard {
    /// Code and bytes of a consensus message.
    Consensus(u8, Bytes),
    /// A block announced in full, and its total difficulty.
    NewBlock(Box<Block>, U256),
    /// It asked for blocks.
    Asked(HeadersQuery),
    /// An answer to a question of ours.
    Answer(u64, Reply),
    /// It ended the connection.
    Goodbye(DisconnectReason),
    /// The connection is gone.
    Closed,
}

/// The chain that a peer shows when asked, lowest block first; block 0 is left out.
pub(super) type Shown = Arc<Mutex<Vec<Block>>>;

pub(super) struct Peer {
    out: mpsc::UnboundedSender<(u8, Vec<u8>)>,
    shared: Shared,
    heard: mpsc::UnboundedReceiver<Heard>,
    /// Heard and not waited for yet.
    pub(super) unread: Vec<Heard>,
}

/// What a peer says of itself.
pub(super) struct Story {
    pub(super) key: NodeKey,
    pub(super) client: &'static str,
    pub(super) eth: EthVersion,
    pub(super) status: Status,
    pub(super) shows: Shown,
    /// Questions for headers that it leaves unanswered first.
    pub(super) deaf: u32,
    /// Headers that it shows at once at most.
    pub(super) at_once: usize,
}

impl Peer {
    /// Dials the node; ends when the node has made it a peer.
    pub(super) async fn connect(node: &Enode, story: Story) -> Self {
        let stream = TcpStream::connect((node.host.as_str(), node.port)).await.unwrap();
        let (read, write) = stream.into_split();
        let connected = within("RLPx handshake", dial(read, write, &story.key, node.id)).await.unwrap();
        let Connected { mut incoming, mut outgoing, .. } = connected;
        let capability = |(name, version): (&str, u64)| Capability { name: name.to_owned(), version };
        let capabilities: Vec<_> =
            [("eth", u64::from(story.eth.number())), ("istanbul", 100)].map(capability).into();
        let hello = Hello {
            version: 5,
            client: story.client.to_owned(),
            capabilities: capabilities.clone(),
            port: 0,
            id: story.key.id(),
        };
        outgoing.push(message_id::HELLO, &hello.encode()).unwrap();
        outgoing.flush().await.unwrap();
        let theirs = within("Hello", incoming.read(2048)).await.unwrap();
        assert_eq!(theirs.id, message_id::HELLO);
        incoming.compressed();
        let shared = negotiate(&EthVersion::ALL, &capabilities).unwrap();
        let (out, queue) = mpsc::unbounded_channel();
        let (tell, heard) = mpsc::unbounded_channel();
        let writer = tokio::spawn(write_all(outgoing, queue));
        let manners = (story.shows, story.deaf, story.at_once);
        let listener = listen(incoming, shared, out.clone(), manners, tell);
        // It hangs up when the node says goodbye, as clients do: the node waits a while for that.
        tokio::spawn(async move {
            listener.await;
            writer.abort();
        });
        let mut peer = Self { out, shared, heard, unread: Vec::new() };
        peer.send_eth(id::STATUS, &story.status.encode());
        // A question is answered once the node has taken us for a peer.
        peer.send_query(u64::MAX, &Query::Bodies(vec![]));
        let taken = |heard: &Heard| match heard {
            Heard::Answer(u64::MAX, _) => Some(None),
            // What it shows may be the end of it already.
            Heard::Goodbye(_) => Some(Some(heard.clone())),
            _ => None,
        };
        let goodbye = peer.wait("to be a peer", taken).await;
        peer.unread.extend(goodbye);
        peer
    }

    pub(super) fn send(&self, message: &(u8, Bytes)) {
        let base = self.shared.istanbul_base.unwrap();
        self.out.send((base + message.0, message.1.to_vec())).unwrap();
    }

    pub(super) fn send_block(&self, block: &Block) {
        let total_difficulty = U256::from(block.header.number + 1);
        self.send_eth(id::NEW_BLOCK, &encode_new_block(block, total_difficulty));
    }

    pub(super) fn send_query(&self, request: u64, query: &Query) {
        let (id, data) = query.encode(request);
        self.send_eth(id, &data);
    }

    pub(super) fn send_eth(&self, id: u8, data: &[u8]) {
        self.out.send((self.shared.eth_base + id, data.to_vec())).unwrap();
    }

    /// Waits for something the node sends; what comes before stays unread.
    pub(super) async fn wait<T>(&mut self, what: &str, pick: impl Fn(&Heard) -> Option<T>) -> T {
        if let Some(at) = self.unread.iter().position(|heard| pick(heard).is_some()) {
            return pick(&self.unread.remove(at)).unwrap();
        }
        let unread = &mut self.unread;
        let found = async {
            loop {
                let heard = self.heard.recv().await.unwrap_or(Heard::Closed);
                if let Some(found) = pick(&heard) {
                    return found;
                }
                assert!(heard != Heard::Closed, "the node hung up before {what}; unread: {unread:#?}");
                unread.push(heard);
            }
        };
        within(what, found).await
    }

    /// Waits for exactly this consensus message.
    pub(super) async fn hears(&mut self, what: &str, message: &(u8, Bytes)) {
        let same = |heard: &Heard| match heard {
            Heard::Consensus(code, bytes) => (*code == message.0 && *bytes == message.1).then_some(()),
            _ => None,
        };
        self.wait(what, same).await;
    }

    /// Waits for a block of this number.
    pub(super) async fn hears_block(&mut self, number: u64) -> (Block, U256) {
        self.wait(&format!("block {number}"), |heard| match heard {
            Heard::NewBlock(block, total) if block.header.number == number => {
                Some(((**block).clone(), *total))
            }
            _ => None,
        })
        .await
    }

    /// Consensus messages that came and were not waited for.
    pub(super) fn unread_votes(&mut self) -> Vec<(u8, Bytes)> {
        while let Ok(heard) = self.heard.try_recv() {
            self.unread.push(heard);
        }
        let votes = self.unread.iter().filter_map(|heard| match heard {
            Heard::Consensus(code, bytes) => Some((*code, bytes.clone())),
            _ => None,
        });
        votes.collect()
    }
}

async fn write_all(
    mut outgoing: Outgoing<OwnedWriteHalf>,
    mut queue: mpsc::UnboundedReceiver<(u8, Vec<u8>)>,
) {
    while let Some((id, data)) = queue.recv().await {
        outgoing.push(id, &compress(&data).unwrap()).unwrap();
        // A node that has hung up is told to the reading half.
        if outgoing.flush().await.is_err() {
            return;
        }
    }
}

async fn listen(
    mut incoming: Incoming<OwnedReadHalf>,
    shared: Shared,
    out: mpsc::UnboundedSender<(u8, Vec<u8>)>,
    (shows, mut deaf, at_once): (Shown, u32, usize),
    tell: mpsc::UnboundedSender<Heard>,
) {
    while let Ok(message) = incoming.read(MAX).await {
        let heard = match shared.protocol(message.id) {
            Protocol::Base(message_id::PING) => {
                let _ = out.send((message_id::PONG, vec![0xc0]));
                None
            }
            Protocol::Base(message_id::DISCONNECT) => {
                Some(Heard::Goodbye(DisconnectReason::decode(&message.data)))
            }
            Protocol::Istanbul(code) if CONSENSUS_CODES.contains(&code) => {
                Some(Heard::Consensus(code, message.data))
            }
            Protocol::Eth(id::STATUS) => None,
            Protocol::Eth(id) => {
                let message = Eth::decode(shared.eth, id, &message.data).expect("the node speaks eth");
                eth(message, shared, &out, (&shows, &mut deaf, at_once))
            }
            _ => None,
        };
        let is_over = matches!(heard, Some(Heard::Goodbye(_)));
        if heard.is_some_and(|heard| tell.send(heard).is_err()) {
            return;
        }
        if is_over {
            break;
        }
    }
    let _ = tell.send(Heard::Closed);
}

fn eth(
    message: Eth,
    shared: Shared,
    out: &mpsc::UnboundedSender<(u8, Vec<u8>)>,
    (shows, deaf, at_once): (&Shown, &mut u32, usize),
) -> Option<Heard> {
    let answer = |request: u64, reply: &Reply| {
        let (id, data) = reply.encode(shared.eth, request);
        let _ = out.send((shared.eth_base + id, data));
    };
    match message {
        Eth::NewBlock(block, total) => Some(Heard::NewBlock(block, total)),
        Eth::Reply(request, reply) => Some(Heard::Answer(request, reply)),
        Eth::Query(_, Query::Headers(query)) if *deaf > 0 => {
            *deaf -= 1;
            Some(Heard::Asked(query))
        }
        Eth::Query(request, Query::Headers(query)) => {
            let mut headers = headers(&shows.lock(), query);
            headers.truncate(at_once);
            answer(request, &Reply::Headers(headers));
            Some(Heard::Asked(query))
        }
        Eth::Query(request, Query::Bodies(hashes)) => {
            let shown = shows.lock();
            let body = |hash: &_| {
                let of = |block: &&Block| chain::hash::block_hash(&block.header).unwrap() == *hash;
                shown.iter().find(of).map(|block| block.body.clone())
            };
            answer(request, &Reply::Bodies(hashes.iter().filter_map(body).collect()));
            None
        }
        _ => None,
    }
}

fn headers(shown: &[Block], query: HeadersQuery) -> Vec<alloy_consensus::Header> {
    let first = match query.origin {
        BlockId::Number(number) => number,
        BlockId::Hash(hash) => {
            let of = |block: &&Block| chain::hash::block_hash(&block.header).unwrap() == hash;
            shown.iter().find(of).map_or(u64::MAX, |block| block.header.number)
        }
    };
    let from = shown.iter().filter(|block| block.header.number >= first);
    from.take(query.amount).map(|block| block.header.clone()).collect()
}
