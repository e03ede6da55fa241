//! The accounts' keys: what is missing of them, in Secrets and in vaults.

use super::ConsortiumPlan;
use crate::{
    api::conditions::reasons,
    observed::{ConsortiumObserved, SecretState, StoredKey},
    plan::Wait,
    validate::{AdminAccount, ValidConsortium},
    vault::{self, Holder, KeyPlace, KeyState, Task, Wanted},
};
use alloy_primitives::Address;

/// The admin account and the operator account's key, or what is missing for them. A key that a genesis already names is never made anew.
pub(super) fn accounts<'a>(
    valid: &ValidConsortium,
    observed: &'a ConsortiumObserved,
    plan: &mut ConsortiumPlan,
) -> Option<(Address, &'a StoredKey)> {
    let admin = match &valid.admin {
        AdminAccount::Held(key) => Some((key, &observed.admin)),
        AdminAccount::Address(_) => None,
    };
    for (key, state) in admin.into_iter().chain([(&valid.operator, &observed.operator)]) {
        let name = &key.secret;
        if let Some((place, create)) = &key.vault {
            in_vault(valid, observed, (name.as_str(), state), (place, *create), plan);
        }
        match state {
            SecretState::Malformed(error) => {
                plan.waits.push(Wait::stalled(reasons::SECRET_MALFORMED, error.to_string()));
            }
            SecretState::Absent if observed.genesis.is_some() => plan.waits.push(Wait::stalled(
                reasons::KEY_LOST,
                format!("Secret {name} is gone, but the genesis names its account; restore it from a backup"),
            )),
            SecretState::Absent if key.vault.is_none() => plan.accounts.push(name.clone()),
            SecretState::Absent | SecretState::Present(_) => {}
        }
    }
    plan.waits.extend(plan.keys.iter().filter_map(vault::wait));
    if !plan.accounts.is_empty() {
        plan.waits.push(Wait::passing(reasons::WAITING_FOR_IDENTITIES, "account keys are being made"));
    }
    Some((valid.admin.address(&observed.admin)?, observed.operator.key()?))
}

/// An account's key that is in a vault: what is wanted there, and how it stands. One that a genesis names and that has no record
/// any more is not looked for: what it was is not known.
fn in_vault(
    valid: &ValidConsortium,
    observed: &ConsortiumObserved,
    (name, state): (&str, &SecretState),
    (place, create): (&KeyPlace, bool),
    plan: &mut ConsortiumPlan,
) {
    let lost = matches!(state, SecretState::Absent) && observed.genesis.is_some();
    if lost || matches!(state, SecretState::Malformed(_)) {
        return;
    }
    let holder = Holder::Account(name.to_owned());
    let pinned = state.key().and_then(|stored| stored.vault.as_ref()).map(|id| id.version.clone());
    let report = observed.vault.get(name).cloned().unwrap_or_default();
    plan.keys.push(KeyState { holder: holder.clone(), place: place.clone(), pinned: pinned.clone(), report });
    let task = plan.vault.get_or_insert_with(|| Task {
        namespace: valid.namespace.clone(),
        network: valid.name.clone(),
        owner: valid.uid.clone(),
        keys: Vec::new(),
    });
    // An account's signatures count once, by its nonce: nothing has to be waited out.
    task.keys.push(Wanted { holder, place: place.clone(), create, begun: false, pinned });
}
