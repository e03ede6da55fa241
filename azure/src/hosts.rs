//! Hosts that may see a token. An identity's tokens open all that it has a role on, and who names an address is not always who
//! gave the role.

/// Where Azure keeps blobs: its clouds' names for them.
pub const STORAGE: &[&str] = &[
    ".blob.core.windows.net",
    ".blob.storage.azure.net",
    ".blob.core.usgovcloudapi.net",
    ".blob.core.chinacloudapi.cn",
];

/// Where Azure's key vaults and managed HSMs are.
pub const VAULTS: &[&str] = &[
    ".vault.azure.net",
    ".managedhsm.azure.net",
    ".vault.usgovcloudapi.net",
    ".managedhsm.usgovcloudapi.net",
    ".vault.azure.cn",
    ".managedhsm.azure.cn",
];

/// Whether a host is one of these; one that begins with a dot stands for all names that end so.
pub fn may_have_tokens<H: AsRef<str>>(hosts: &[H], host: &str) -> bool {
    hosts.iter().map(AsRef::as_ref).any(|known| match known.strip_prefix('.') {
        Some(_) => host.len() > known.len() && host.ends_with(known),
        None => host == known,
    })
}

#[cfg(test)]
mod tests {
    use super::may_have_tokens;

    #[test]
    fn tokens_go_to_the_hosts_that_are_named_and_to_no_other() {
        let hosts = [".blob.core.windows.net", "127.0.0.1"];
        for (host, may) in [
            ("bank.blob.core.windows.net", true),
            ("bank.z1.blob.core.windows.net", true),
            ("127.0.0.1", true),
            (".blob.core.windows.net", false),
            ("blob.core.windows.net", false),
            ("bank.blob.core.windows.net.example.com", false),
            ("evilblob.core.windows.net", false),
            ("127.0.0.11", false),
            ("", false),
        ] {
            assert_eq!(may_have_tokens(&hosts, host), may, "{host}");
        }
    }
}
