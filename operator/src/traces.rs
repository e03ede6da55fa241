//! OpenTelemetry traces of the passes, when a collector is named; nothing of it runs otherwise. A pass is a trace of its own:
//! its steps and its requests to the API server are spans in it, its decisions are events.

mod over_tls;

use anyhow::Context as _;
use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use operator_core::cache::ObjectKey;
use std::time::Duration;
use tracing::{Level, Span, level_filters::LevelFilter};
use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};

/// Target of everything that only traces are made of; below it, so that log lines are what they are without.
const TARGET: &str = "quorate_operator::traces";
/// What the log says during a pass is told in its trace too.
const LOGGED: &str = "quorate_operator";
/// Where the collector is, most special first, as the OpenTelemetry specification names it.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
const TLS: &str = "https://";
/// For the last spans of a process that ends. A collector that is dead gets none.
const FLUSH: Duration = Duration::from_secs(2);

/// Sends finished spans from a thread of its own: what does not fit into its bounded queue is dropped, never waited for.
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// Starts if the environment names a collector. Queue, sampler, headers and attributes are OpenTelemetry's own variables.
    pub(crate) fn start(instance: &str) -> anyhow::Result<Option<Self>> {
        let Some((name, endpoint)) = endpoint(|name| std::env::var(name).ok())? else { return Ok(None) };
        let builder = SpanExporter::builder().with_http();
        let builder = if endpoint.starts_with(TLS) {
            let authorities = first_of(&over_tls::AUTHORITIES, |name| std::env::var(name).ok());
            builder.with_http_client(over_tls::OverTls::new(authorities)?)
        } else {
            builder
        };
        let exporter = builder.build().with_context(|| format!("{name} is {endpoint}"))?;
        Ok(Some(Self(
            SdkTracerProvider::builder()
                .with_batch_exporter(exporter)
                .with_resource(resource(instance))
                .build(),
        )))
    }

    /// What turns spans of `tracing` into those of OpenTelemetry.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer(LOGGED))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false)
            .with_filter(
                Targets::new().with_target(LOGGED, Level::INFO).with_target(TARGET, LevelFilter::TRACE),
            )
    }

    /// Sends what is left.
    pub(crate) fn end(self) {
        if let Err(error) = self.0.shutdown_with_timeout(FLUSH) {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

/// The variable that names the collector, and what it says.
fn endpoint(variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<Option<(&'static str, String)>> {
    if variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(None);
    }
    let Some((name, endpoint)) = first_of(&ENDPOINTS, variable) else { return Ok(None) };
    anyhow::ensure!(
        endpoint.starts_with("http://") || endpoint.starts_with(TLS),
        "{name} is {endpoint}, which begins with neither http:// nor https://: name a collector that takes OTLP over HTTP"
    );
    Ok(Some((name, endpoint)))
}

/// The first of these variables that says something.
fn first_of(
    names: &[&'static str],
    variable: impl Fn(&str) -> Option<String>,
) -> Option<(&'static str, String)> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    names.iter().find_map(|name| Some((*name, set(name)?)))
}

fn resource(instance: &str) -> Resource {
    let mut resource = Resource::builder().with_attributes([
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", instance.to_owned()),
    ]);
    if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name("quorate-operator");
    }
    resource.build()
}

/// A pass over an object.
pub(crate) fn pass(kind: &'static str, key: &ObjectKey) -> Span {
    tracing::trace_span!(
        target: TARGET, parent: None, "pass",
        otel.name = %format_args!("reconcile {kind}"),
        otel.status_code = tracing::field::Empty,
        otel.status_description = tracing::field::Empty,
        kind, namespace = &*key.namespace, name = &*key.name, outcome = tracing::field::Empty,
    )
}

/// How the pass ended.
pub(crate) fn ended(pass: &Span, outcome: &'static str, error: Option<&crate::error::Error>) {
    pass.record("outcome", outcome);
    if let Some(error) = error {
        pass.record("otel.status_code", "ERROR");
        pass.record("otel.status_description", tracing::field::display(error));
    }
}

/// A step of the pass under way.
pub(crate) fn step(step: &'static str) -> Span {
    tracing::trace_span!(target: TARGET, "step", otel.name = step)
}

/// A request to the API server. Those of watches and of the lease belong to no pass and are left out.
pub(crate) fn request(verb: &'static str, resource: &str) -> Span {
    if Span::current().is_none() {
        return Span::none();
    }
    tracing::trace_span!(
        target: TARGET, "request",
        otel.name = %format_args!("{verb} {resource}"), otel.kind = "client",
        verb, resource, code = tracing::field::Empty,
    )
}

/// A decision that was carried out.
pub(crate) fn decided(decision: &'static str) {
    tracing::trace!(target: TARGET, decision, "decided");
}

/// Something that is not as wanted, and why nothing more is done about it now.
pub(crate) fn waits(reason: &'static str, message: &str) {
    tracing::trace!(target: TARGET, reason, why = message, "waits");
}

#[cfg(test)]
mod tests {
    use super::endpoint;

    #[test]
    fn a_collector_is_named_by_the_standard_variables_or_there_are_no_traces() {
        let read = |set: &[(&str, &str)]| {
            let found = endpoint(|name| {
                set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            });
            found.map(|found| found.map(|(_, endpoint)| endpoint)).map_err(|error| error.to_string())
        };
        let (every, traces) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[(every, "")]), Ok(None));
        assert_eq!(read(&[(every, "http://a:4318")]), Ok(Some("http://a:4318".to_owned())));
        assert_eq!(
            read(&[(every, "http://a:4318"), (traces, "http://b:4318/v1/traces")]),
            Ok(Some("http://b:4318/v1/traces".to_owned()))
        );
        assert_eq!(read(&[(every, "http://a:4318"), ("OTEL_SDK_DISABLED", "TRUE")]), Ok(None));
        assert_eq!(read(&[(every, "https://a:4318")]), Ok(Some("https://a:4318".to_owned())));
        let refused = read(&[(every, "grpc://a:4317")]).expect_err("not over HTTP");
        assert!(refused.contains(every) && refused.contains("grpc://a:4317"), "{refused}");
    }
}
