//! The workload identity of a pod: a token of its service account is exchanged for tokens of Microsoft Entra.
//!
//! The SDK exchanges; when, is ours. A token is kept for as long as it is good, is renewed ahead of its end by whoever calls
//! [`Identity::refresh`] so that no request waits for it, and is given up when a service refuses it. The file with the service
//! account's token is read anew each time, as the kubelet replaces it.

use crate::{AzureError, transport::Https};
use async_trait::async_trait;
use azure_core::{
    cloud::{CloudConfiguration, CustomConfiguration},
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    error::{Error, ErrorKind},
    http::ClientOptions,
    time::OffsetDateTime,
};
use azure_identity::{
    ClientAssertionCredentialOptions, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// A token that ends sooner is not handed out.
const LEAST_LEFT: Duration = Duration::from_mins(1);
/// Services that one identity gets tokens for.
const MOST_SCOPES: usize = 8;

/// Who a pod is to Microsoft Entra.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadIdentity {
    /// Directory of the identity.
    pub tenant_id: String,
    /// The managed identity or application that trusts the service account.
    pub client_id: String,
    /// File with the service account's token for the audience `api://AzureADTokenExchange`.
    pub token_file: PathBuf,
    /// Entra's address in another cloud than the public one, https.
    pub authority_host: Option<String>,
}

#[derive(Clone, Debug)]
enum Source {
    /// `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_FEDERATED_TOKEN_FILE`, `AZURE_AUTHORITY_HOST`.
    Environment,
    Values(WorkloadIdentity),
}

/// Gives tokens. Cheap to clone; clones share what they have.
#[derive(Clone, Debug)]
pub struct Identity(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: Source,
    options: ClientOptions,
    tokens: Mutex<BTreeMap<String, AccessToken>>,
    /// One at a time asks Entra.
    asking: tokio::sync::Mutex<()>,
}

impl Identity {
    /// By values. Nothing is read or asked yet, so that what is away holds up nobody who only begins.
    #[must_use]
    pub fn workload(of: WorkloadIdentity, https: &Https) -> Self {
        Self::of(Source::Values(of), https)
    }

    /// By the environment that the webhook of Azure's workload identity gives to a pod; fails where it gave none.
    pub fn environment(https: &Https) -> Result<Self, AzureError> {
        let identity = Self::of(Source::Environment, https);
        identity.0.credential().map_err(|error| AzureError::NoIdentity(error.to_string()))?;
        Ok(identity)
    }

    fn of(source: Source, https: &Https) -> Self {
        let (options, tokens) = (https.options(), Mutex::default());
        Self(Arc::new(Inner { source, options, tokens, asking: tokio::sync::Mutex::default() }))
    }

    /// Renews every token that ends within this time. Those that cannot be renewed are kept until they end.
    pub async fn refresh(&self, ahead: Duration) -> Result<(), AzureError> {
        let now = OffsetDateTime::now_utc();
        let ending = |(scope, token): (&String, &AccessToken)| {
            (token.expires_on <= now + ahead).then(|| scope.clone())
        };
        let scopes: Vec<String> = self.0.tokens().iter().filter_map(ending).collect();
        for scope in scopes {
            let _turn = self.0.asking.lock().await;
            let token = self.0.asked(&[scope.as_str()]).await?;
            self.0.keep(scope, token);
        }
        Ok(())
    }

    /// Gives all tokens up: one was refused. For what they were is remembered, so that [`Identity::refresh`] asks for others.
    pub fn forget(&self) {
        for token in self.0.tokens().values_mut() {
            token.expires_on = OffsetDateTime::UNIX_EPOCH;
        }
    }
}

impl Inner {
    fn tokens(&self) -> MutexGuard<'_, BTreeMap<String, AccessToken>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, scope: &str) -> Option<AccessToken> {
        let least = OffsetDateTime::now_utc() + LEAST_LEFT;
        self.tokens().get(scope).filter(|token| token.expires_on > least).cloned()
    }

    fn keep(&self, scope: String, token: AccessToken) {
        let mut tokens = self.tokens();
        if tokens.len() >= MOST_SCOPES && !tokens.contains_key(&scope) {
            tokens.clear();
        }
        tokens.insert(scope, token);
    }

    fn credential(&self) -> azure_core::Result<Arc<WorkloadIdentityCredential>> {
        let mut client_options = self.options.clone();
        let mut options = WorkloadIdentityCredentialOptions::default();
        if let Source::Values(of) = &self.source {
            client_options.cloud = Some(Arc::new(cloud(of.authority_host.as_deref())));
            options.tenant_id = Some(of.tenant_id.clone());
            options.client_id = Some(of.client_id.clone());
            options.token_file_path = Some(of.token_file.clone());
        }
        options.credential_options = ClientAssertionCredentialOptions { client_options };
        WorkloadIdentityCredential::new(Some(options))
    }

    /// A credential of the SDK keeps the file's content for ten minutes and its own tokens for as long as it likes: each exchange
    /// has one of its own.
    async fn asked(self: &Arc<Self>, scopes: &[&str]) -> azure_core::Result<AccessToken> {
        let of = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || of.credential()).await;
        let credential = read.map_err(|error| Error::new(ErrorKind::Io, error))??;
        credential.get_token(scopes, None).await
    }
}

/// The environment is not asked for another cloud when values say who the pod is.
fn cloud(authority_host: Option<&str>) -> CloudConfiguration {
    let Some(host) = authority_host else { return CloudConfiguration::AzurePublic };
    let mut custom = CustomConfiguration::default();
    host.clone_into(&mut custom.authority_host);
    CloudConfiguration::Custom(custom)
}

#[async_trait]
impl TokenCredential for Identity {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let scope = scopes.join(" ");
        if let Some(token) = self.0.known(&scope) {
            return Ok(token);
        }
        let _turn = self.0.asking.lock().await;
        if let Some(token) = self.0.known(&scope) {
            return Ok(token);
        }
        let token = self.0.asked(scopes).await?;
        self.0.keep(scope, token.clone());
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use super::{Identity, MOST_SCOPES, WorkloadIdentity};
    use crate::{AzureError, Https, Limits, trust};
    use azure_core::{
        credentials::{AccessToken, TokenCredential},
        time::{Duration, OffsetDateTime},
    };

    fn identity() -> Identity {
        let https = Https::new(trust::public(), Limits::default()).expect("TLS");
        let of = WorkloadIdentity {
            tenant_id: "00000000-0000-0000-0000-000000000001".to_owned(),
            client_id: "client".to_owned(),
            token_file: "/nowhere/token".into(),
            authority_host: Some("https://127.0.0.1:1/".to_owned()),
        };
        Identity::workload(of, &https)
    }

    fn token(left: Duration) -> AccessToken {
        AccessToken::new("very secret".to_owned(), OffsetDateTime::now_utc() + left)
    }

    #[tokio::test]
    async fn a_token_is_handed_out_while_it_is_good_and_not_when_it_is_about_to_end_or_was_given_up() {
        let identity = identity();
        identity.0.keep("vault".to_owned(), token(Duration::minutes(5)));
        identity.0.keep("blobs".to_owned(), token(Duration::seconds(30)));
        assert!(identity.get_token(&["vault"], None).await.is_ok());
        let error = identity.get_token(&["blobs"], None).await.expect_err("there is no file");
        assert!(error.to_string().contains("/nowhere/token"), "{error}");
        identity.forget();
        assert!(identity.get_token(&["vault"], None).await.is_err());
        assert!(identity.refresh(std::time::Duration::ZERO).await.is_err(), "another one is asked for");
    }

    #[tokio::test]
    async fn a_token_that_cannot_be_renewed_is_kept() {
        let identity = identity();
        identity.0.keep("vault".to_owned(), token(Duration::minutes(5)));
        let refused = identity.refresh(std::time::Duration::from_mins(10)).await.expect_err("no file");
        assert!(matches!(refused, AzureError::Token(_)), "{refused}");
        assert!(identity.get_token(&["vault"], None).await.is_ok());
        identity.refresh(std::time::Duration::from_mins(1)).await.expect("nothing ends so soon");
    }

    #[test]
    fn tokens_are_few_and_never_shown() {
        let identity = identity();
        for scope in 0..=MOST_SCOPES {
            identity.0.keep(scope.to_string(), token(Duration::minutes(5)));
            assert!(identity.0.tokens().len() <= MOST_SCOPES);
        }
        assert!(!format!("{identity:?}").contains("very secret"));
    }
}
