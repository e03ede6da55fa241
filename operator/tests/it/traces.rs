//! Traces as a collector gets them: OTLP over HTTP, decoded by OpenTelemetry's own types.

use crate::{seats::wait_for_sets, tls, world};
use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use k8s_openapi::api::core::v1::ResourceQuota;
use kube::api::{Patch, PatchParams, PostParams};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, status::StatusCode as SpanCode},
};
use operator_trials::world::World;
use prost::Message;
use serde_json::json;
use std::{
    path::Path,
    sync::{Arc, Mutex},
};
use tokio::net::TcpListener;

/// What was posted: attributes of the process, and its spans.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<(Vec<KeyValue>, Vec<Span>)>>);

impl Collector {
    /// Listens; its address as the operator's environment names it.
    async fn start() -> (Self, String) {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let routes = collector.routes();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (collector, format!("http://{address}"))
    }

    /// The same behind a certificate of a private authority.
    async fn start_with_tls(folder: &Path) -> (Self, String) {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(tls::serve(listener, tls::acceptor(folder), collector.routes()));
        (collector, format!("https://{address}"))
    }

    fn routes(&self) -> Router {
        Router::new().route("/v1/traces", post(take)).with_state(self.clone())
    }

    fn spans(&self) -> Vec<Span> {
        self.0.lock().expect("kept").1.clone()
    }
}

async fn take(State(collector): State<Collector>, body: Bytes) -> (StatusCode, Vec<u8>) {
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        return (StatusCode::BAD_REQUEST, Vec::new());
    };
    let mut kept = collector.0.lock().expect("kept");
    for resource in request.resource_spans {
        kept.0 = resource.resource.map(|resource| resource.attributes).unwrap_or_default();
        kept.1.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
    }
    (StatusCode::OK, ExportTraceServiceResponse::default().encode_to_vec())
}

fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let value = attributes.iter().find(|attribute| attribute.key == key)?.value.clone()?;
    Some(match value.value? {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}

/// Passes over one of the world's objects.
fn passes<'a>(spans: &'a [Span], world: &World, kind: &str, name: &str) -> Vec<&'a Span> {
    let wanted = format!("reconcile {kind}");
    let of = |span: &&Span, key, value: &str| attribute(&span.attributes, key).as_deref() == Some(value);
    let passes = spans.iter().filter(|span| span.name == wanted);
    passes.filter(|span| of(span, "namespace", &world.namespace) && of(span, "name", name)).collect()
}

fn below<'a>(spans: &'a [Span], parent: &Span) -> Vec<&'a Span> {
    let below = |span: &&Span| span.trace_id == parent.trace_id && span.parent_span_id == parent.span_id;
    spans.iter().filter(below).collect()
}

fn named<'a>(spans: &[&'a Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name == name).copied().collect()
}

fn says(span: &Span, event: &str, key: &str, value: &str) -> bool {
    let mut events = span.events.iter().filter(|told| told.name == event);
    events.any(|told| attribute(&told.attributes, key).as_deref() == Some(value))
}

/// A pass that made the StatefulSets, once the collector has it whole.
async fn the_pass_that_made_sets(world: &World, collector: &Collector) -> (Span, Vec<Span>) {
    world
        .until("a pass that applied four StatefulSets", || async {
            let spans = collector.spans();
            let made = passes(&spans, world, "Validator", "bank-a").into_iter().find(|pass| {
                let steps = below(&spans, pass);
                let applies = named(&steps, "apply").iter().flat_map(|step| below(&spans, step)).count();
                let sets = named(&steps, "apply")
                    .iter()
                    .flat_map(|step| named(&below(&spans, step), "apply statefulsets"))
                    .count();
                sets == 4 && applies > 4 && !named(&steps, "status").is_empty()
            });
            made.cloned().map(|made| (made, spans))
        })
        .await
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_pass_is_a_trace_of_its_steps_its_requests_and_its_decisions() {
    let mut world = world("traces").await;
    let (collector, endpoint) = Collector::start().await;
    world.start_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), ("OTEL_BSP_SCHEDULE_DELAY", "100")]);
    world.example("consortium.yaml").await;
    world.example("validator.yaml").await;
    let (pass, spans) = the_pass_that_made_sets(&world, &collector).await;

    assert!(pass.parent_span_id.is_empty(), "a pass is the root of its trace");
    assert_eq!(attribute(&pass.attributes, "kind").as_deref(), Some("Validator"));
    assert_eq!(attribute(&pass.attributes, "outcome").as_deref(), Some("ok"));
    let steps: Vec<_> = below(&spans, &pass).into_iter().map(|span| span.name.as_str()).collect();
    assert_eq!(steps, ["observe", "plan", "apply", "status"], "in the order in which they ended");

    let applied = named(&below(&spans, &pass), "apply")[0];
    let set = named(&below(&spans, applied), "apply statefulsets")[0];
    assert_eq!(attribute(&set.attributes, "verb").as_deref(), Some("apply"));
    assert_eq!(attribute(&set.attributes, "code").as_deref(), Some("201"));
    assert!(applied.start_time_unix_nano <= set.start_time_unix_nano, "a request begins in its step");
    assert!(set.end_time_unix_nano <= applied.end_time_unix_nano, "and ends in it");
    let written = named(&below(&spans, named(&below(&spans, &pass), "status")[0]), "patch validators/status");
    assert_eq!(written.len(), 1, "the status is written in its step");

    let every = |kind, name| passes(&spans, &world, kind, name);
    let decided =
        |pass: &&Span, what| below(&spans, pass).iter().any(|step| says(step, "decided", "decision", what));
    assert!(every("Validator", "bank-a").iter().any(|pass| decided(pass, "key")), "keys are made");
    // The pass that made it ends, and is told of, beside the fleet's.
    world
        .until("a pass that made the genesis", || async {
            let spans = collector.spans();
            let made = |pass: &&Span| {
                below(&spans, pass).iter().any(|step| says(step, "decided", "decision", "genesis"))
            };
            passes(&spans, &world, "Consortium", "trade-finance").iter().any(made).then_some(())
        })
        .await;
    let waits = |pass: &&Span| {
        below(&spans, pass).iter().any(|step| says(step, "waits", "reason", "WaitingForGenesis"))
    };
    assert!(every("Validator", "bank-a").iter().any(waits), "what a pass waits for is told");

    let outside = spans.iter().filter(|span| span.parent_span_id.is_empty());
    let mut outside = outside.filter(|span| !span.name.starts_with("reconcile "));
    assert_eq!(outside.next(), None, "watches and polls are no traces");
    let process = collector.0.lock().expect("kept").0.clone();
    assert_eq!(attribute(&process, "service.name").as_deref(), Some("quorate-operator"));
    assert!(attribute(&process, "service.instance.id").is_some());
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_pass_that_fails_is_an_error_in_its_trace() {
    let mut world = world("traces-fail").await;
    let (collector, endpoint) = Collector::start().await;
    // No controller counts here, so the quota's status says what is used up.
    let quota: ResourceQuota =
        serde_json::from_value(json!({ "metadata": { "name": "none" } })).expect("a quota");
    let quotas = world.api::<ResourceQuota>();
    quotas.create(&PostParams::default(), &quota).await.expect("made");
    let used_up = json!({ "status": { "hard": { "services": "0" }, "used": { "services": "0" } } });
    quotas.patch_status("none", &PatchParams::default(), &Patch::Merge(&used_up)).await.expect("used up");
    world.start_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), ("OTEL_BSP_SCHEDULE_DELAY", "100")]);
    world.example("consortium.yaml").await;
    world.example("validator.yaml").await;
    let failed = world.until("a failed pass", || async {
        let spans = collector.spans();
        let passes = passes(&spans, &world, "Validator", "bank-a");
        let failed =
            |pass: &&&Span| pass.status.as_ref().is_some_and(|status| status.code == SpanCode::Error as i32);
        passes.iter().find(failed).map(|pass| (**pass).clone())
    });
    let failed = failed.await;
    let why = failed.status.expect("a status").message;
    assert!(why.contains("apply object") && why.contains("exceeded quota"), "{why}");
    assert_ne!(attribute(&failed.attributes, "outcome").as_deref(), Some("ok"));
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_collector_that_takes_everything_and_answers_nothing_holds_nobody_up() {
    let mut world = world("traces-dead").await;
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("http://{}", silent.local_addr().expect("an address"));
    // A queue that is full after the first pass.
    let small = [("OTEL_BSP_MAX_QUEUE_SIZE", "4"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4")];
    world.start_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), small[0], small[1]]);
    let (held, ()) = tokio::join!(silent.accept(), async {
        world.example("consortium.yaml").await;
        world.example("validator.yaml").await;
    });
    let _held = held.expect("the operator has connected");
    wait_for_sets(&world, 4).await;
    world.two_more_passes().await;
    assert!(world.terminate().await, "it ends by itself");
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_collector_behind_a_certificate_of_a_named_authority_gets_spans() {
    let folder = tempfile::tempdir().expect("a folder");
    tls::certificates(folder.path());
    let mut world = world("traces-tls").await;
    let (collector, endpoint) = Collector::start_with_tls(folder.path()).await;
    let authority = folder.path().join("ca.crt").display().to_string();
    let quick = ("OTEL_BSP_SCHEDULE_DELAY", "100");
    let named = ("OTEL_EXPORTER_OTLP_CERTIFICATE", authority.as_str());
    world.start_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), named, quick]);
    world.example("consortium.yaml").await;
    world
        .until("a pass of the network", || async {
            passes(&collector.spans(), &world, "Consortium", "trade-finance").first().map(|_| ())
        })
        .await;
}
