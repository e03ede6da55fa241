//! Who may do what: the roles of `docs/keys.md`, given to client ids, of the whole vault or of one thing in it.

use serde::{Deserialize, Serialize};

/// What a role can hold, as Azure names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Public part and attributes of keys, and their versions.
    ReadKey,
    /// A new key, or a new version of one.
    CreateKey,
    /// Signatures.
    Sign,
    /// Attributes of keys.
    UpdateKey,
    /// A key's backup.
    BackupKey,
    /// A key from its backup.
    RestoreKey,
    /// A new version by the key's policy.
    RotateKey,
    /// A secret's value.
    GetSecret,
    /// A new secret, or a new version of one.
    SetSecret,
    /// A secret's versions, without values.
    ReadSecretMetadata,
}

impl Action {
    /// The data action's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadKey => "Microsoft.KeyVault/vaults/keys/read",
            Self::CreateKey => "Microsoft.KeyVault/vaults/keys/create/action",
            Self::Sign => "Microsoft.KeyVault/vaults/keys/sign/action",
            Self::UpdateKey => "Microsoft.KeyVault/vaults/keys/update/action",
            Self::BackupKey => "Microsoft.KeyVault/vaults/keys/backup/action",
            Self::RestoreKey => "Microsoft.KeyVault/vaults/keys/restore/action",
            Self::RotateKey => "Microsoft.KeyVault/vaults/keys/rotate/action",
            Self::GetSecret => "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            Self::SetSecret => "Microsoft.KeyVault/vaults/secrets/setSecret/action",
            Self::ReadSecretMetadata => "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
        }
    }
}

/// A role: the custom ones that users are told to make, and a person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Of nodes: reads keys and signs.
    Signer,
    /// Of the operator: reads and makes keys, and signs with none.
    Creator,
    /// Of nodes that hold their key in memory: reads a secret.
    SecretReader,
    /// Of the operator that makes such secrets: writes and does not read them.
    SecretWriter,
    /// Of a person: everything that there is of keys.
    Officer,
}

impl Role {
    /// What it holds.
    pub const fn actions(self) -> &'static [Action] {
        match self {
            Self::Signer => &[Action::ReadKey, Action::Sign],
            Self::Creator => &[Action::ReadKey, Action::CreateKey],
            Self::SecretReader => &[Action::GetSecret, Action::ReadSecretMetadata],
            Self::SecretWriter => &[Action::SetSecret, Action::ReadSecretMetadata],
            Self::Officer => &[
                Action::ReadKey,
                Action::CreateKey,
                Action::Sign,
                Action::UpdateKey,
                Action::BackupKey,
                Action::RestoreKey,
                Action::RotateKey,
            ],
        }
    }
}

/// Of what a role is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Scope {
    /// Everything in the vault.
    #[default]
    Vault,
    /// One key.
    Key(String),
    /// One secret.
    Secret(String),
}

/// What an action is to be done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    Vault,
    Key(&'a str),
    Secret(&'a str),
}

impl Scope {
    /// Whether the target is within it. Azure tells names apart without regard to case.
    fn holds(&self, target: Target<'_>) -> bool {
        match (self, target) {
            (Self::Vault, _) => true,
            (Self::Key(own), Target::Key(name)) | (Self::Secret(own), Target::Secret(name)) => {
                own.eq_ignore_ascii_case(name)
            }
            _ => false,
        }
    }
}

/// A role assignment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Grant {
    /// The role.
    pub role: Role,
    /// Of what.
    #[serde(default)]
    pub scope: Scope,
}

/// An identity that the vault and the token endpoint know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Client {
    /// Its client id.
    pub client_id: String,
    /// Subjects of its federated credentials: `system:serviceaccount:<namespace>:<name>`.
    pub subjects: Vec<String>,
    /// What it may do.
    #[serde(default)]
    pub grants: Vec<Grant>,
}

impl Client {
    /// Whether one of its roles holds the action, of the target.
    pub(crate) fn may(&self, action: Action, target: Target<'_>) -> bool {
        self.grants.iter().any(|grant| grant.role.actions().contains(&action) && grant.scope.holds(target))
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Client, Grant, Role, Scope, Target};

    fn client(role: Role, scope: Scope) -> Client {
        Client { client_id: "c".into(), subjects: Vec::new(), grants: vec![Grant { role, scope }] }
    }

    #[test]
    fn nodes_may_only_sign_and_the_operator_may_only_create() {
        let (node, operator) = (client(Role::Signer, Scope::Vault), client(Role::Creator, Scope::Vault));
        let key = Target::Key("a");
        assert!(node.may(Action::Sign, key) && node.may(Action::ReadKey, key));
        assert!(operator.may(Action::CreateKey, key) && operator.may(Action::ReadKey, key));
        assert!(!operator.may(Action::Sign, key) && !node.may(Action::CreateKey, key));
        for action in [Action::UpdateKey, Action::BackupKey, Action::RestoreKey, Action::GetSecret] {
            assert!(!node.may(action, key) && !operator.may(action, key), "{action:?}");
        }
    }

    #[test]
    fn who_writes_secrets_does_not_read_them() {
        let writer = client(Role::SecretWriter, Scope::Vault);
        assert!(writer.may(Action::SetSecret, Target::Secret("a")));
        assert!(!writer.may(Action::GetSecret, Target::Secret("a")));
    }

    #[test]
    fn a_role_of_one_key_holds_for_no_other_and_for_no_secret_of_that_name() {
        let node = client(Role::Signer, Scope::Key("bank-a-0".into()));
        assert!(node.may(Action::Sign, Target::Key("Bank-A-0")));
        assert!(!node.may(Action::Sign, Target::Key("bank-a-1")));
        assert!(!node.may(Action::Sign, Target::Vault));
        let reader = client(Role::SecretReader, Scope::Key("bank-a-0".into()));
        assert!(!reader.may(Action::GetSecret, Target::Secret("bank-a-0")));
    }
}
