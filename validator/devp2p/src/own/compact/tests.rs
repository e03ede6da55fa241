use super::*;

fn list_of(items: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    let payload_length = items.iter().map(Vec::len).sum();
    Header { list: true, payload_length }.encode(&mut out);
    for item in items {
        out.extend(item);
    }
    out
}

fn bytes(item: impl Encodable) -> Vec<u8> {
    alloy_rlp::encode(item)
}

/// Typed ones and a legacy one, which stands in a block as the list that it is.
fn transactions(count: u8) -> Vec<Bytes> {
    let typed = |seed: u8| Bytes::from([&[2][..], &[seed; 109]].concat());
    let legacy = Bytes::from(list_of(&[bytes(vec![7_u8; 60].as_slice())]));
    (0..count).map(typed).chain([legacy]).collect()
}

fn block(transactions: &[Bytes]) -> Vec<u8> {
    let items: Vec<Vec<u8>> =
        transactions.iter().map(|raw| if is_legacy(raw) { raw.to_vec() } else { bytes(raw) }).collect();
    let header = list_of(&[bytes(vec![9_u8; 500].as_slice())]);
    list_of(&[header, list_of(&items), list_of(&[]), list_of(&[])])
}

fn proposal(transactions: &[Bytes]) -> Bytes {
    let payload = list_of(&[bytes(5_u64), bytes(0_u64), block(transactions), bytes("")]);
    let signed = list_of(&[payload, bytes([1_u8; 65].as_slice())]);
    list_of(&[signed, list_of(&[list_of(&[]), list_of(&[])])]).into()
}

fn round_change(transactions: &[Bytes]) -> Bytes {
    let signed = list_of(&[list_of(&[bytes(5_u64), bytes(1_u64)]), bytes([1_u8; 65].as_slice())]);
    list_of(&[signed, block(transactions), bytes(""), list_of(&[])]).into()
}

fn compact(code: u8, payload: &Bytes) -> Compact {
    Compact::of(code, consensus_hash(code, payload), payload).unwrap()
}

fn search(partial: &mut Partial, pool: &[Bytes]) {
    partial.search(|each| pool.iter().for_each(|raw| each(&keccak256(raw), raw)));
}

#[test]
fn a_payload_comes_back_byte_for_byte_from_a_pool_that_holds_its_transactions() {
    let all = transactions(50);
    for (code, payload) in [(PROPOSAL, proposal(&all)), (ROUND_CHANGE, round_change(&all))] {
        let sent = compact(code, &payload);
        let data = bytes(&sent);
        assert!(data.len() < 1100, "{} bytes for {}", data.len(), payload.len());
        let received = Compact::decode(&data).unwrap();
        assert_eq!(received, sent);
        let mut partial = Partial::new(received);
        let strangers: Vec<Bytes> = (100..200).map(|seed: u8| vec![2, seed].into()).collect();
        search(&mut partial, &[strangers, all.clone()].concat());
        assert_eq!(partial.missing(), Vec::<u32>::new());
        assert_eq!(partial.payload(), Ok((code, payload)));
    }
}

#[test]
fn what_is_missing_is_asked_for_by_place_and_filled_in() {
    let all = transactions(60);
    let payload = proposal(&all);
    let mut partial = Partial::new(compact(PROPOSAL, &payload));
    search(&mut partial, &[&all[..7], &all[8..60]].concat());
    let missing = partial.missing();
    assert_eq!(missing, [7, 60]);
    assert_eq!(partial.payload(), Err(Unlike::Missing(2)));
    let (hash, places) = decode_wanted(&encode_wanted(partial.hash(), &missing)).unwrap();
    assert_eq!((hash, &places), (partial.hash(), &missing));
    let given = at(PROPOSAL, &payload, &places).unwrap();
    assert_eq!(given, [all[7].clone(), all[60].clone()]);
    let (hash, given) = decode_given(&encode_given(hash, &given)).unwrap();
    assert_eq!(hash, partial.hash());
    partial.fill(given);
    assert_eq!(partial.payload(), Ok((PROPOSAL, payload)));
}

#[test]
fn anything_else_than_the_announced_bytes_is_refused() {
    let all = transactions(60);
    let payload = proposal(&all);
    let mut partial = Partial::new(compact(PROPOSAL, &payload));
    search(&mut partial, &all[..60]);
    partial.fill(vec![all[3].clone()]);
    assert!(matches!(partial.payload(), Err(Unlike::Hash { .. })));
    let mut partial = Partial::new(compact(PROPOSAL, &payload));
    search(&mut partial, &all[..60]);
    partial.fill(vec![vec![2; MAX_CONSENSUS_PAYLOAD].into()]);
    assert_eq!(partial.payload(), Err(Unlike::Long));
    assert_eq!(at(PROPOSAL, &payload, &[0, 61]), None, "there is no such place");
}

#[test]
fn payloads_without_transactions_or_of_another_shape_go_as_they_are() {
    let none = |code, payload: &Bytes| Compact::of(code, consensus_hash(code, payload), payload).is_none();
    assert!(none(PROPOSAL, &proposal(&transactions(1))), "too short to be worth it");
    assert!(none(0x13, &proposal(&transactions(60))), "a PREPARE has no block");
    assert!(none(ROUND_CHANGE, &proposal(&transactions(60))));
    assert!(none(PROPOSAL, &vec![0xc0; 5000].into()));
    assert!(none(PROPOSAL, &vec![0xff; 5000].into()));
    let long = list_of(&[list_of(&[]), list_of(&[]), bytes(vec![1_u8; 5000].as_slice())]).into();
    assert!(none(ROUND_CHANGE, &long), "it claims no block");
}

#[test]
fn lists_that_are_too_long_or_end_late_are_refused() {
    let sent = compact(PROPOSAL, &proposal(&transactions(50)));
    let ids = |count: usize| bytes(&Compact { ids: vec![0; count].into(), ..sent.clone() });
    assert!(Compact::decode(&ids(ID * MAX_TRANSACTIONS)).is_ok());
    assert_eq!(
        Compact::decode(&ids(ID * (MAX_TRANSACTIONS + 1))),
        Err(DecodeError::TooMany { max: MAX_TRANSACTIONS })
    );
    assert!(Compact::decode(&ids(ID + 1)).is_err());
    assert_eq!(Compact::decode(&bytes(&Compact { code: 0x13, ..sent.clone() })), Err(DecodeError::Id(0x13)));
    let trailing = [bytes(&sent), vec![0]].concat();
    assert_eq!(Compact::decode(&trailing), Err(DecodeError::Trailing(1)));
    let wanted = encode_wanted(sent.hash, &vec![1; MAX_WANTED + 1]);
    assert_eq!(decode_wanted(&wanted), Err(DecodeError::TooMany { max: MAX_WANTED }));
    let given = encode_given(sent.hash, &vec![Bytes::new(); MAX_WANTED + 1]);
    assert_eq!(decode_given(&given), Err(DecodeError::TooMany { max: MAX_WANTED }));
}
