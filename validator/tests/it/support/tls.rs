//! Certificates for servers that a test starts.

use std::{
    path::Path,
    process::{Command, Stdio},
};

/// `ca.crt`, and `tls.crt` with `tls.key`: an authority, and a certificate of it for the loopback address.
pub(crate) fn certificates(dir: &Path) {
    let script = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=ca \
         -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign && \
         openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout tls.key -out tls.csr -subj /CN=storage && \
         printf 'subjectAltName=IP:127.0.0.1' > san && \
         openssl x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile san -out tls.crt";
    let made = Command::new("sh").args(["-ec", script]).current_dir(dir).stderr(Stdio::null()).status();
    assert!(made.unwrap().success());
}
