//! The last resort: a network whose seats are lost for good goes on with others.

use crate::support::{
    network::{BINARY, Node, TestNetwork},
    wait_for,
};
use chain::reseat::RecoveryRecord;
use std::{path::Path, process::Command, time::Instant};

/// Runs `reseat <what>`; what it printed.
fn reseat(what: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(BINARY).args(["reseat", what]).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn identity(node: &Node) -> String {
    node.read_config().identity.unwrap().address.to_string()
}

fn head(node: &Node) -> u64 {
    node.height()
}

#[test]
fn a_network_whose_majority_of_seats_is_lost_goes_on_with_the_survivors_and_a_new_seat() {
    let mut network = TestNetwork::create(6, 4);
    network.nodes[..5].iter_mut().for_each(Node::start);
    network.wait_height(3);

    // Two of four are lost for good: their chains are gone, and no quorum is left.
    for lost in [2, 3] {
        network.nodes[lost].kill();
    }
    // By then whatever the lost ones sent has come.
    let round_is_lost = |status: chain::status::NodeStatus| (status.consensus?.round >= 1).then_some(());
    network.nodes[0].wait_status("round 0 to be lost", round_is_lost);
    let halted = |network: &TestNetwork| [0, 1, 4].map(|node| head(&network.nodes[node]));
    let stands = wait_for("survivors to stand at one height", || {
        let heads = halted(&network);
        heads.iter().all(|head| *head == heads[0]).then_some(heads[0])
    });

    // A survivor's state says who must sign, while it runs and when it is stopped alike.
    let dir = network.dir.path().to_path_buf();
    let (unsigned, signed) = (dir.join("unsigned.json"), dir.join("signed.json"));
    let config = network.nodes[0].config.clone();
    let operator = k256_address(&network.key("operator.key"));
    let kept = [identity(&network.nodes[0]), identity(&network.nodes[1])];
    let added = format!("{}:{operator}", identity(&network.nodes[4]));
    let prepare = |source: [&str; 2], out: &Path| {
        let seats = ["--keep", &kept[0], "--keep", &kept[1], "--add", &added];
        reseat("prepare", &[source.as_slice(), seats.as_slice(), &["--out", text(out)]].concat())
    };
    let url = format!("http://127.0.0.1:{}", network.nodes[0].ports.rpc);
    let asked = dir.join("asked.json");
    let plan_asked = prepare(["--rpc", &url], &asked).unwrap();
    let stranger =
        reseat("prepare", &["--rpc", &url, "--keep", &operator, "--out", text(&unsigned)]).unwrap_err();
    assert!(stranger.contains("holds no seat"), "{stranger}");
    assert_eq!(halted(&network), [stands; 3], "two of four decide nothing");
    assert!(network.nodes[0].terminate().success());
    let gone = prepare(["--rpc", &url], &unsigned).unwrap_err();
    assert!(gone.contains("no connection to 127.0.0.1"), "{gone}");
    let plan = prepare(["--config", text(&config)], &unsigned).unwrap();
    let of_both = [&asked, &unsigned].map(|path| std::fs::read_to_string(path).unwrap());
    assert_eq!(of_both[0], of_both[1], "one state, one record");
    assert_eq!(plan_asked.replace("asked.json", "unsigned.json"), plan);
    for says in ["must sign: 1 of these 1 admins", "3 seats, quorum 2; 1 more may fail", "lost for good"] {
        assert!(plan.contains(says), "{says} in\n{plan}");
    }
    let refused = reseat("check", &["--config", text(&config), "--record", text(&unsigned)]).unwrap_err();
    assert!(refused.contains("0 of 1 admins signed"), "{refused}");
    let key = dir.join("net").join("admin.key");
    let signature = reseat("sign", &["--record", text(&unsigned), "--key", text(&key)]).unwrap();
    assert!(!signature.contains(std::fs::read_to_string(&key).unwrap().trim()), "a key was printed");
    let combine = ["--record", text(&unsigned), "--signature", signature.trim(), "--out", text(&signed)];
    reseat("combine", &combine).unwrap();
    reseat("check", &["--config", text(&config), "--record", text(&signed)]).unwrap();

    // The record is put at one stopped node; the others, running, get it from there.
    reseat("apply", &["--config", text(&config), "--record", text(&signed)]).unwrap();
    let applied = Instant::now();
    network.nodes[0].start();
    network.wait_height(stands + 1);
    let seconds = applied.elapsed().as_secs_f64();
    network.wait_height(stands + 3);
    network.nodes[4].wait_status("the new seat to vote", |status| {
        let identity = status.identity?;
        (identity.seated && identity.voting && status.seats.len() == 3).then_some(())
    });

    // A lost node that comes back and one that joins now read the record off the chain.
    network.nodes[2].start();
    network.nodes[5].start();
    let height = head(&network.nodes[0]) + 2;
    network.wait_height(height);
    network.nodes[2].wait_status("the lost seat to see that it has none", |status| {
        (!status.identity?.seated && status.seats.len() == 3).then_some(())
    });

    // One who has that block refuses whatever record there is for its height.
    let text_of = std::fs::read_to_string(&signed).unwrap();
    let again =
        RecoveryRecord { attempt: 2, signatures: vec![], ..RecoveryRecord::from_json(&text_of).unwrap() };
    let late = dir.join("late.json");
    std::fs::write(&late, again.to_json().unwrap()).unwrap();
    reseat("apply", &["--config", text(&network.nodes[5].config), "--record", text(&late)]).unwrap();
    network.nodes[5].wait_status("the refusal to be told", |status| {
        status.faults.iter().any(|fault| fault.contains("is final here")).then_some(())
    });
    assert_eq!(network.nodes[0].status().unwrap().faults, Vec::<String>::new());
    network.wait_height(height + 2);
    println!("reseat-seconds={seconds:.2} forks=0");
}

fn k256_address(key: &k256::ecdsa::SigningKey) -> String {
    alloy_primitives::Address::from_private_key(key).to_string()
}
