//! What a person is told of keys in a vault.

use super::{Holder, Home, KeyId, KeyPlace, Report, TroubleKind};
use crate::{
    api::conditions::{ConditionStatus, reasons},
    plan::Wait,
};

/// Keys named in one message.
const NAMED: usize = 3;

/// One key and how it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyState {
    /// For whom.
    pub holder: Holder,
    /// Where.
    pub place: KeyPlace,
    /// The version on record, once there is a record.
    pub pinned: Option<String>,
    /// What the vault says.
    pub report: Report,
}

/// Status, reason and message of a condition.
pub type Told = (ConditionStatus, &'static str, String);

impl KeyState {
    fn id(&self) -> String {
        match &self.pinned {
            Some(version) => KeyId { place: self.place.clone(), version: version.clone() }.to_string(),
            None => self.place.to_string(),
        }
    }

    fn reason(&self) -> &'static str {
        match &self.report {
            Report::Unknown => reasons::VAULT_ASKED,
            Report::Pinned => reasons::KEYS_PINNED,
            Report::Newer(_) => reasons::NEWER_KEY_VERSION,
            Report::Awaited => reasons::WAITING_FOR_IDENTITIES,
            Report::Foreign => reasons::KEY_FOREIGN,
            Report::Disabled(_) => reasons::KEY_DISABLED,
            Report::Gone => reasons::KEY_LOST,
            Report::Failed(trouble) => match trouble.kind {
                TroubleKind::NoIdentity => reasons::AZURE_IDENTITY_MISSING,
                TroubleKind::Token => reasons::AZURE_TOKEN_REFUSED,
                TroubleKind::Host => reasons::AZURE_HOST_REFUSED,
                TroubleKind::Refused => reasons::PROPAGATING,
                TroubleKind::RefusedForLong => reasons::KEY_ACCESS_REFUSED,
                TroubleKind::Throttled => reasons::VAULT_THROTTLED,
                TroubleKind::Deleted => reasons::KEY_DELETED,
                TroubleKind::Unfit => reasons::KEY_UNFIT,
                TroubleKind::Unreachable => reasons::VAULT_UNREACHABLE,
                TroubleKind::Node => reasons::NODE_KEY_ACCESS,
                TroubleKind::NodeRefused => reasons::NODE_KEY_REFUSED,
            },
        }
    }

    /// Worst first: what a person must do before what comes by itself.
    fn rank(&self) -> u8 {
        match &self.report {
            Report::Gone => 0,
            Report::Disabled(_) => 1,
            Report::Foreign => 2,
            Report::Failed(trouble) => match trouble.kind {
                TroubleKind::Deleted | TroubleKind::Unfit | TroubleKind::NodeRefused => 3,
                _ => 4,
            },
            Report::Awaited => 5,
            Report::Unknown => 6,
            Report::Newer(_) => 7,
            Report::Pinned => 8,
        }
    }

    fn status(&self) -> ConditionStatus {
        match &self.report {
            Report::Unknown => ConditionStatus::Unknown,
            Report::Pinned | Report::Newer(_) => ConditionStatus::True,
            _ => ConditionStatus::False,
        }
    }

    /// What is, and what to do.
    fn message(&self) -> String {
        let id = self.id();
        let cli = Cli(&self.place);
        match &self.report {
            Report::Unknown => format!("{id} is being looked at"),
            Report::Pinned => format!("{id} is used"),
            Report::Newer(version) => format!(
                "{id} is used; version {version} is later and nobody uses it: another key is another identity (docs/keys.md, Rotate)"
            ),
            Report::Awaited => format!("{id} is awaited: {}", cli.made()),
            Report::Foreign => format!(
                "{id} is there and was not made for this object: use another name; or, once it is certain that nobody else signs with it, set create to false"
            ),
            Report::Disabled(version) => {
                format!(
                    "{} version {version} is disabled or out of its time; {}",
                    self.place,
                    cli.enabled(version)
                )
            }
            Report::Gone => format!(
                "{id} is gone from the vault, and nothing is made in its place: recover it ({}), or see docs/keys.md, Lose",
                cli.recovered()
            ),
            Report::Failed(trouble) => match trouble.kind {
                TroubleKind::Deleted => format!(
                    "{id} was deleted and can be recovered ({}), or use another name: {}",
                    cli.recovered(),
                    trouble.message
                ),
                TroubleKind::Refused => {
                    format!("{id}: {}; roles take up to ten minutes to be in force", trouble.message)
                }
                _ => format!("{id}: {}", trouble.message),
            },
        }
    }
}

/// Commands of Azure's own tool, for a person.
struct Cli<'a>(&'a KeyPlace);

impl Cli<'_> {
    fn vault(&self) -> &str {
        let host = self.0.vault.strip_prefix("https://").unwrap_or(&self.0.vault);
        host.split_once('.').map_or(host, |(name, _)| name)
    }

    fn made(&self) -> String {
        let (vault, name) = (self.vault(), &self.0.name);
        match self.0.home {
            Home::Key => format!(
                "a person makes it, EC-HSM (or EC) on curve P-256K, operations sign and verify, as: az keyvault key create --vault-name {vault} --name {name} --kty EC-HSM --curve P-256K --ops sign verify --exportable false"
            ),
            Home::Secret => format!(
                "a person makes it, a secp256k1 key as 64 hex digits with its address as the tag {tag}, as: az keyvault secret set --vault-name {vault} --name {name} --file KEY --encoding utf-8 --tags {tag}=0x…",
                tag = super::ADDRESS_TAG
            ),
        }
    }

    fn enabled(&self, version: &str) -> String {
        let (vault, name) = (self.vault(), &self.0.name);
        let what = self.what();
        format!(
            "az keyvault {what} set-attributes --vault-name {vault} --name {name} --version {version} --enabled true"
        )
    }

    fn recovered(&self) -> String {
        format!("az keyvault {} recover --vault-name {} --name {}", self.what(), self.vault(), self.0.name)
    }

    const fn what(&self) -> &'static str {
        match self.0.home {
            Home::Key => "key",
            Home::Secret => "secret",
        }
    }
}

/// `KeyAccess`: the worst of the keys names the reason. `users`: who signs with them and by what right, for a person.
#[must_use]
pub fn condition(states: &[KeyState], users: &str) -> Option<Told> {
    let mut worst: Vec<&KeyState> = states.iter().collect();
    worst.sort_by_key(|state| state.rank());
    let first = *worst.first()?;
    let (same, rest): (Vec<&KeyState>, Vec<&KeyState>) =
        worst.into_iter().partition(|state| state.reason() == first.reason());
    let named: Vec<_> = same.iter().take(NAMED).map(|state| state.message()).collect();
    let more = match same.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let others = if rest.is_empty() || first.status() == ConditionStatus::True {
        String::new()
    } else {
        format!("; {} of {} keys have other news", rest.len(), states.len())
    };
    let message = if first.reason() == reasons::KEYS_PINNED {
        format!("{} of {} keys are in the vault as they are on record; {users}", same.len(), states.len())
    } else {
        format!("{}{more}{others}; {users}", named.join("; "))
    };
    Some((first.status(), first.reason(), message))
}

/// What an object waits for, of one key; nothing while a key that is on record is merely not reached: nodes sign on.
#[must_use]
pub fn wait(state: &KeyState) -> Option<Wait> {
    let stalled = match &state.report {
        Report::Gone | Report::Disabled(_) | Report::Foreign => true,
        Report::Failed(trouble) if state.pinned.is_none() => {
            matches!(trouble.kind, TroubleKind::Deleted | TroubleKind::Unfit)
        }
        Report::Unknown | Report::Awaited if state.pinned.is_none() => false,
        _ if state.pinned.is_some() => return None,
        // It is there, and is being put on record.
        _ => false,
    };
    let message = format!("{}: {}", state.holder, state.message());
    let reason = match &state.report {
        Report::Unknown | Report::Pinned | Report::Newer(_) => reasons::WAITING_FOR_IDENTITIES,
        _ => state.reason(),
    };
    Some(if stalled { Wait::stalled(reason, message) } else { Wait::passing(reason, message) })
}

#[cfg(test)]
mod tests {
    use super::{KeyState, condition, wait};
    use crate::{
        api::conditions::ConditionStatus,
        names::FleetName,
        vault::{Holder, Home, KeyPlace, Report, Trouble, TroubleKind},
    };
    use chain::status::{Signer, SignerHome, SignerState};

    const TRUE: ConditionStatus = ConditionStatus::True;
    const FALSE: ConditionStatus = ConditionStatus::False;

    fn state(index: u32, pinned: bool, report: Report) -> KeyState {
        KeyState {
            holder: Holder::Node(FleetName("bank-a".to_owned()).node(index)),
            place: KeyPlace {
                vault: "https://bank-a.vault.azure.net".to_owned(),
                home: Home::Key,
                name: format!("bank-a-bank-a-{index}"),
            },
            pinned: pinned.then(|| "0f".to_owned()),
            report,
        }
    }

    fn failed(kind: TroubleKind) -> Report {
        Report::Failed(Trouble { kind, message: "the vault's words".to_owned() })
    }

    #[test]
    fn every_state_of_a_key_has_a_reason_and_says_what_to_do_and_only_a_persons_part_stalls() {
        // Report, on record, condition, what is waited for and whether it stalls, a word of the message.
        let table = [
            (
                Report::Unknown,
                false,
                (ConditionStatus::Unknown, "VaultAsked"),
                Some(("WaitingForIdentities", false)),
                "looked at",
            ),
            (Report::Pinned, true, (TRUE, "KeysPinned"), None, "1 of 1 keys"),
            (
                Report::Pinned,
                false,
                (TRUE, "KeysPinned"),
                Some(("WaitingForIdentities", false)),
                "1 of 1 keys",
            ),
            (Report::Newer("1a".to_owned()), true, (TRUE, "NewerKeyVersion"), None, "version 1a"),
            (
                Report::Awaited,
                false,
                (FALSE, "WaitingForIdentities"),
                Some(("WaitingForIdentities", false)),
                "az keyvault key create --vault-name bank-a --name bank-a-bank-a-0 --kty EC-HSM --curve P-256K --ops sign verify",
            ),
            (
                Report::Foreign,
                false,
                (FALSE, "KeyForeign"),
                Some(("KeyForeign", true)),
                "set create to false",
            ),
            (
                Report::Disabled("0f".to_owned()),
                true,
                (FALSE, "KeyDisabled"),
                Some(("KeyDisabled", true)),
                "--enabled true",
            ),
            (
                Report::Gone,
                true,
                (FALSE, "KeyLost"),
                Some(("KeyLost", true)),
                "/keys/bank-a-bank-a-0/0f is gone",
            ),
            (
                failed(TroubleKind::Refused),
                false,
                (FALSE, "Propagating"),
                Some(("Propagating", false)),
                "ten minutes",
            ),
            (
                failed(TroubleKind::RefusedForLong),
                false,
                (FALSE, "KeyAccessRefused"),
                Some(("KeyAccessRefused", false)),
                "words",
            ),
            (failed(TroubleKind::RefusedForLong), true, (FALSE, "KeyAccessRefused"), None, "words"),
            (failed(TroubleKind::Throttled), true, (FALSE, "VaultThrottled"), None, "words"),
            (
                failed(TroubleKind::Unreachable),
                false,
                (FALSE, "VaultUnreachable"),
                Some(("VaultUnreachable", false)),
                "words",
            ),
            (
                failed(TroubleKind::NoIdentity),
                false,
                (FALSE, "AzureIdentityMissing"),
                Some(("AzureIdentityMissing", false)),
                "words",
            ),
            (
                failed(TroubleKind::Token),
                false,
                (FALSE, "AzureTokenRefused"),
                Some(("AzureTokenRefused", false)),
                "words",
            ),
            (
                failed(TroubleKind::Host),
                false,
                (FALSE, "AzureHostRefused"),
                Some(("AzureHostRefused", false)),
                "words",
            ),
            (
                failed(TroubleKind::Deleted),
                false,
                (FALSE, "KeyDeleted"),
                Some(("KeyDeleted", true)),
                "key recover",
            ),
            (failed(TroubleKind::Node), true, (FALSE, "NodeKeyAccess"), None, "words"),
            (failed(TroubleKind::NodeRefused), true, (FALSE, "NodeKeyRefused"), None, "words"),
            (failed(TroubleKind::Unfit), false, (FALSE, "KeyUnfit"), Some(("KeyUnfit", true)), "words"),
        ];
        for (report, pinned, want, waits, word) in table {
            let state = state(0, pinned, report);
            let (status, reason, message) =
                condition(std::slice::from_ref(&state), "nodes sign as x").expect("told");
            assert_eq!((status, reason), want, "{message}");
            assert!(message.contains(word) && message.ends_with("; nodes sign as x"), "{message}");
            assert_eq!(wait(&state).map(|wait| (wait.reason, wait.stalled)), waits, "{message}");
        }
    }

    #[test]
    fn what_a_node_says_of_its_key_counts_where_the_vault_has_nothing_worse_to_say() {
        let signer = |state| Signer {
            home: SignerHome::AzureKeyVaultKey,
            state,
            reason: Some("403 Forbidden".to_owned()),
            newer_version: None,
        };
        let told = |report: Report, state| {
            condition(&[KeyState { report: report.at_node(Some(&signer(state))), ..state_of() }], "")
                .map(|told| told.1)
        };
        assert_eq!(told(Report::Pinned, SignerState::Ready), Some("KeysPinned"));
        assert_eq!(told(Report::Pinned, SignerState::Waiting), Some("NodeKeyAccess"));
        assert_eq!(told(Report::Unknown, SignerState::Failing), Some("NodeKeyAccess"));
        assert_eq!(told(Report::Newer("1a".to_owned()), SignerState::Refused), Some("NodeKeyRefused"));
        assert_eq!(told(Report::Gone, SignerState::Failing), Some("KeyLost"));
        assert_eq!(Report::Pinned.at_node(None), Report::Pinned);
    }

    fn state_of() -> KeyState {
        state(0, true, Report::Pinned)
    }

    #[test]
    fn of_several_keys_the_worst_is_told_and_many_are_counted() {
        assert_eq!(condition(&[], "nobody"), None);
        let mut states = vec![state(9, true, Report::Pinned), state(8, true, Report::Newer("1a".to_owned()))];
        assert_eq!(condition(&states, "").map(|told| told.1), Some("NewerKeyVersion"));
        states.extend((0..5).map(|index| state(index, false, Report::Awaited)));
        let (_, reason, message) = condition(&states, "").expect("told");
        assert_eq!(reason, "WaitingForIdentities");
        assert!(message.contains("and 2 more") && message.contains("2 of 7 keys"), "{message}");
        states.push(state(7, true, Report::Gone));
        assert_eq!(condition(&states, "").map(|told| told.1), Some("KeyLost"));
    }
}
