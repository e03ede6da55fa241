//! The links between the nodes: each node's namespace has one to the tool's own, which forwards; and what can be done to them.
//!
//! Faults are in the middle: a packet that is dropped has left its sender, and one that has passed arrives even if the
//! link is cut behind it.

use crate::{
    kernel::Kernel,
    lab::{NODES, run},
    long_way,
};
use std::{net::Ipv4Addr, time::Duration};

pub(crate) struct Links {
    index: u8,
    cuts: bool,
}

impl Links {
    /// Makes a namespace for each node and the links between them. With a delay every packet takes so much longer one way.
    pub(crate) fn new(kernel: Kernel, index: u8, delay: Duration) -> anyhow::Result<Self> {
        let links = Self { index, cuts: kernel.cuts };
        // The tool's own address: what is sent to it takes no long way.
        run("ip", &format!("addr add {}/32 dev lo", links.tool()))?;
        (0..NODES).try_for_each(|node| links.connect(node))?;
        if !delay.is_zero() {
            links.lengthen(delay)?;
        }
        if links.cuts {
            links.prepare_cuts()?;
        }
        Ok(links)
    }

    pub(crate) fn namespace(&self, node: usize) -> String {
        format!("lab{}n{node}", self.index)
    }

    pub(crate) fn node(&self, node: usize) -> Ipv4Addr {
        self.address(u8::try_from(node).unwrap_or(u8::MAX).saturating_add(10))
    }

    fn tool(&self) -> Ipv4Addr {
        self.address(1)
    }

    fn address(&self, last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 100u8.saturating_add(self.index), 0, last)
    }

    fn connect(&self, node: usize) -> anyhow::Result<()> {
        let (inside, address, tool) = (self.namespace(node), self.node(node), self.tool());
        let outside = format!("v{}n{node}", self.index);
        run("ip", &format!("netns add {inside}"))?;
        run("ip", &format!("link add {outside} type veth peer name eth0 netns {inside}"))?;
        run("ip", &format!("link set {outside} up"))?;
        run("ip", &format!("-n {inside} addr add {address}/32 dev eth0"))?;
        run("ip", &format!("-n {inside} link set eth0 up"))?;
        run("ip", &format!("-n {inside} link set lo up"))?;
        run("ip", &format!("-n {inside} route add default via {tool} dev eth0 onlink"))?;
        run("ip", &format!("route add {address}/32 dev {outside} src {tool}"))
    }

    /// Sends what comes from the nodes through a device that holds every packet for a while.
    fn lengthen(&self, delay: Duration) -> anyhow::Result<()> {
        let (index, table) = (self.index, 100 + u32::from(self.index));
        let device = format!("long{index}");
        long_way::open(&device, delay)?;
        run("ip", &format!("route add default dev {device} table {table}"))?;
        (0..NODES).try_for_each(|node| run("ip", &format!("rule add iif v{index}n{node} lookup {table}")))
    }

    fn prepare_cuts(&self) -> anyhow::Result<()> {
        let index = self.index;
        self.nft("add table inet {}")?;
        self.nft("add set inet {} cut { type ipv4_addr . ipv4_addr ; }")?;
        self.nft("add chain inet {} forward { type filter hook forward priority 0 ; }")?;
        self.nft("add chain inet {} noise { type filter hook forward priority 10 ; }")?;
        // Where a packet enters, not where it comes back from a long way.
        self.nft(&format!("add rule inet {{}} forward iifname \"v{index}n*\" ip saddr . ip daddr @cut drop"))
    }

    /// Gives a command to nft; `{}` stands for this lab's table.
    fn nft(&self, command: &str) -> anyhow::Result<()> {
        run("nft", &command.replacen("{}", &format!("lab{}", self.index), 1))
    }

    /// Drops what `from` sends to `to`, for all pairs at one moment.
    pub(crate) fn cut_one_way(&self, pairs: &[(usize, usize)]) -> anyhow::Result<()> {
        let pair = |(from, to): &(usize, usize)| format!("{} . {}", self.node(*from), self.node(*to));
        let pairs: Vec<String> = pairs.iter().map(pair).collect();
        self.nft(&format!("add element inet {{}} cut {{ {} }}", pairs.join(", ")))
    }

    /// Cuts the links between nodes of different groups.
    pub(crate) fn part(&self, groups: &[&[usize]]) -> anyhow::Result<()> {
        let group = |node: usize| groups.iter().position(|group| group.contains(&node));
        let pairs = (0..NODES).flat_map(|from| (0..NODES).map(move |to| (from, to)));
        self.cut_one_way(&pairs.filter(|(from, to)| group(*from) != group(*to)).collect::<Vec<_>>())
    }

    /// Loses so many of a hundred packets between nodes.
    pub(crate) fn lose(&self, percent: u32) -> anyhow::Result<()> {
        let index = self.index;
        self.nft(&format!(
            "add rule inet {{}} noise iifname \"v{index}n*\" numgen random mod 100 < {percent} drop"
        ))
    }

    /// Lets each node send only so fast.
    pub(crate) fn limit(&self, rate: &str) -> anyhow::Result<()> {
        self.tc(&format!("qdisc replace dev eth0 root tbf rate {rate} burst 16kbit latency 400ms"))
    }

    pub(crate) fn unlimit(&self) -> anyhow::Result<()> {
        self.tc("qdisc del dev eth0 root")
    }

    fn tc(&self, command: &str) -> anyhow::Result<()> {
        (0..NODES)
            .try_for_each(|node| run("ip", &format!("netns exec {} tc {command}", self.namespace(node))))
    }

    /// Ends every cut and loss.
    pub(crate) fn heal(&self) -> anyhow::Result<()> {
        self.nft("flush set inet {} cut")?;
        self.nft("flush chain inet {} noise")
    }
}
