//! The programs: `kubectl` of the embedded cluster, and `e2e/gitops`, built on demand.

use operator_trials::world::World;
use serde_json::{Value, json};
use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

/// How a program ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn run(command: &mut Command, input: &str) -> Ended {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Ended { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// `kubectl ARGS -f -` with manifests on its standard input.
pub(crate) fn kubectl(world: &World, args: &[&str], manifests: &[Value]) -> Ended {
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": manifests }).to_string();
    let mut command = Command::new(root().join("e2e/cluster/kubectl"));
    command
        .env("KUBECONFIG", world.admin())
        .args(["--namespace", &world.namespace])
        .args(args)
        .args(["-f", "-"]);
    run(&mut command, &list)
}

/// The same, which must succeed.
pub(crate) fn kubectl_well(world: &World, args: &[&str], manifests: &[Value]) -> String {
    let ended = kubectl(world, args, manifests);
    assert_eq!(ended.code, 0, "kubectl {args:?}: {}{}", ended.out, ended.err);
    ended.out
}

/// `e2e/gitops ARGS` with a text on its standard input; must succeed.
pub(crate) fn gitops(args: &[&str], input: &str) -> String {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gitops");
        let mut build = Command::new("go");
        build.current_dir(root().join("e2e/gitops")).env("CGO_ENABLED", "0");
        let built = run(build.args(["build", "-trimpath", "-o"]).arg(&program).arg("."), "");
        assert_eq!(built.code, 0, "e2e/gitops does not compile: {}", built.err);
        program
    });
    let ended = run(Command::new(program).args(args), input);
    assert_eq!(ended.code, 0, "gitops {args:?}: {}", ended.err);
    ended.out
}

/// An example manifest for this world's namespace.
pub(crate) fn example(world: &World, file: &str) -> Value {
    let text = std::fs::read_to_string(root().join("examples").join(file)).expect("the example");
    let mut manifest: Value = serde_saphyr::from_str(&text).expect("YAML");
    manifest["metadata"]["namespace"] = json!(world.namespace);
    manifest
}

/// Both of them.
pub(crate) fn examples(world: &World) -> [Value; 2] {
    [example(world, "consortium.yaml"), example(world, "validator.yaml")]
}

/// Waits until the operator has written its finalizer, children and status: from then on it is no longer new.
pub(crate) async fn seen(world: &World) {
    world
        .until("both objects seen by the operator", || async {
            let (consortium, fleet) = (world.consortium().await, world.fleet().await);
            let finalizer = fleet.metadata.finalizers.is_some_and(|all| !all.is_empty());
            let observed =
                |status: Option<i64>, generation: Option<i64>| status.is_some() && status == generation;
            (finalizer
                && observed(consortium.status?.observed_generation, consortium.metadata.generation)
                && observed(fleet.status?.observed_generation, fleet.metadata.generation))
            .then_some(())
        })
        .await;
}
