//! One key: looked at, made where it is missing, put on record once.

use super::about;
use crate::{
    apply::create_once,
    azure::{AzureError, Closed, OpenVault, trouble},
    calls::call,
    context::Context,
    error::Error,
    events::{self, EventType},
    keygen,
};
use alloy_primitives::{Address, B256};
use azure_access::vault::VaultError;
use k8s_openapi::api::core::v1::Secret;
use operator_core::{
    build,
    cache::ObjectKey,
    keys::announced_id,
    vault::{Home, KeyId, Next, Report, Task, Trouble, TroubleKind, Version, Wanted, next},
};

/// Why a key is not settled.
#[derive(Debug, thiserror::Error)]
enum Unsettled {
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The vault is not even asked.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// The API server.
    #[error(transparent)]
    Kubernetes(#[from] Error),
    /// A secret without what says whose it is.
    #[error(
        "version {0} has no tag {tag}: nobody but the nodes reads its value, so whoever makes it says whose it is (az keyvault secret set-attributes --tags {tag}=0x…)",
        tag = operator_core::vault::ADDRESS_TAG
    )]
    Untagged(String),
}

/// Looks at a key and does what is to be done; how it stands then.
pub(super) async fn settled(context: &Context, of: &ObjectKey, task: &Task, wanted: &Wanted) -> Report {
    let outcome = Box::pin(settle(context, of, task, wanted)).await;
    outcome.unwrap_or_else(|error| {
        tracing::warn!(key = %wanted.place, %error, "key in a vault");
        failed(context, wanted, &error)
    })
}

fn failed(context: &Context, wanted: &Wanted, error: &Unsettled) -> Report {
    let told = |kind| Report::Failed(Trouble { kind, message: error.to_string() });
    match error {
        Unsettled::Vault(VaultError::Disabled(_)) => {
            Report::Disabled(wanted.pinned.clone().unwrap_or_default())
        }
        Unsettled::Vault(error) | Unsettled::Closed(Closed::Vault(error)) => {
            context.vaults.rest(&wanted.place.vault, error);
            Report::Failed(trouble(error))
        }
        Unsettled::Closed(Closed::Identity(AzureError::NoIdentity(_))) => told(TroubleKind::NoIdentity),
        Unsettled::Untagged(_) => told(TroubleKind::Unfit),
        Unsettled::Closed(_) | Unsettled::Kubernetes(_) => told(TroubleKind::Unreachable),
    }
}

async fn settle(
    context: &Context,
    of: &ObjectKey,
    task: &Task,
    wanted: &Wanted,
) -> Result<Report, Unsettled> {
    let vault = context.azure.vault(&wanted.place.vault)?;
    let tags = task.tags(&wanted.holder);
    let mut found = vault.versions(&wanted.place).await?;
    let mut step = next(wanted, &tags, &found);
    if step == Next::Create {
        if !may_make(context, task, wanted).await? {
            return Ok(Report::Unknown);
        }
        // What was just made is not looked for: the vault may list it a moment later, and would be asked for another.
        found = vec![vault.make(&wanted.place, tags.clone(), keygen::key).await?];
        context.decided("vault-key");
        // It has signed nothing.
        step = next(&Wanted { begun: false, ..wanted.clone() }, &tags, &found);
    }
    match step {
        Next::Told(report) => Ok(report),
        Next::Record { version, journal } => {
            let address = address(&vault, wanted, &version, &found).await?;
            let id = KeyId { place: wanted.place.clone(), version };
            record(context, of, task, wanted, (address, &id), journal).await?;
            Ok(Report::Pinned)
        }
        // It was made, and is not what was asked for.
        Next::Create => Ok(Report::Unknown),
    }
}

/// A key is made only by who leads, and only where the API server itself knows no record: a cache may have begun with the past.
async fn may_make(context: &Context, task: &Task, wanted: &Wanted) -> Result<bool, Error> {
    let api = context.api::<Secret>(&task.namespace);
    let found = call("read Secret", api.get_metadata_opt(&wanted.holder.record())).await?;
    if !context.leadership.leads() {
        return Err(Error::NotLeading);
    }
    Ok(found.is_none())
}

/// A key shows its public part; of a secret its tag says whose it is, so that its value is nobody's to read but the nodes'.
async fn address(
    vault: &OpenVault,
    wanted: &Wanted,
    version: &str,
    found: &[Version],
) -> Result<Address, Unsettled> {
    match wanted.place.home {
        Home::Key => Ok(vault.address(&wanted.place.name, version).await?),
        Home::Secret => found
            .iter()
            .find(|one| one.id == version)
            .and_then(Version::address)
            .ok_or_else(|| Unsettled::Untagged(version.to_owned())),
    }
}

/// Creates the Secret that stands for the key, unless there is one: then that counts.
async fn record(
    context: &Context,
    of: &ObjectKey,
    task: &Task,
    wanted: &Wanted,
    (address, id): (Address, &KeyId),
    journal: Option<B256>,
) -> Result<(), Error> {
    let place = (task.namespace.as_str(), &task.network);
    let kept =
        create_once(context, build::vault_record(place, &wanted.holder, (address, id), journal)).await?;
    // Somebody else's counts, and was told by them.
    if announced_id(&kept.metadata).as_ref() != Some(id) {
        return Ok(());
    }
    let note = format!("{}: {address} is {id} from now on", wanted.holder);
    events::publish(context, &about(of, task), EventType::Normal, "KeyRecorded", &note).await;
    context.decided("key-record");
    tracing::info!(namespace = task.namespace, holder = %wanted.holder, %address, %id, "key on record");
    Ok(())
}
