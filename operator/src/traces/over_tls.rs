//! A collector that is spoken to over TLS: by the same bounded requests that read network infos, on a thread of their own.

use crate::https::exchange;
use anyhow::Context as _;
use async_trait::async_trait;
use azure_access::trust;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use std::{fmt, sync::Arc};
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::rustls::ClientConfig;

/// PEM file with the authorities of the collector's certificate, most special first, as the OpenTelemetry specification names it.
pub(super) const AUTHORITIES: [&str; 2] =
    ["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"];

/// Sends spans; the thread that asks for it belongs to no runtime.
pub(super) struct OverTls {
    trusted: Arc<ClientConfig>,
    runtime: Runtime,
}

impl fmt::Debug for OverTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OverTls")
    }
}

impl OverTls {
    /// Trusts the authorities of the file, or Mozilla's list.
    pub(super) fn new(authorities: Option<(&str, String)>) -> anyhow::Result<Self> {
        let roots = match authorities {
            None => trust::public(),
            Some((name, path)) => {
                let pem = std::fs::read(&path).with_context(|| format!("{name} is {path}"))?;
                let wrong = |reason: String| anyhow::anyhow!("{name}: {path} {reason}");
                trust::bundle(&pem).map_err(wrong)?
            }
        };
        let runtime =
            Builder::new_multi_thread().worker_threads(1).thread_name("traces").enable_all().build()?;
        Ok(Self { trusted: trust::tls(roots)?, runtime })
    }
}

#[async_trait]
impl HttpClient for OverTls {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.runtime.spawn(exchange(request, Arc::clone(&self.trusted)));
        Ok(sent.await??)
    }
}

#[cfg(test)]
mod tests {
    use super::OverTls;

    #[test]
    fn a_file_without_certificates_is_refused_by_the_name_of_its_variable() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ca.crt").display().to_string();
        let refused = || {
            let named = Some(("OTEL_EXPORTER_OTLP_CERTIFICATE", path.clone()));
            format!("{:#}", OverTls::new(named).expect_err("no authorities"))
        };
        for text in [None, Some("none")] {
            if let Some(text) = text {
                std::fs::write(&path, text).expect("written");
            }
            let refused = refused();
            assert!(
                refused.contains("OTEL_EXPORTER_OTLP_CERTIFICATE") && refused.contains(&path),
                "{refused}"
            );
        }
    }
}
