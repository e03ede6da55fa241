use crate::chain_of_one::Chain;
use std::{path::Path, sync::Arc, time::Duration};
use tokio::process::Command;

/// The same script runs against real nodes; here it needs no network of them.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node and `npm ci` in e2e/clients"]
async fn ethers_viem_and_cast_are_content() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Arc::new(Chain::open(dir.path()));
    let server = chain.serve().await;
    let at = server.local_addr();
    let clock = tokio::task::spawn_blocking({
        let chain = Arc::downgrade(&chain);
        move || {
            while let Some(chain) = chain.upgrade() {
                chain.next();
                drop(chain);
                std::thread::sleep(Duration::from_millis(500));
            }
        }
    });
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../e2e/clients");
    let status = Command::new("node")
        .args(["check.mjs", &format!("http://{at}"), &format!("ws://{at}"), "0"])
        .current_dir(scripts)
        .status()
        .await
        .unwrap();
    assert!(status.success());
    drop(chain);
    clock.await.unwrap();
    server.stop().await;
}
