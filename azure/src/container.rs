//! One blob container.

use crate::{AzureError, Https, Identity};
use azure_core::{
    credentials::TokenCredential,
    http::{Etag, RequestContent, Url},
    time::OffsetDateTime,
};
use azure_storage_blob::{
    BlobContainerClient, BlobContainerClientOptions,
    models::{
        BlobClientDownloadOptions, BlobClientUploadOptions, BlobContainerClientListBlobsOptions,
        StorageErrorCode,
    },
};
use bytes::Bytes;
use futures::StreamExt;
use std::{num::NonZero, sync::Arc};

/// A container, with somebody's rights.
pub struct BlobContainer(BlobContainerClient);

/// A blob that is there.
pub struct Blob {
    /// Its content, as much of it as was asked for.
    pub bytes: Bytes,
    /// This version of it.
    pub version: Option<Etag>,
}

/// A blob in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedBlob {
    /// Its whole name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// When it was written last, in seconds since 1970.
    pub written: i64,
}

impl BlobContainer {
    /// The container at this address, with the identity's rights or anybody's. Whether its host may see tokens is the caller's to
    /// know: [`crate::hosts::may_have_tokens`].
    pub fn new(url: Url, identity: Option<&Identity>, https: &Https) -> Result<Self, AzureError> {
        let credential = identity.map(|identity| Arc::new(identity.clone()) as Arc<dyn TokenCredential>);
        let options = BlobContainerClientOptions {
            client_options: https.options(),
            ..BlobContainerClientOptions::default()
        };
        Ok(Self(BlobContainerClient::new(url, credential, Some(options))?))
    }

    /// Address of a blob.
    #[must_use]
    pub fn address(&self, name: &str) -> String {
        format!("{}/{name}", self.0.url().as_str().trim_end_matches('/'))
    }

    /// The SDK's client, for what is not here.
    #[must_use]
    pub const fn client(&self) -> &BlobContainerClient {
        &self.0
    }

    /// The first page of names that begin so, this many at most.
    pub async fn list(&self, prefix: &str, most: i32) -> Result<Vec<ListedBlob>, AzureError> {
        let options = BlobContainerClientListBlobsOptions {
            prefix: Some(prefix.to_owned()),
            maxresults: Some(most),
            ..BlobContainerClientListBlobsOptions::default()
        };
        let Some(page) = self.0.list_blobs(Some(options))?.into_pages().next().await else {
            return Ok(Vec::new());
        };
        let listed = page?.into_model()?.blob_items.into_iter().filter_map(|item| {
            let properties = item.properties.unwrap_or_default();
            Some(ListedBlob {
                name: item.name?,
                bytes: properties.content_length.unwrap_or_default(),
                written: properties.last_modified.map_or(0, OffsetDateTime::unix_timestamp),
            })
        });
        Ok(listed.collect())
    }

    /// A blob, if there is one of that name; one that is longer is cut off.
    pub async fn get(&self, name: &str, most_bytes: usize) -> Result<Option<Blob>, AzureError> {
        // One request, whatever the length.
        let options = BlobClientDownloadOptions {
            range: Some((0..most_bytes).into()),
            partition_size: NonZero::new(most_bytes),
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

    /// Puts bytes in the place of this version, or where there is none, and tells the new version: compare-and-swap. It fails
    /// with [`AzureError::Overtaken`] where something else stands, and then has written nothing.
    pub async fn swap(
        &self,
        name: &str,
        bytes: Vec<u8>,
        replaces: Option<Etag>,
    ) -> Result<Option<Etag>, AzureError> {
        let options = BlobClientUploadOptions {
            if_none_match: replaces.is_none().then(|| Etag::from("*")),
            if_match: replaces,
            ..BlobClientUploadOptions::default()
        };
        let content = RequestContent::from(bytes);
        Ok(self.0.blob_client(name).upload(content, Some(options)).await?.etag)
    }

    /// Writes JSON in the place of this version, or where there is none.
    pub async fn put(&self, name: &str, text: &str, replaces: Option<Etag>) -> Result<(), AzureError> {
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
