//! `make bench-operator`: the operator with thousands of objects on a real API server. Prints its progress, keeps the figures
//! under `target/bench/`, ends with one line of them.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client, Config, ResourceExt,
    api::{Patch, PatchParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use operator_trials::scale::{Failure, kubelet::Kubelet, nodes::Nodes, operator::Program, phases::Run};
use std::{path::PathBuf, time::Duration};

fn wanted<T: std::str::FromStr>(name: &str, otherwise: T) -> T {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let kubeconfig: PathBuf = std::env::var_os("QUORATE_API_KUBECONFIG")
        .ok_or("set QUORATE_API_KUBECONFIG; build/bench-operator does")?
        .into();
    let path = std::env::args_os().nth(1).ok_or("usage: bench_operator OPERATOR-BINARY")?.into();
    let mut config =
        Config::from_custom_kubeconfig(Kubeconfig::read_from(&kubeconfig)?, &KubeConfigOptions::default())
            .await?;
    config.default_retry = false;
    let client = Client::try_from(config)?;
    crds(&client).await?;
    let nodes = Nodes::serve().await?;
    let kubelet = Kubelet::new(client.clone(), nodes);
    let pods = tokio::spawn(kubelet.clone().run());
    let bench = PathBuf::from("target/bench");
    std::fs::create_dir_all(&bench)?;
    let run = Run {
        client,
        kubelet,
        program: Program {
            path,
            kubeconfig,
            log: bench.join("operator.log"),
            http: reqwest::Client::builder().timeout(Duration::from_secs(20)).no_proxy().build()?,
        },
        objects: wanted("OBJECTS", 10_000),
        idle_minutes: wanted("IDLE_MINUTES", 10),
    };
    let figures = tokio::select! {
        figures = run.all() => figures?,
        ended = pods => {
            ended??;
            return Err("the watch of StatefulSets ended".into());
        }
    };
    let kept = bench.join(format!("operator-{}.json", run.objects));
    std::fs::write(&kept, serde_json::to_string_pretty(&figures)?)?;
    println!("kept in {}", kept.display());
    println!("{}", figures.line());
    Ok(())
}

async fn crds(client: &Client) -> Result<(), Failure> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for crd in operator_core::crds::all() {
        api.patch(&crd.name_any(), &PatchParams::apply("bench").force(), &Patch::Apply(&crd)).await?;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    Ok(())
}
