//! Which operation a request is: method and path, as the SDK writes them.

use serde::{Deserialize, Serialize};

/// What can be done; written as it is counted, `create-key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// A key, or a new version of one.
    CreateKey,
    /// A version of a key, without what is secret.
    GetKey,
    /// A page of a key's versions.
    ListKeyVersions,
    /// A signature of a digest.
    Sign,
    /// A new version by the key's policy.
    RotateKey,
    /// A version's attributes.
    UpdateKey,
    /// All versions in a blob that this vault can read.
    BackupKey,
    /// What such a blob holds.
    RestoreKey,
    /// A version of a secret.
    SetSecret,
    /// A secret's value.
    GetSecret,
    /// A page of a secret's versions.
    ListSecretVersions,
}

impl Operation {
    /// What it is counted as.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::CreateKey => "create-key",
            Self::GetKey => "get-key",
            Self::ListKeyVersions => "list-key-versions",
            Self::Sign => "sign",
            Self::RotateKey => "rotate-key",
            Self::UpdateKey => "update-key",
            Self::BackupKey => "backup-key",
            Self::RestoreKey => "restore-key",
            Self::SetSecret => "set-secret",
            Self::GetSecret => "get-secret",
            Self::ListSecretVersions => "list-secret-versions",
        }
    }

    pub(crate) const fn is_of_secrets(self) -> bool {
        matches!(self, Self::SetSecret | Self::GetSecret | Self::ListSecretVersions)
    }
}

/// An operation and what it is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route<'a> {
    pub(crate) operation: Operation,
    pub(crate) name: &'a str,
    pub(crate) version: Option<&'a str>,
}

/// The operation of a method and a path. Without a version the SDK leaves its place empty: `/keys/a/` and `/keys/a//sign`.
pub(crate) fn route<'a>(method: &str, path: &'a str) -> Option<Route<'a>> {
    use Operation as O;
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (operation, name, version) = match (method, parts.as_slice()) {
        ("POST", ["keys", "restore"]) => (O::RestoreKey, "", None),
        ("POST", ["keys", name, "create"]) => (O::CreateKey, *name, None),
        ("POST", ["keys", name, "rotate"]) => (O::RotateKey, *name, None),
        ("POST", ["keys", name, "backup"]) => (O::BackupKey, *name, None),
        ("POST", ["keys", name, "sign"]) => (O::Sign, *name, None),
        ("POST", ["keys", name, version, "sign"]) => (O::Sign, *name, Some(*version)),
        ("GET", ["keys", name, "versions"]) => (O::ListKeyVersions, *name, None),
        ("GET", ["keys", name]) => (O::GetKey, *name, None),
        ("GET", ["keys", name, version]) => (O::GetKey, *name, Some(*version)),
        ("PATCH", ["keys", name]) => (O::UpdateKey, *name, None),
        ("PATCH", ["keys", name, version]) => (O::UpdateKey, *name, Some(*version)),
        ("PUT", ["secrets", name]) => (O::SetSecret, *name, None),
        ("GET", ["secrets", name, "versions"]) => (O::ListSecretVersions, *name, None),
        ("GET", ["secrets", name]) => (O::GetSecret, *name, None),
        ("GET", ["secrets", name, version]) => (O::GetSecret, *name, Some(*version)),
        _ => return None,
    };
    Some(Route { operation, name, version })
}

#[cfg(test)]
mod tests {
    use super::{Operation, Route, route};

    #[test]
    fn a_version_that_the_sdk_leaves_out_leaves_its_place_empty() {
        for (method, path, operation) in [
            ("GET", "/keys/a/", Operation::GetKey),
            ("POST", "/keys/a//sign", Operation::Sign),
            ("PATCH", "/keys/a/", Operation::UpdateKey),
            ("GET", "/secrets/a/", Operation::GetSecret),
        ] {
            assert_eq!(route(method, path), Some(Route { operation, name: "a", version: None }), "{path}");
        }
        let versioned = Route { operation: Operation::Sign, name: "a", version: Some("1") };
        assert_eq!(route("POST", "/keys/a/1/sign"), Some(versioned));
    }

    #[test]
    fn nothing_deletes_and_nothing_else_is_answered() {
        for (method, path) in [
            ("DELETE", "/keys/a"),
            ("DELETE", "/secrets/a"),
            ("POST", "/keys/a/1/decrypt"),
            ("GET", "/"),
            ("GET", "/keys"),
        ] {
            assert_eq!(route(method, path), None, "{method} {path}");
        }
    }
}
