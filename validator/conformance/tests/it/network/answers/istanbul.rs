//! `istanbul_*`: `qbft-facts` §5.2, and GoQuorum's `consensus/istanbul/backend/api.go`. A set at a block is there the set after it.

use super::NOWHERE;
use crate::network::{
    chain::Network,
    plan::{
        EPOCH, FIRST, GROWN, LAST, SHRUNK,
        Who::{self, A, B, C, D, E, F},
    },
    script::Scripts,
};
use alloy_primitives::B256;
use serde_json::{Map, Value, json};

const SET: &str = "istanbul_getValidators";
const SNAPSHOT: &str = "istanbul_getSnapshot";

pub(super) fn write(network: &Network, scripts: &mut Scripts) {
    validators(network, scripts);
    snapshots(network, scripts);
    signers(network, scripts);
    candidates(network, scripts);
    identity(network, scripts);
    status(network, scripts);
    for (method, by_number) in [
        (SET, true),
        ("istanbul_getValidatorsAtHash", false),
        (SNAPSHOT, true),
        ("istanbul_getSnapshotAtHash", false),
        ("istanbul_getSignersFromBlock", true),
        ("istanbul_getSignersFromBlockByHash", false),
    ] {
        let block = if by_number { json!(NOWHERE) } else { json!(B256::repeat_byte(1)) };
        let remark = "a block that is not there is an error, not null";
        scripts.fails(&format!("{method}/unknown"), remark, json!([block]), -32000, "unknown block");
    }
}

fn validators(network: &Network, scripts: &mut Scripts) {
    let set = |who: &[Who]| json!(network.keys.addresses(who));
    let mut gives = |name: &str, remark: &str, params: Value, result: Value| {
        scripts.gives(&format!("{SET}/{name}"), remark, params, result);
    };
    gives("head", "no argument means the head: the set of the block after it", json!([]), set(GROWN));
    gives("genesis", "the set of block 1", json!(["0x0"]), set(FIRST));
    gives("undecided", "two of four votes change nothing", json!(["0x2"]), set(FIRST));
    gives(
        "deciding",
        "the third of four votes: the set after the block has the fifth, where Besu's of the block has four",
        json!(["0x3"]),
        set(GROWN),
    );
    scripts.gives(
        "istanbul_getValidatorsAtHash/deciding",
        "the same block by its hash",
        json!([network.hash(3)]),
        set(GROWN),
    );
    scripts
        .file(
            &format!("{SET}/decided-by-contract"),
            "after a block whose next one has its set from a contract",
        )
        .next_block("the third of five votes against a validator")
        .gives(SET, json!([]), set(SHRUNK))
        .next_block("the last whose extra data lists validators")
        .gives(SET, json!(["latest"]), set(SHRUNK))
        .next_block("gives the contract a fifth validator")
        .gives(SET, json!(["0xc"]), set(SHRUNK))
        .gives(SET, json!(["0xd"]), set(LAST));
    scripts.fails(
        &format!("{SET}/not-a-block"),
        "neither number nor tag",
        json!(["3"]),
        -32602,
        "invalid argument 0: hex string without 0x prefix",
    );
}

fn snapshots(network: &Network, scripts: &mut Scripts) {
    // Who voted in which block about whom, in this order.
    let snapshot = |number: usize, set: &[Who], votes: &[(Who, u64, Who, bool)]| {
        let address = |who: Who| network.address(who);
        let cast = votes.iter().map(|(voter, block, about, add)| {
            json!({"validator": address(*voter), "block": block, "address": address(*about), "authorize": add})
        });
        let mut tally = Map::new();
        for (_, _, about, add) in votes {
            let count = votes.iter().filter(|vote| vote.2 == *about).count();
            tally.insert(format!("{:#x}", address(*about)), json!({"authorize": add, "votes": count}));
        }
        json!({
            "epoch": EPOCH, "number": number, "hash": network.hash(number), "votes": cast.collect::<Vec<_>>(),
            "tally": tally, "validators": network.keys.addresses(set), "policy": 0,
        })
    };
    let open = [(A, 1, C, true), (B, 2, C, true)];
    let two = [(E, 4, B, false), (C, 6, B, false), (D, 7, F, true)];
    let now = [(A, 9, B, false), (D, 10, B, false)];
    let mut gives = |name: &str, remark: &str, params: Value, result: Value| {
        scripts.gives(&format!("{SNAPSHOT}/{name}"), remark, params, result);
    };
    gives("genesis", "the set of block 1 and no votes", json!(["0x0"]), snapshot(0, FIRST, &[]));
    gives("open", "two of four votes for a fifth validator", json!(["0x2"]), snapshot(2, FIRST, &open));
    gives(
        "decided",
        "the third is enough: it is in, and the votes are gone",
        json!(["0x3"]),
        snapshot(3, GROWN, &[]),
    );
    gives(
        "two-questions",
        "votes about two addresses, one to go, one to come",
        json!(["0x7"]),
        snapshot(7, GROWN, &two),
    );
    gives("epoch", "a block of an epoch clears every vote", json!(["0x8"]), snapshot(8, GROWN, &[]));
    gives("head", "no argument means the head", json!([]), snapshot(10, GROWN, &now));
    scripts.gives(
        "istanbul_getSnapshotAtHash/open",
        "the same as by number",
        json!([network.hash(2)]),
        snapshot(2, FIRST, &open),
    );
    scripts
        .file(
            &format!("{SNAPSHOT}/contract"),
            "no votes where a contract names the validators of the next block",
        )
        .next_block("decides against a validator")
        .gives(SNAPSHOT, json!([]), snapshot(11, SHRUNK, &[]))
        .next_block("the last whose extra data lists validators")
        .gives(SNAPSHOT, json!([]), snapshot(12, SHRUNK, &[]));
}

fn signers(network: &Network, scripts: &mut Scripts) {
    let method = "istanbul_getSignersFromBlock";
    let signers = |number: usize, author: Who, committers: &[Who]| {
        json!({
            "Number": number, "Hash": network.hash(number), "Author": network.address(author),
            "Committers": network.keys.addresses(committers),
        })
    };
    let mut gives = |name: &str, remark: &str, params: Value, result: Value| {
        scripts.gives(&format!("{method}/{name}"), remark, params, result);
    };
    gives(
        "round-0",
        "names as GoQuorum's language spells them; committers in the order of the seals",
        json!(["0x2"]),
        signers(2, B, &[D, A, B]),
    );
    gives(
        "round-1",
        "seals of a later round sign a hash with that round, the block's own hash has round 0",
        json!(["0x5"]),
        signers(5, B, &[E, D, C, B]),
    );
    gives("head", "no argument means the head, decided in round 2", json!([]), signers(10, D, &[E, A, D, C]));
    scripts.gives(
        "istanbul_getSignersFromBlockByHash/round-1",
        "the same by hash",
        json!([network.hash(5)]),
        signers(5, B, &[E, D, C, B]),
    );
}

fn candidates(network: &Network, scripts: &mut Scripts) {
    let (propose, discard, list) = ("istanbul_propose", "istanbul_discard", "istanbul_candidates");
    let f = network.address(F);
    scripts.gives("istanbul_candidates/none", "nothing was proposed to this node", json!([]), json!({}));
    scripts
        .file(
            "istanbul_propose/listed-until-discarded",
            "null where Besu's methods say true; both clients' methods work on one list",
        )
        .gives(propose, json!([f, true]), json!(null))
        .gives(list, json!([]), json!({format!("{f:#x}"): true}))
        .gives("qbft_getPendingVotes", json!([]), json!({format!("{f:#x}"): true}))
        .gives(discard, json!([f]), json!(null))
        .gives(list, json!([]), json!({}));
    scripts.gives("istanbul_discard/never-proposed", "null all the same", json!([f]), json!(null));
    scripts.fails(
        "istanbul_propose/no-direction",
        "nothing is kept of it",
        json!([f]),
        -32602,
        "missing value for required argument 1",
    );
}

/// The node is the validator that block 3 brings in.
fn identity(network: &Network, scripts: &mut Scripts) {
    let method = "istanbul_isValidator";
    scripts.gives(
        "istanbul_nodeAddress/own",
        "the identity that the node proposes blocks for",
        json!([]),
        json!(network.address(C)),
    );
    for (name, remark, params, is) in [
        ("head", "no argument means after the head", json!([]), true),
        ("before", "two of four votes for it did not bring it in", json!(["0x2"]), false),
        ("deciding", "it is one after the block with the third", json!(["0x3"]), true),
        ("unknown", "nobody is one after a block that is not there", json!([NOWHERE]), false),
    ] {
        scripts.gives(&format!("{method}/{name}"), remark, params, json!(is));
    }
}

fn status(network: &Network, scripts: &mut Scripts) {
    let method = "istanbul_status";
    let status = |blocks: u64, made: &[(Who, u64)]| {
        let made = made.iter().map(|(who, count)| (format!("{:#x}", network.address(*who)), json!(count)));
        json!({"sealerActivity": made.collect::<Map<_, _>>(), "numBlocks": blocks})
    };
    let whole = status(9, &[(A, 2), (B, 2), (C, 1), (D, 2), (E, 2)]);
    let mut gives = |name: &str, remark: &str, params: Value, result: Value| {
        scripts.gives(&format!("{method}/{name}"), remark, params, result);
    };
    gives(
        "default",
        "the last 64 blocks before the head, here all: proposers of blocks 1 to 9",
        json!([]),
        whole.clone(),
    );
    gives("from-genesis", "nobody made block 0, so the range begins after it", json!(["0x0", "0xa"]), whole);
    gives(
        "range",
        "blocks 5, 6 and 7; the set after the end with nothing where it made none",
        json!(["0x5", "0x8"]),
        status(3, &[(A, 0), (B, 1), (C, 1), (D, 1), (E, 0)]),
    );
    gives(
        "empty",
        "a range of no block has nobody busy in it",
        json!(["0x2", "0x2"]),
        status(0, &[(A, 0), (B, 0), (D, 0), (E, 0)]),
    );
    let backwards = "start block number should be less than end block number";
    let beyond = "end block number should be less than or equal to current block height";
    for (name, params, message) in [
        ("no-end", json!(["0x1"]), "pass the end block number"),
        ("no-start", json!([null, "0x1"]), "pass the start block number"),
        ("backwards", json!(["0x5", "0x3"]), backwards),
        ("beyond-the-head", json!(["0x5", "0xb"]), beyond),
    ] {
        scripts.fails(&format!("{method}/{name}"), "refused in GoQuorum's words", params, -32000, message);
    }
}
