//! A block blob, swapped by its `ETag`.

use super::store::{Found, Store, StoreError, Swapped};
use azure_access::{AzureError, BlobContainer, Etag};
use fence::{Record, Version};
use futures::future::{BoxFuture, FutureExt as _};

/// So long a record is written in one request, which alone is a swap.
const LIMIT: usize = 3 * 1024 * 1024;
const RIGHT: &str = "the workload identity needs Storage Blob Data Contributor on the container, and the account's firewall has to let it in";

/// The store.
pub struct BlobRecord {
    container: BlobContainer,
    name: String,
}

impl BlobRecord {
    /// Asks nobody yet.
    #[must_use]
    pub const fn new(container: BlobContainer, name: String) -> Self {
        Self { container, name }
    }

    fn error(&self, error: AzureError) -> StoreError {
        let store = format!("blob {}", self.container.address(&self.name));
        match error {
            AzureError::Refused { status, code } => {
                StoreError::Refused { store, status, why: code, right: RIGHT }
            }
            error => StoreError::away(store, &error),
        }
    }

    fn version(&self, etag: Option<Etag>) -> Result<Version, StoreError> {
        let nameless = || AzureError::Unreachable("an answer without an ETag".to_owned());
        let etag = etag.ok_or_else(|| self.error(nameless()))?;
        Ok(Version(etag.to_string().into()))
    }
}

impl Store for BlobRecord {
    fn limit(&self) -> usize {
        LIMIT
    }

    fn read(&self) -> BoxFuture<'_, Result<Option<Found>, StoreError>> {
        async {
            let found = self.container.get(&self.name, LIMIT + 1).await.map_err(|error| self.error(error))?;
            let Some(blob) = found else { return Ok(None) };
            Ok(Some(Found { version: self.version(blob.version)?, bytes: blob.bytes.to_vec() }))
        }
        .boxed()
    }

    fn swap<'a>(
        &'a self,
        expected: Option<&'a Version>,
        record: &'a Record,
    ) -> BoxFuture<'a, Result<Swapped, StoreError>> {
        async move {
            let replaces = expected.map(|Version(version)| Etag::from(version.to_string()));
            match self.container.swap(&self.name, record.encode(), replaces).await {
                Ok(etag) => Ok(Swapped::Won(self.version(etag)?)),
                Err(AzureError::Overtaken) => Ok(Swapped::Lost),
                Err(error) => Err(self.error(error)),
            }
        }
        .boxed()
    }
}
