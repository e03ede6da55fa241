use crate::world;
use operator_trials::proxy;
use reqwest::StatusCode;
use std::time::Duration;
use tokio::net::TcpStream;

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn an_operator_is_ready_only_once_it_has_listed_what_it_is_for() {
    let mut world = world("readiness").await;
    // Port 1 answers nobody: the operator lives and lists nothing.
    let nowhere = proxy::kubeconfig(&world, "http://127.0.0.1:1");
    world.start_through(&nowhere);
    world.until("livez", || async { (world.probe("livez").await? == StatusCode::OK).then_some(()) }).await;
    assert_eq!(world.probe("readyz").await, Some(StatusCode::SERVICE_UNAVAILABLE));
    world.kill();
    world.start();
    world.until("readyz", || async { (world.probe("readyz").await? == StatusCode::OK).then_some(()) }).await;
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn silent_connections_are_closed_and_do_not_keep_the_probes_out() {
    let mut world = world("silent").await;
    world.start();
    world.until("livez", || async { (world.probe("livez").await? == StatusCode::OK).then_some(()) }).await;
    let silent: Vec<TcpStream> = futures::future::try_join_all((0..40).map(|_| world.connect()))
        .await
        .expect("the kernel takes what the operator does not yet");
    // A client of its own: no connection from before.
    world.http = reqwest::Client::builder().timeout(Duration::from_mins(1)).build().expect("a client");
    world
        .until("livez past them", || async { (world.probe("livez").await? == StatusCode::OK).then_some(()) })
        .await;
    drop(silent);
}
