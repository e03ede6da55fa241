//! A `coordination.k8s.io/v1` Lease: the record is an annotation, swapped by `resourceVersion`; the Lease's own fields are for
//! people. By the API's plain HTTPS: two requests need no client of Kubernetes.

use super::store::{Found, Store, StoreError, Swapped, short};
use azure_access::Https;
use bytes::Bytes;
use data_encoding::BASE64;
use fence::{Record, Version};
use futures::future::{BoxFuture, FutureExt as _};
use http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};
use std::{
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

/// Name of the annotation with the record, base64.
const ANNOTATION: &str = "quorate.dev/fence-record";
/// An object's annotations have 256 KiB together, base64 takes a third more, and others need room too.
const LIMIT: usize = 176 * 1024;
const RIGHT: &str = "the node's service account needs get and patch on this lease of coordination.k8s.io, which the operator makes; where nobody does, create too";

/// Which object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseObject {
    /// `https://host:port` of the API server.
    pub server: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// File with the service account's token, read anew for each request: the kubelet replaces it.
    pub token_file: PathBuf,
    /// What its `leaseDurationSeconds` says.
    pub lease_ms: u64,
}

/// The store.
pub struct KubernetesLease {
    https: Https,
    object: LeaseObject,
}

impl KubernetesLease {
    /// Asks nobody yet.
    #[must_use]
    pub const fn new(https: Https, object: LeaseObject) -> Self {
        Self { https, object }
    }

    fn store(&self) -> String {
        format!("Lease {}/{}", self.object.namespace, self.object.name)
    }

    fn away(&self, why: &dyn std::fmt::Display) -> StoreError {
        StoreError::away(self.store(), why)
    }

    /// Sends a request; an answer with its body, or why there is none that says anything.
    async fn ask(
        &self,
        method: Method,
        named: bool,
        body: Option<Value>,
    ) -> Result<(StatusCode, Value), StoreError> {
        let LeaseObject { server, namespace, name, token_file, .. } = &self.object;
        let token = tokio::fs::read_to_string(token_file)
            .await
            .map_err(|error| self.away(&format_args!("token file {}: {error}", token_file.display())))?;
        let leases = format!("{server}/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases");
        let uri = if named { format!("{leases}/{name}") } else { leases };
        let kind = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let mut bearer = header::HeaderValue::try_from(format!("Bearer {}", token.trim()))
            .map_err(|_| self.away(&"the token file holds no token"))?;
        bearer.set_sensitive(true);
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header(header::AUTHORIZATION, bearer)
            .header(header::CONTENT_TYPE, kind)
            .header(header::ACCEPT, "application/json")
            .body(body.map_or_else(Bytes::new, |body| body.to_string().into()))
            .map_err(|error| self.away(&error))?;
        let answer = self.https.ask(request).await.map_err(|error| self.away(&error))?;
        let body = serde_json::from_slice(answer.body()).unwrap_or(Value::Null);
        Ok((answer.status(), body))
    }

    /// What an answer that is no success means.
    fn refused(&self, status: StatusCode, body: &Value) -> StoreError {
        let why = short(body["message"].as_str().unwrap_or_default());
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                StoreError::Refused { store: self.store(), status: status.as_u16(), why, right: RIGHT }
            }
            _ => self.away(&format_args!("answers {} {why}", status.as_u16())),
        }
    }

    /// The object: its version, and the record if it holds one.
    async fn look(&self) -> Result<Option<(Version, Option<Vec<u8>>)>, StoreError> {
        let (status, body) = self.ask(Method::GET, true, None).await?;
        match status {
            StatusCode::OK => {
                let text = body["metadata"]["annotations"][ANNOTATION].as_str();
                // What is no base64 is no record either, and is told as one that cannot be read.
                let bytes = text.map(|text| BASE64.decode(text.as_bytes()).unwrap_or_default());
                Ok(Some((self.version(&body)?, bytes)))
            }
            StatusCode::NOT_FOUND if body["reason"] == "NotFound" => Ok(None),
            _ => Err(self.refused(status, &body)),
        }
    }

    fn version(&self, body: &Value) -> Result<Version, StoreError> {
        let version = body["metadata"]["resourceVersion"].as_str();
        version
            .map(|version| Version(version.into()))
            .ok_or_else(|| self.away(&"an answer without a version"))
    }

    /// The object is there already, made by the operator, or is made here.
    async fn create(&self, record: &Record) -> Result<Swapped, StoreError> {
        match self.look().await? {
            Some((_, Some(_))) => Ok(Swapped::Lost),
            Some((version, None)) => self.replace(&version, record).await,
            None => {
                let answer = self.ask(Method::POST, false, Some(self.body(None, record))).await?;
                self.swapped(answer)
            }
        }
    }

    async fn replace(&self, expected: &Version, record: &Record) -> Result<Swapped, StoreError> {
        let body = self.body(Some(expected), record);
        let answer = self.ask(Method::PATCH, true, Some(body)).await?;
        self.swapped(answer)
    }

    fn swapped(&self, (status, body): (StatusCode, Value)) -> Result<Swapped, StoreError> {
        match status {
            StatusCode::OK | StatusCode::CREATED => Ok(Swapped::Won(self.version(&body)?)),
            StatusCode::CONFLICT | StatusCode::NOT_FOUND => Ok(Swapped::Lost),
            _ => Err(self.refused(status, &body)),
        }
    }

    /// A merge patch that applies to one version only, or a whole object.
    fn body(&self, expected: Option<&Version>, record: &Record) -> Value {
        let LeaseObject { namespace, name, lease_ms, .. } = &self.object;
        let mut body = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "annotations": { ANNOTATION: BASE64.encode(&record.encode()) },
            },
            "spec": {
                "holderIdentity": if record.released.is_some() { "" } else { record.holder.name.as_str() },
                "leaseDurationSeconds": lease_ms.div_ceil(1000).max(1),
                "leaseTransitions": i32::try_from(record.epoch).unwrap_or(i32::MAX),
                "renewTime": micro_time(SystemTime::now()),
            },
        });
        if let Some(Version(version)) = expected {
            body["metadata"]["resourceVersion"] = json!(&**version);
        }
        body
    }
}

impl Store for KubernetesLease {
    fn limit(&self) -> usize {
        LIMIT
    }

    fn read(&self) -> BoxFuture<'_, Result<Option<Found>, StoreError>> {
        async {
            let found = self.look().await?;
            Ok(found.and_then(|(version, bytes)| Some(Found { version, bytes: bytes? })))
        }
        .boxed()
    }

    fn swap<'a>(
        &'a self,
        expected: Option<&'a Version>,
        record: &'a Record,
    ) -> BoxFuture<'a, Result<Swapped, StoreError>> {
        match expected {
            Some(expected) => self.replace(expected, record).boxed(),
            None => self.create(record).boxed(),
        }
    }
}

/// `2026-11-22T15:40:00.000000Z`: what the API calls `MicroTime`.
fn micro_time(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:06}Z", since.subsec_micros())
}

/// Days since 1970 as a date (H. Hinnant, "chrono-compatible low-level date algorithms").
const fn civil(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let (era, doe) = (z / 146_097, z % 146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_are_written_as_the_api_reads_them() {
        let at = |seconds: u64| micro_time(UNIX_EPOCH + Duration::from_micros(seconds * 1_000_000 + 7));
        assert_eq!(at(0), "1970-01-01T00:00:00.000007Z");
        assert_eq!(at(951_827_696), "2000-02-29T12:34:56.000007Z");
        assert_eq!(at(1_795_362_000), "2026-11-22T15:40:00.000007Z");
    }
}
