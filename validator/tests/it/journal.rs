//! The vote journal across processes.

use crate::support::network::{TestNetwork, command, finish};
use chain::config::JournalConfig;
use std::{fs, process::Stdio};

#[test]
fn a_node_whose_journal_is_lost_sits_out_and_then_votes_with_a_new_one() {
    let mut network = TestNetwork::start(4, 4);
    network.wait_height(2);
    let id = network.nodes[0].status().unwrap().identity.unwrap().journal.id;
    network.nodes[0].kill();
    fs::remove_dir_all(network.nodes[0].data_dir()).unwrap();
    network.nodes[0].edit_config(|config| {
        if let Some(identity) = &mut config.identity {
            identity.journal = JournalConfig::Require { id };
        }
    });
    network.nodes[0].start();
    let identity = network.nodes[0].wait_status("sitting out", |status| {
        status.identity.filter(|identity| identity.journal.sitting_out.is_some())
    });
    assert!(identity.seated || network.nodes[0].height() == 0);
    assert!(!identity.voting);
    assert_ne!(identity.journal.id, id);
    let back = network.nodes[0]
        .wait_status("voting again", |status| status.identity.filter(|identity| identity.voting));
    assert_eq!(back.journal.id, identity.journal.id);
    assert_eq!(back.journal.sitting_out, None);
}

#[test]
fn an_accepted_loss_votes_at_once() {
    let network = TestNetwork::create(1, 1);
    network.nodes[0].edit_config(|config| {
        if let Some(identity) = &mut config.identity {
            identity.journal = JournalConfig::AcceptLoss { id: [7; 32].into(), lost: vec![[7; 32].into()] };
        }
    });
    let mut network = network;
    network.nodes[0].start();
    network.wait_height(1);
}

#[test]
fn a_second_process_on_the_same_disk_is_refused_and_the_first_goes_on() {
    let mut network = TestNetwork::create(1, 1);
    network.nodes[0].start();
    network.wait_height(1);
    // Other ports, same disk.
    let mut config = network.nodes[0].read_config();
    for listen in [&mut config.p2p.listen, &mut config.metrics.listen] {
        *listen = "127.0.0.1:0".to_string();
    }
    config.rpc = None;
    let path = network.dir.path().join("second.json");
    fs::write(&path, config.to_json().unwrap()).unwrap();
    let mut second = command("run", &path);
    second.stdout(Stdio::null());
    let output = finish(second);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("another process"), "{text}");
    let height = network.nodes[0].height();
    network.wait_height(height + 1);
}
