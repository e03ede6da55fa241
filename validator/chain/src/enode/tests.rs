use super::*;
use alloc::{format, vec::Vec};
use serde_json::Value;

const VECTORS: &str = include_str!("../../tests/vectors/node-vectors.json");
const ID: &str = "ca634cae0d49acb401d8a4c6b6fe8c55b70d115bf400769cc1400f3258cd3138\
                  7574077f301b421bc84df7266c44e9e6d569fc56be00812904767bf5ccd1fc7f";

fn parse(place: &str) -> Result<Enode, EnodeError> {
    format!("enode://{ID}@{place}").parse()
}

fn cases(kind: &str) -> Vec<Value> {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    vectors["enode_parse"][kind].as_array().unwrap().clone()
}

#[test]
fn urls_that_other_clients_accept_are_accepted_with_the_same_tcp_port() {
    let valid = cases("valid");
    for case in &valid {
        let url = case["url"].as_str().unwrap();
        let enode: Enode = url.parse().unwrap_or_else(|error| panic!("{url}: {error}"));
        assert_eq!(hex::encode(enode.id), ID, "{url}");
        assert_eq!(u64::from(enode.port), case["tcp"].as_u64().unwrap(), "{url}");
        assert_eq!(enode.to_string().parse(), Ok(enode), "{url}");
    }
    assert_eq!(valid.len(), 5);
}

#[test]
fn urls_that_other_clients_refuse_are_refused() {
    let errors: Vec<_> = cases("invalid")
        .iter()
        .map(|url| url.as_str().unwrap().parse::<Enode>().expect_err(url.as_str().unwrap()))
        .collect();
    assert_eq!(errors[0], EnodeError::Id { got: 126, digits: 126 });
    assert_eq!(errors[1], EnodeError::Port { got: "foo".into() });
    assert!(matches!(&errors[2], EnodeError::Shape { got } if got.starts_with("http://")));
    assert_eq!(errors[3], EnodeError::Discport { got: "foo".into() });
    assert_eq!(errors.len(), 4);
}

#[test]
fn a_host_is_an_ipv4_address_an_ipv6_address_in_brackets_or_a_name() {
    let longest = "a".repeat(253);
    for (place, host) in [
        ("10.3.58.6:30303", "10.3.58.6"),
        ("[2001:db8::1]:30303", "2001:db8::1"),
        ("[::ffff:10.0.0.1]:30303", "::ffff:10.0.0.1"),
        ("validator-0.nodes.bank-a.svc.cluster.local:30303", "validator-0.nodes.bank-a.svc.cluster.local"),
        ("node_1:30303", "node_1"),
        (&format!("{longest}:30303"), &longest),
    ] {
        assert_eq!(parse(place).unwrap().host, host);
    }
}

#[test]
fn any_other_host_is_refused() {
    let too_long = "a".repeat(254);
    for host in [
        "",
        "[]",
        "2001:db8::1",
        "[2001:db8::1",
        "2001:db8::1]",
        "[[2001:db8::1]]",
        "[10.0.0.1]",
        "[node]",
        "a b",
        "a@b",
        "a/b",
        "a\n",
        &too_long,
    ] {
        let error = parse(&format!("{host}:30303")).unwrap_err();
        assert_eq!(error, EnodeError::Host { got: cut(host) });
    }
}

#[test]
fn query_keys_do_not_change_where_a_node_is_dialled() {
    let plain = parse("10.0.0.1:30303");
    for query in
        ["", "discport=", "discport=0", "discport=30301", "raftport=50400", "raftport=x&discport=65535", "x"]
    {
        assert_eq!(parse(&format!("10.0.0.1:30303?{query}")), plain, "{query}");
    }
    for got in ["foo", "65536", "-1", "+1"] {
        let error = parse(&format!("10.0.0.1:30303?raftport=1&discport={got}")).unwrap_err();
        assert_eq!(error, EnodeError::Discport { got: got.into() });
    }
}

#[test]
fn a_port_is_digits_from_1_to_65535() {
    for port in [1, 30303, 65535] {
        assert_eq!(parse(&format!("a:{port}")).unwrap().port, port);
    }
    for got in ["", "0", "65536", "-1", "+30303", " 1", "30303/"] {
        assert_eq!(parse(&format!("a:{got}")), Err(EnodeError::Port { got: got.into() }));
    }
}

#[test]
fn an_id_is_128_hex_digits_of_either_case_without_prefix() {
    let upper = format!("enode://{}@a:1", ID.to_uppercase());
    assert_eq!(upper.parse(), parse("a:1"));
    for (id, got, digits) in [
        (format!("0x{ID}"), 130, 129),
        (format!("0x{}", &ID[2..]), 128, 127),
        (format!("{ID}00"), 130, 130),
        (ID.replacen("ca", "zz", 1), 128, 126),
        (String::new(), 0, 0),
    ] {
        let error = format!("enode://{id}@a:1").parse::<Enode>().unwrap_err();
        assert_eq!(error, EnodeError::Id { got, digits });
    }
}

#[test]
fn a_refusal_repeats_at_most_200_characters() {
    let long = "é".repeat(10_000);
    for text in [long.clone(), format!("enode://{ID}@{long}:1"), format!("enode://{ID}@a:{long}")] {
        let error = text.parse::<Enode>().unwrap_err().to_string();
        assert!(error.chars().count() < 400, "{error}");
    }
}

#[test]
fn json_holds_the_url_and_round_trips() {
    for place in ["10.0.0.1:1", "[2001:db8::1]:30303", "node.example:65535"] {
        let enode = parse(place).unwrap();
        let json = serde_json::to_string(&enode).unwrap();
        assert_eq!(json, format!("\"enode://{ID}@{place}\""));
        assert_eq!(serde_json::from_str::<Enode>(&json).unwrap(), enode);
    }
    let error = serde_json::from_str::<Enode>("\"enode://a@b:1\"").unwrap_err().to_string();
    assert!(error.contains("128 hex digits"), "{error}");
}
