//! A long way: a network device that gives back every packet, in order, after a while. TCP on it is the nodes' own from
//! end to end, with its round trips and retransmissions.

use crate::lab::run;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_tun::Tun;

/// Packets under way; one more is lost, as in a router.
const UNDER_WAY: usize = 16 * 1024;
/// Longest packet.
const MTU: usize = 1500;

/// Makes the device; its packets travel until the program ends.
pub(crate) fn open(device: &str, delay: Duration) -> anyhow::Result<()> {
    let tun = create(device)?;
    run("ip", &format!("link set {device} txqueuelen 4096 up"))?;
    let (packets, arriving) = mpsc::channel(UNDER_WAY);
    tokio::spawn(leave(Arc::clone(&tun), packets, delay));
    tokio::spawn(arrive(tun, arriving));
    Ok(())
}

/// Whether this kernel has such devices; the one that was made is gone again.
pub(crate) fn probe() -> bool {
    let made = create("probe");
    if let Err(error) = &made {
        eprintln!("not on this machine: {error}");
    }
    made.is_ok()
}

fn create(device: &str) -> anyhow::Result<Arc<Tun>> {
    let mtu = i32::try_from(MTU)?;
    let made = Tun::builder().name(device).mtu(mtu).build();
    let made = made.map_err(|error| anyhow::anyhow!("TUN device {device}: {error}"))?;
    let tun = made.into_iter().next().ok_or_else(|| anyhow::anyhow!("no TUN device {device}"))?;
    Ok(Arc::new(tun))
}

async fn leave(tun: Arc<Tun>, packets: mpsc::Sender<(Instant, Vec<u8>)>, delay: Duration) {
    let mut buffer = vec![0; MTU];
    // An error is the end of the device.
    while let Ok(length) = tun.recv(&mut buffer).await {
        let packet = buffer.get(..length).unwrap_or_default().to_vec();
        // Full: lost.
        let _ = packets.try_send((Instant::now() + delay, packet));
    }
}

async fn arrive(tun: Arc<Tun>, mut packets: mpsc::Receiver<(Instant, Vec<u8>)>) {
    while let Some((at, packet)) = packets.recv().await {
        sleep_until(at).await;
        // A packet that the kernel does not take is lost.
        let _ = tun.send(&packet).await;
    }
}
