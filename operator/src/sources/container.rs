//! Network infos of a blob container: read as anybody where it lets everybody, else as the operator's workload identity.

use crate::azure::{Access, Azure, AzureError, BlobContainer};
use alloy_primitives::B256;
use operator_core::{
    network_info::{Listed, MOST_BYTES, Outcome, Refused, Seen, folder, to_read},
    validate::Container,
};
use std::time::Duration;
use tokio::time::timeout;

/// For all of it: token, list and documents.
const DEADLINE: Duration = Duration::from_secs(40);

/// What the container holds of this network, or why that is not known.
pub(super) async fn read(azure: &Azure, at: &Container, pin: B256) -> Vec<Seen> {
    let unreachable = |why: String| vec![Seen { source: at.url.clone(), outcome: Outcome::Unreachable(why) }];
    match timeout(DEADLINE, documents(azure, at, pin)).await {
        Ok(Ok(seen)) if seen.is_empty() => {
            unreachable(format!("it holds no network info of this network, {}<publisher>.json", folder(pin)))
        }
        Ok(Ok(seen)) => seen,
        Ok(Err(error)) => unreachable(error.to_string()),
        Err(_) => unreachable(format!("no answer within {} s", DEADLINE.as_secs())),
    }
}

async fn documents(azure: &Azure, at: &Container, pin: B256) -> Result<Vec<Seen>, AzureError> {
    let (container, listed) = listed(azure, at, pin).await?;
    let mut seen: Vec<Seen> = Vec::new();
    for blob in to_read(listed, pin) {
        let Some(mut outcome) = document(&container, &blob, pin).await? else { continue };
        // One genesis is enough: all that are read have the same hash.
        if seen.iter().any(|seen| seen.outcome.document().is_some())
            && let Outcome::Read(info) = &mut outcome
        {
            info.genesis = String::new();
        }
        seen.push(Seen { source: container.address(&blob.name), outcome });
    }
    Ok(seen)
}

/// The token is kept back until anybody's rights are not enough.
async fn listed(
    azure: &Azure,
    at: &Container,
    pin: B256,
) -> Result<(BlobContainer, Vec<Listed>), AzureError> {
    let folder = folder(pin);
    let anybody = azure.container(at, Access::Anonymous)?;
    let refused = match anybody.list(&folder).await {
        Ok(listed) => return Ok((anybody, listed)),
        Err(error) if error.is_refusal() => error,
        Err(error) => return Err(error),
    };
    let container = match azure.container(at, Access::Identity) {
        Ok(container) => container,
        Err(error) => {
            return Err(AzureError::Closed { refused: refused.to_string(), why: error.to_string() });
        }
    };
    let listed = container.list(&folder).await?;
    Ok((container, listed))
}

/// `None` when it is gone since it was listed.
async fn document(
    container: &BlobContainer,
    blob: &Listed,
    pin: B256,
) -> Result<Option<Outcome>, AzureError> {
    if blob.bytes > MOST_BYTES as u64 {
        return Ok(Some(Outcome::Refused { pin: false, message: Refused::Size.to_string() }));
    }
    Ok(container.get(&blob.name).await?.map(|found| Outcome::of(&found.bytes, pin)))
}
