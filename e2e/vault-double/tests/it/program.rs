//! The double as a process.

use crate::switches::ask;
use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

#[tokio::test]
async fn the_program_says_where_it_listens_and_writes_its_authority_down() {
    let folder = tempfile::tempdir().expect("a folder");
    let (authority, clients) = (folder.path().join("ca.pem"), folder.path().join("clients.json"));
    let client = r#"[{"clientId":"c","subjects":["s"],"grants":[{"role":"signer","scope":{"key":"a"}}]}]"#;
    std::fs::write(&clients, client).expect("written");
    let mut process = Command::new(env!("CARGO_BIN_EXE_vault-double"))
        .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--seed", "7", "--ca-out"])
        .arg(&authority)
        .arg("--clients")
        .arg(&clients)
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let mut said = BufReader::new(process.stdout.take().expect("a pipe")).lines();
    let mut line = || said.next().expect("a line").expect("text");
    assert!(line().starts_with("vault https://localhost:"));
    let admin = line().strip_prefix("switches http://").expect("switches").parse().expect("an address");
    assert_eq!(ask(admin, "GET", "/healthz", "").await.0, 200);
    let written = std::fs::read_to_string(&authority).expect("written");
    assert_eq!(ask(admin, "GET", "/ca", "").await.1, written);
    let stopped = Command::new("kill").args(["-TERM", &process.id().to_string()]).status().expect("kill");
    assert!(stopped.success() && process.wait().expect("ended").success());
}
