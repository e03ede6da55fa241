//! A member that published its network, for those who join: the server that ships, with a certificate by a private authority.

use alloy_primitives::{Address, B512, Signature};
use chain::{
    enode::Enode,
    governance::GOVERNANCE,
    network_info::{NETWORK_INFO_VERSION, NetworkInfo},
    signature::seal_from,
};
use k256::ecdsa::SigningKey;
use operator_core::{api::Consortium, genesis, keys::Key, validate};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// The admin account of the example's network as it is published here.
pub const ADMIN: Address = Address::repeat_byte(98);

/// The example's network, published by an account of the trials.
///
/// # Panics
/// The example does not read.
#[must_use]
pub fn of_example() -> NetworkInfo {
    published(None, "bank-a-0-0.bank-a-nodes.bank-a.svc", 1)
}

/// Identities that hold the first seats of it.
#[must_use]
pub fn seats() -> Vec<Address> {
    (1..=4).map(Address::repeat_byte).collect()
}

/// The same with another chain id, another bootnode, at another time.
///
/// # Panics
/// The example does not read.
#[must_use]
pub fn published(chain_id: Option<i64>, bootnode: &str, issued_at: u64) -> NetworkInfo {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/consortium.yaml");
    let mut object: Consortium =
        serde_saphyr::from_str(&std::fs::read_to_string(path).expect("the example")).expect("YAML");
    if let (Some(create), Some(chain_id)) = (&mut object.spec.create, chain_id) {
        create.chain_id = chain_id;
    }
    let valid = validate::consortium(&object).expect("valid");
    let made = genesis::make(&valid, ADMIN, Address::repeat_byte(99), &seats().into_iter().collect());
    let made = made.expect("a genesis");
    let key = Key::new(SigningKey::from_slice(&[7; 32]).expect("a key"));
    let mut info = NetworkInfo {
        version: NETWORK_INFO_VERSION,
        chain_id: made.chain_id,
        genesis_hash: made.hash,
        genesis: made.text,
        governance: GOVERNANCE,
        bootnodes: vec![Enode { id: B512::repeat_byte(5), host: bootnode.to_owned(), port: 30303 }],
        publisher: key.address,
        issued_at,
        signature: None,
    };
    let signed = key.signing.sign_prehash_recoverable(info.signing_hash().as_slice()).expect("signs");
    info.signature = Some(seal_from(&Signature::from(signed)));
    info
}

/// An authority of its own, and a certificate for 127.0.0.1 that it vouches for: `ca.crt`, `tls.crt`, `tls.key` in the folder.
/// Returns the authority's.
///
/// # Panics
/// openssl does not make them.
pub fn certificates(folder: &Path) -> String {
    let openssl = |args: &str| {
        let made =
            Command::new("openssl").args(args.split(' ')).current_dir(folder).output().expect("openssl");
        assert!(made.status.success(), "openssl {args}: {}", String::from_utf8_lossy(&made.stderr));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!("req -x509 {key} -keyout ca.key -out ca.crt -days 2 -subj /CN=authority"));
    openssl(&format!(
        "req -x509 {key} -keyout tls.key -out tls.crt -days 2 -subj /CN=publisher -CA ca.crt -CAkey ca.key -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE"
    ));
    std::fs::read_to_string(folder.join("ca.crt")).expect("the authority's certificate")
}

/// The server that ships.
pub struct Publisher {
    /// Where it answers.
    pub url: String,
    /// The certificate of the authority that vouches for it.
    pub authority: String,
    process: Child,
    _folder: TempDir,
}

impl Publisher {
    /// Starts it on a free port.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start(program: &Path, document: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = certificates(folder.path());
        let path = folder.path().join("network-info.json");
        std::fs::write(&path, document).expect("written");
        let mut process = Command::new(program)
            .arg("serve-network-info")
            .arg("--document")
            .arg(&path)
            .arg("--tls-dir")
            .arg(folder.path())
            .args(["--listen", "127.0.0.1:0"])
            .env("RUST_LOG", "info")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut told = String::new();
        let log = process.stderr.take().expect("its log");
        BufReader::new(log).read_line(&mut told).expect("a line");
        let listen = told.split_once("listen=").and_then(|(_, rest)| rest.split(' ').next());
        let url = format!("https://{}/network-info.json", listen.expect("its address"));
        Self { url, authority, process, _folder: folder }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        // It is a part of this process's trial: whatever it does at its end, it goes.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
