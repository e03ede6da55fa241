//! One blob container.

use super::AzureError;
use azure_core::{
    Bytes,
    credentials::TokenCredential,
    http::{ClientOptions, Etag, RequestContent, Url},
};
use azure_storage_blob::{
    BlobContainerClient, BlobContainerClientOptions,
    models::{
        BlobClientDownloadOptions, BlobClientUploadOptions, BlobContainerClientListBlobsOptions,
        StorageErrorCode,
    },
};
use futures::StreamExt;
use operator_core::network_info::{Listed, MOST_BYTES, MOST_LISTED};
use std::{num::NonZero, sync::Arc};

/// A container, with somebody's rights.
pub(crate) struct BlobContainer(BlobContainerClient);

/// A blob that is there.
pub(crate) struct Blob {
    /// Its content, up to the longest document.
    pub(crate) bytes: Bytes,
    /// This version of it.
    pub(crate) version: Option<Etag>,
}

impl BlobContainer {
    pub(super) fn new(
        url: Url,
        credential: Option<Arc<dyn TokenCredential>>,
        client_options: ClientOptions,
    ) -> Result<Self, AzureError> {
        let options = BlobContainerClientOptions { client_options, ..BlobContainerClientOptions::default() };
        Ok(Self(BlobContainerClient::new(url, credential, Some(options))?))
    }

    /// Address of a blob.
    pub(crate) fn address(&self, name: &str) -> String {
        format!("{}/{name}", self.0.url().as_str().trim_end_matches('/'))
    }

    /// The first page of names that begin so.
    pub(crate) async fn list(&self, prefix: &str) -> Result<Vec<Listed>, AzureError> {
        let options = BlobContainerClientListBlobsOptions {
            prefix: Some(prefix.to_owned()),
            maxresults: Some(MOST_LISTED),
            ..BlobContainerClientListBlobsOptions::default()
        };
        let Some(page) = self.0.list_blobs(Some(options))?.into_pages().next().await else {
            return Ok(Vec::new());
        };
        let listed = page?.into_model()?.blob_items.into_iter().filter_map(|item| {
            let properties = item.properties.unwrap_or_default();
            Some(Listed {
                name: item.name?,
                bytes: properties.content_length.unwrap_or_default(),
                written: properties.last_modified.map_or(0, azure_core::time::OffsetDateTime::unix_timestamp),
            })
        });
        Ok(listed.collect())
    }

    /// A blob, if there is one of that name. One that is longer than a document is cut off, and so is none.
    pub(crate) async fn get(&self, name: &str) -> Result<Option<Blob>, AzureError> {
        // One request, whatever the length.
        let options = BlobClientDownloadOptions {
            range: Some((0..MOST_BYTES).into()),
            partition_size: NonZero::new(MOST_BYTES),
            ..BlobClientDownloadOptions::default()
        };
        match self.0.blob_client(name).download(Some(options)).await {
            Ok(found) => {
                let version = found.properties.etag;
                Ok(Some(Blob { bytes: found.body.collect().await?, version }))
            }
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes a document in the place of this version, or where there is none.
    pub(crate) async fn put(&self, name: &str, text: &str, replaces: Option<Etag>) -> Result<(), AzureError> {
        let options = BlobClientUploadOptions {
            blob_content_type: Some("application/json".to_owned()),
            if_none_match: replaces.is_none().then(|| Etag::from("*")),
            if_match: replaces,
            ..BlobClientUploadOptions::default()
        };
        let content = RequestContent::from(text.as_bytes().to_vec());
        self.0.blob_client(name).upload(content, Some(options)).await?;
        Ok(())
    }
}

fn is_absent(error: &azure_core::Error) -> bool {
    matches!(
        error.kind(),
        azure_core::error::ErrorKind::HttpResponse { error_code: Some(code), .. }
            if code == StorageErrorCode::BlobNotFound.as_ref()
    )
}
