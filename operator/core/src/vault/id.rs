//! Names of keys in vaults, as Azure writes them.

use std::{fmt, str::FromStr};

/// What holds the key material in the vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Home {
    /// A key, which never leaves it.
    Key,
    /// A secret, which nodes read.
    Secret,
}

impl Home {
    const fn path(self) -> &'static str {
        match self {
            Self::Key => "keys",
            Self::Secret => "secrets",
        }
    }
}

/// A key's place in a vault, whichever version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPlace {
    /// Address of the vault, without a slash at its end.
    pub vault: String,
    /// What holds it.
    pub home: Home,
    /// Its name.
    pub name: String,
}

impl fmt::Display for KeyPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.vault, self.home.path(), self.name)
    }
}

/// One version of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyId {
    /// Where.
    pub place: KeyPlace,
    /// Which version.
    pub version: String,
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.place, self.version)
    }
}

/// Not the id of a key or secret with its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected https://<vault>/keys/<name>/<version> or https://<vault>/secrets/<name>/<version>")]
pub struct NoKeyId;

impl FromStr for KeyId {
    type Err = NoKeyId;

    fn from_str(text: &str) -> Result<Self, NoKeyId> {
        let parts: Vec<&str> = text.strip_prefix("https://").ok_or(NoKeyId)?.split('/').collect();
        let [host, path, name, version] = parts.as_slice() else { return Err(NoKeyId) };
        let home = [Home::Key, Home::Secret].into_iter().find(|home| home.path() == *path).ok_or(NoKeyId)?;
        if [host, name, version].iter().any(|part| part.is_empty()) {
            return Err(NoKeyId);
        }
        let place = KeyPlace { vault: format!("https://{host}"), home, name: (*name).to_owned() };
        Ok(Self { place, version: (*version).to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::{Home, KeyId};

    #[test]
    fn an_id_is_read_back_as_it_is_written_and_nothing_else_is_one() {
        for (text, home) in [
            ("https://bank-a.vault.azure.net/keys/bank-a-bank-a-0/0f1e", Home::Key),
            ("https://127.0.0.1:8443/secrets/x/1", Home::Secret),
        ] {
            let id: KeyId = text.parse().expect("an id");
            assert_eq!((id.to_string().as_str(), id.place.home), (text, home));
        }
        for other in [
            "",
            "https://a/keys/b",
            "https://a/keys/b/",
            "https:///keys/b/c",
            "https://a/certificates/b/c",
            "http://a/keys/b/c",
            "https://a/keys/b/c/d",
        ] {
            assert!(other.parse::<KeyId>().is_err(), "{other}");
        }
    }
}
