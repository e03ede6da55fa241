//! A scripted peer: real RLPx, every message chosen by the test.

use crate::node::{NETWORK_ID, SmallChain, forks, within};
use alloy_primitives::U256;
use chain::enode::Enode;
use devp2p::{
    ChainReader, DisconnectReason, NodeKey, PeerId,
    eth::{ClaimedHead, EthVersion, Status, message::id},
    rlpx::{
        capability::{Shared, negotiate, offered},
        compression::compress,
        connection::{Connected, Incoming, Message, Outgoing, accept, dial},
        hello::{Capability, Hello},
        message_id,
    },
};
use tokio::net::{
    TcpListener, TcpStream,
    tcp::{OwnedReadHalf, OwnedWriteHalf},
};

const MAX: usize = 10 * 1024 * 1024;

pub(crate) struct Client {
    /// Under which the node knows it.
    pub(crate) id: PeerId,
    pub(crate) incoming: Incoming<OwnedReadHalf>,
    outgoing: Outgoing<OwnedWriteHalf>,
    pub(crate) shared: Shared,
}

/// What a client says about itself.
#[derive(Clone)]
pub(crate) struct Story {
    pub(crate) key: NodeKey,
    pub(crate) hello_id: PeerId,
    pub(crate) capabilities: Vec<Capability>,
    pub(crate) status: Status,
}

impl Story {
    pub(crate) fn honest() -> Self {
        Self::of(NodeKey::random())
    }

    pub(crate) fn of(key: NodeKey) -> Self {
        let chain = SmallChain::new().status();
        let status = Status {
            version: 68,
            network_id: NETWORK_ID,
            genesis_hash: forks().genesis_hash,
            fork_id: forks().current(0, 1000),
            head: ClaimedHead::Difficulty { total_difficulty: U256::from(1), hash: chain.head_hash },
        };
        Self { hello_id: key.id(), key, capabilities: Vec::new(), status }.speaking(&[
            ("eth", 66),
            ("eth", 68),
            ("istanbul", 100),
        ])
    }

    pub(crate) fn speaking(mut self, capabilities: &[(&str, u64)]) -> Self {
        let capability =
            |(name, version): &(&str, u64)| Capability { name: (*name).to_owned(), version: *version };
        self.capabilities = capabilities.iter().map(capability).collect();
        self
    }
}

impl Client {
    /// Dials a node and tells it the story; the node's answer to Status is not awaited.
    pub(crate) async fn dial(node: &Enode, story: &Story) -> Self {
        let stream = TcpStream::connect((node.host.as_str(), node.port)).await.unwrap();
        let (read, write) = stream.into_split();
        let connected = within("RLPx handshake", dial(read, write, &story.key, node.id)).await.unwrap();
        Self::introduce(connected, story).await
    }

    /// Waits until a node dials.
    pub(crate) async fn accept(listener: &TcpListener, story: &Story) -> Self {
        let (stream, _) = within("a dial", listener.accept()).await.unwrap();
        let (read, write) = stream.into_split();
        let connected = within("RLPx handshake", accept(read, write, &story.key)).await.unwrap();
        Self::introduce(connected, story).await
    }

    async fn introduce(connected: Connected<OwnedReadHalf, OwnedWriteHalf>, story: &Story) -> Self {
        let Connected { mut incoming, mut outgoing, .. } = connected;
        let hello = Hello {
            version: 5,
            client: "scripted".to_owned(),
            capabilities: story.capabilities.clone(),
            port: 0,
            id: story.hello_id,
        };
        outgoing.push(message_id::HELLO, &hello.encode()).unwrap();
        outgoing.flush().await.unwrap();
        let theirs = within("Hello", incoming.read(2048)).await.unwrap();
        assert_eq!(theirs.id, message_id::HELLO);
        incoming.compressed();
        let shared = negotiate(&EthVersion::ALL, &story.capabilities)
            .unwrap_or_else(|| negotiate(&EthVersion::ALL, &offered(&EthVersion::ALL)).unwrap());
        let mut client = Self { id: story.key.id(), incoming, outgoing, shared };
        client.send_eth(id::STATUS, &story.status.encode()).await;
        client
    }

    /// Dials and waits for the node's Status.
    pub(crate) async fn connected(node: &Enode, story: &Story) -> Self {
        let mut client = Self::dial(node, story).await;
        client.eth(id::STATUS).await;
        client
    }

    pub(crate) async fn send(&mut self, id: u8, data: &[u8]) {
        self.send_raw(id, &compress(data).unwrap()).await;
    }

    /// Sends data that is already, or only pretends to be, compressed. A node that has hung up is no failure here.
    pub(crate) async fn send_raw(&mut self, id: u8, data: &[u8]) {
        self.outgoing.push(id, data).unwrap();
        let _ = self.outgoing.flush().await;
    }

    pub(crate) async fn send_eth(&mut self, id: u8, data: &[u8]) {
        self.send(self.shared.eth_base + id, data).await;
    }

    pub(crate) async fn send_istanbul(&mut self, code: u8, data: &[u8]) {
        self.send(self.shared.istanbul_base.unwrap() + code, data).await;
    }

    /// Next message with this id; others are thrown away.
    pub(crate) async fn message(&mut self, id: u8) -> Message {
        let found = async {
            loop {
                let message = self.incoming.read(MAX).await.expect("the node keeps the connection");
                if message.id == id {
                    return message;
                }
            }
        };
        within("a message of the node", found).await
    }

    pub(crate) async fn eth(&mut self, id: u8) -> Message {
        self.message(self.shared.eth_base + id).await
    }

    /// The node's goodbye.
    pub(crate) async fn goodbye(&mut self) -> DisconnectReason {
        DisconnectReason::decode(&self.message(message_id::DISCONNECT).await.data)
    }

    /// Ends when the node has nothing more to say before it answers a Ping: what it sent until then.
    pub(crate) async fn until_pong(&mut self) -> Vec<Message> {
        self.send(message_id::PING, &[0xc0]).await;
        let mut all = Vec::new();
        loop {
            let message = within("Pong", self.incoming.read(MAX)).await.unwrap();
            if message.id == message_id::PONG {
                return all;
            }
            all.push(message);
        }
    }
}
