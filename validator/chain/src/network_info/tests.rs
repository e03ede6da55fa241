use super::*;
use crate::signature::seal_from;
use alloc::{string::ToString, vec};
use alloy_primitives::{B512, Signature, U256, b256};
use alloy_sol_types::SolValue;
use k256::ecdsa::SigningKey;
use serde_json::Value;

type Change = fn(&mut NetworkInfo);

fn key() -> SigningKey {
    SigningKey::from_slice(&[7; 32]).unwrap()
}

fn bootnode(n: u8) -> Enode {
    Enode { id: B512::repeat_byte(n), host: "node-0.bank-a".into(), port: 30303 }
}

fn unsigned() -> NetworkInfo {
    NetworkInfo {
        version: NETWORK_INFO_VERSION,
        chain_id: 20_777,
        genesis_hash: B256::repeat_byte(0x11),
        genesis: "{\"config\":{}}\n".into(),
        governance: Address::repeat_byte(0x22),
        bootnodes: vec![bootnode(1), bootnode(2)],
        publisher: Address::from_private_key(&key()),
        issued_at: 1_790_000_000,
        signature: None,
    }
}

fn signed() -> NetworkInfo {
    let mut info = unsigned();
    let (signature, id) = key().sign_prehash_recoverable(info.signing_hash().as_slice()).unwrap();
    info.signature = Some(seal_from(&Signature::from((signature, id))));
    info
}

fn changed(change: impl FnOnce(&mut NetworkInfo)) -> NetworkInfo {
    let mut info = signed();
    change(&mut info);
    info
}

fn with_seal(change: impl FnOnce(&mut [u8; 65])) -> Result<(), NetworkInfoError> {
    changed(|info| change(&mut info.signature.as_mut().unwrap().0)).verify()
}

#[test]
fn what_the_publisher_signed_verifies() {
    assert_eq!(signed().verify(), Ok(()));
}

#[test]
fn each_field_is_under_the_signature() {
    let changes: [(&str, Change); 11] = [
        ("chainId", |info| info.chain_id += 1),
        ("genesisHash", |info| info.genesis_hash.0[31] ^= 1),
        ("genesis", |info| info.genesis.push(' ')),
        ("governance", |info| info.governance.0[19] ^= 1),
        ("bootnodes: one less", |info| drop(info.bootnodes.pop())),
        ("bootnodes: one more", |info| info.bootnodes.push(bootnode(3))),
        ("bootnodes: order", |info| info.bootnodes.reverse()),
        ("bootnodes: host", |info| info.bootnodes[0].host.push('x')),
        ("bootnodes: port", |info| info.bootnodes[1].port += 1),
        ("publisher", |info| info.publisher.0[19] ^= 1),
        ("issuedAt", |info| info.issued_at += 1),
    ];
    for (field, change) in changes {
        let info = changed(change);
        match info.verify() {
            Err(NetworkInfoError::Publisher { got, want }) => {
                assert_eq!(want, info.publisher, "{field}");
                assert_ne!(got, want, "{field}");
            }
            other => panic!("{field}: {other:?}"),
        }
    }
}

#[test]
fn another_accounts_signature_is_refused_with_both_addresses() {
    let other = SigningKey::from_slice(&[8; 32]).unwrap();
    let mut info = unsigned();
    let (signature, id) = other.sign_prehash_recoverable(info.signing_hash().as_slice()).unwrap();
    info.signature = Some(seal_from(&Signature::from((signature, id))));
    let (got, want) = (Address::from_private_key(&other), Address::from_private_key(&key()));
    assert_eq!(info.verify(), Err(NetworkInfoError::Publisher { got, want }));
}

#[test]
fn an_unsigned_document_is_refused() {
    assert_eq!(unsigned().verify(), Err(NetworkInfoError::Unsigned));
}

#[test]
fn another_version_is_refused_before_its_signature_is_looked_at() {
    for got in [0, 2, u32::MAX] {
        let error = NetworkInfoError::Version { got, want: 1 };
        assert_eq!(changed(|info| info.version = got).verify(), Err(error.clone()));
        let bare = NetworkInfo { version: got, ..unsigned() };
        assert_eq!(bare.verify(), Err(error));
    }
}

#[test]
fn a_malleable_or_malformed_signature_is_refused() {
    let order = b256!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    let high_s = with_seal(|seal| {
        let s = U256::from_be_bytes(order.0) - U256::from_be_slice(&seal[32..64]);
        seal[32..64].copy_from_slice(&s.to_be_bytes::<32>());
        seal[64] ^= 1;
    });
    assert_eq!(high_s, Err(SignatureError::HighS.into()));
    for v in [2, 27, 28, 255] {
        assert_eq!(with_seal(|seal| seal[64] = v), Err(SignatureError::RecoveryId { got: v }.into()));
    }
    let no_r = with_seal(|seal| seal[..32].fill(0));
    assert_eq!(no_r, Err(SignatureError::Unrecoverable.into()));
    assert!(matches!(with_seal(|seal| seal[64] ^= 1), Err(NetworkInfoError::Publisher { .. })));
}

/// EIP-712 by hand: `0x1901 ‖ domain separator ‖ struct hash`, as any wallet computes it.
#[test]
fn the_signing_hash_is_that_of_eip_712() {
    let info = unsigned();
    let domain = (
        keccak256("EIP712Domain(string name,string version,uint256 chainId)"),
        keccak256("Quorate network info"),
        keccak256("1"),
        U256::from(info.chain_id),
    );
    let nodes: Vec<_> = info.bootnodes.iter().map(|node| keccak256(node.to_string())).collect();
    let document = (
        keccak256(
            "QuorateNetworkInfo(uint256 chainId,bytes32 genesisHash,bytes32 genesis,address governance,\
             bytes32 bootnodes,address publisher,uint256 issuedAt)",
        ),
        U256::from(info.chain_id),
        info.genesis_hash,
        keccak256(&info.genesis),
        info.governance,
        keccak256(nodes.abi_encode_packed()),
        info.publisher,
        U256::from(info.issued_at),
    );
    let [domain, document] = [keccak256(domain.abi_encode()), keccak256(document.abi_encode())];
    assert_eq!(info.signing_hash(), keccak256([&[0x19, 0x01], &domain[..], &document[..]].concat()));
}

#[test]
fn json_round_trips_signed_and_unsigned() {
    for info in [signed(), unsigned()] {
        let json = serde_json::to_string(&info).unwrap();
        let read: NetworkInfo = serde_json::from_str(&json).unwrap();
        assert_eq!(read, info);
        assert_eq!(read.verify(), info.verify());
    }
    assert_eq!(serde_json::to_value(unsigned()).unwrap().get("signature"), None);
}

/// The format can grow within a version: what this build does not know it neither reads nor holds to the signature.
#[test]
fn an_unknown_field_is_ignored() {
    let mut json = serde_json::to_value(signed()).unwrap();
    json["motto"] = Value::from("fifty-one of a hundred");
    let read: NetworkInfo = serde_json::from_value(json).unwrap();
    assert_eq!(read, signed());
    assert_eq!(read.verify(), Ok(()));
}
