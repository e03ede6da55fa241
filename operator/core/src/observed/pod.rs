//! A pod, and what keeps it from running.

use k8s_openapi::{
    api::core::v1::{ContainerState, ContainerStatus, Pod, PodCondition, PodStatus},
    jiff::Timestamp,
};

/// A pod that should have been gone this long ago has a Kubernetes node that does not answer.
const GONE_WITHIN_S: i64 = 60;
/// Messages of kubelets can be long.
const MESSAGE: usize = 300;

/// A pod as found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodObserved {
    /// Its uid.
    pub uid: Option<String>,
    /// Its address.
    pub ip: Option<String>,
    /// Its Ready condition.
    pub ready: bool,
    /// Revision of the template it was made from.
    pub revision: Option<String>,
    /// It is being deleted.
    pub terminating: bool,
    /// Kubernetes node that it is on.
    pub host: Option<String>,
    /// Why it does not run, when the kubelet or the scheduler says so.
    pub trouble: Option<Trouble>,
}

/// Why a pod does not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// One word for scripts; `None` while it may pass by itself.
    pub reason: Option<&'static str>,
    /// What Kubernetes says.
    pub message: String,
    /// What a person can do.
    pub cure: &'static str,
    /// Since when, where Kubernetes says it and somebody asks.
    pub since: Option<Timestamp>,
}

impl Trouble {
    fn passing(message: String) -> Self {
        Self { reason: None, message, cure: "", since: None }
    }

    fn stuck(reason: &'static str, message: impl Into<String>, cure: &'static str) -> Self {
        Self { reason: Some(reason), message: message.into(), cure, since: None }
    }

    /// For a person: what is, and what to do.
    #[must_use]
    pub fn explained(&self) -> String {
        if self.cure.is_empty() { self.message.clone() } else { format!("{}; {}", self.message, self.cure) }
    }
}

/// Reasons and cures, each written once.
mod cures {
    pub(super) const IMAGE: (&str, &str) = (
        "ImagePullFailed",
        "check spec.image, spec.pod.imagePullSecrets and the way to the registry; the pod tries again by itself",
    );
    pub(super) const CONFIG: (&str, &str) = (
        "ContainerConfigFailed",
        "restore the Secret or ConfigMap that it names; the pod tries again by itself",
    );
    pub(super) const SCHEDULE: (&str, &str) = (
        crate::api::conditions::reasons::UNSCHEDULABLE,
        "add a Kubernetes node that fits, or change spec.resources, spec.nodePool, spec.pod.tolerations or spec.pod.affinity",
    );
    pub(super) const MEMORY: (&str, &str) = ("OutOfMemory", "raise spec.resources.limits.memory");
    pub(super) const DISK: (&str, &str) = ("DiskFull", "raise spec.storage.size: the disk grows in place");
    pub(super) const CRASH: (&str, &str) = (
        "CrashLoop",
        "read its log (kubectl logs --previous); a pod of an older template is replaced by itself",
    );
    pub(super) const EVICTED: (&str, &str) = (
        "Evicted",
        "its Kubernetes node ran out of a resource: give it room, or set spec.resources.requests to what the node uses",
    );
    pub(super) const LOST: (&str, &str) = (
        "NodeLost",
        "bring the Kubernetes node back; or, once it is certainly off, delete it (kubectl delete node) or taint it node.kubernetes.io/out-of-service",
    );
    pub(super) const MOUNT: (&str, &str) = (
        "MountFailed",
        "a disk that is still attached elsewhere comes free by itself within minutes; otherwise check the storage class and the zone",
    );
}

/// Whether a text says that a disk is full.
#[must_use]
pub fn says_disk_full(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["no space left", "disk full", "disk is nearly full", "storage full", "disk quota exceeded"]
        .iter()
        .any(|sign| text.contains(sign))
}

impl PodObserved {
    /// Reads a pod as it stands at `now`.
    #[must_use]
    pub fn read(pod: &Pod, now: Timestamp) -> Self {
        let status = pod.status.clone().unwrap_or_default();
        let labels = pod.metadata.labels.as_ref();
        Self {
            uid: pod.metadata.uid.clone(),
            ip: status.pod_ip.clone().filter(|ip| !ip.is_empty()),
            ready: condition(&status, "Ready").is_some_and(|ready| ready.status == "True"),
            revision: labels.and_then(|all| all.get("controller-revision-hash")).cloned(),
            terminating: pod.metadata.deletion_timestamp.is_some(),
            host: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
            trouble: stays(pod, now).or_else(|| trouble(&status)),
        }
    }

    /// Ready, and to stay.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        self.ready && !self.terminating
    }

    /// The same pod, whose disk could not be mounted as the kubelet's events say.
    #[must_use]
    pub fn with_mount_failure(mut self, message: &str) -> Self {
        self.trouble = Some(Trouble::stuck(cures::MOUNT.0, cut(message), cures::MOUNT.1));
        self
    }

    /// It has a place and its container has not been made: its volumes or its network are awaited.
    #[must_use]
    pub fn awaits_volumes(pod: &Pod) -> bool {
        let Some(status) = &pod.status else { return false };
        let scheduled = condition(status, "PodScheduled").is_some_and(|placed| placed.status == "True");
        let creating = |container: &ContainerStatus| {
            let waiting = container.state.as_ref().and_then(|state| state.waiting.as_ref());
            waiting.is_some_and(|waiting| waiting.reason.as_deref() == Some("ContainerCreating"))
        };
        scheduled && status.container_statuses.iter().flatten().any(creating)
    }
}

fn condition<'a>(status: &'a PodStatus, kind: &str) -> Option<&'a PodCondition> {
    status.conditions.iter().flatten().find(|condition| condition.type_ == kind)
}

/// The deletion's time is when the pod is to be gone at the latest.
fn stays(pod: &Pod, now: Timestamp) -> Option<Trouble> {
    let gone_by = pod.metadata.deletion_timestamp.as_ref()?.0;
    let late = now.as_second().saturating_sub(gone_by.as_second());
    let host = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or("none");
    let message = format!("deleted, and not gone from Kubernetes node {host} for {GONE_WITHIN_S} s");
    (late > GONE_WITHIN_S).then(|| Trouble::stuck(cures::LOST.0, message, cures::LOST.1))
}

/// The container's word first: it is the newest.
fn trouble(status: &PodStatus) -> Option<Trouble> {
    if status.phase.as_deref() == Some("Failed") {
        let reason = status.reason.clone().unwrap_or_else(|| "Failed".to_owned());
        let message = cut(&format!("{reason}: {}", status.message.as_deref().unwrap_or("no message")));
        return Some(match reason.as_str() {
            "Evicted" => Trouble::stuck(cures::EVICTED.0, message, cures::EVICTED.1),
            _ => Trouble::passing(message),
        });
    }
    let containers = status.container_statuses.iter().flatten();
    containers.clone().find_map(container_trouble).or_else(|| unscheduled(status))
}

fn unscheduled(status: &PodStatus) -> Option<Trouble> {
    let placed = condition(status, "PodScheduled").filter(|placed| placed.status == "False")?;
    let reason = placed.reason.clone().unwrap_or_default();
    let message = cut(&format!("{reason}: {}", placed.message.clone().unwrap_or_default()));
    Some(match reason.as_str() {
        "Unschedulable" | "SchedulingGated" => Trouble {
            since: placed.last_transition_time.as_ref().map(|time| time.0),
            ..Trouble::stuck(cures::SCHEDULE.0, message, cures::SCHEDULE.1)
        },
        _ => Trouble::passing(message),
    })
}

fn container_trouble(container: &ContainerStatus) -> Option<Trouble> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting.reason.clone().unwrap_or_default();
    let message = cut(&format!("{reason}: {}", waiting.message.clone().unwrap_or_default()));
    let stuck = |(reason, cure): (&'static str, &'static str)| Trouble::stuck(reason, message.clone(), cure);
    Some(match reason.as_str() {
        "ImagePullBackOff" | "ErrImagePull" | "ErrImageNeverPull" | "InvalidImageName"
        | "ImageInspectError" => stuck(cures::IMAGE),
        "CreateContainerConfigError" | "CreateContainerError" => stuck(cures::CONFIG),
        "CrashLoopBackOff" => crash(container.last_state.as_ref(), &message),
        _ => Trouble::passing(message),
    })
}

/// What the container said when it last ended; its last lines, where the template asks the kubelet for them.
fn crash(last: Option<&ContainerState>, waiting: &str) -> Trouble {
    let Some(ended) = last.and_then(|state| state.terminated.as_ref()) else {
        return Trouble::stuck(cures::CRASH.0, waiting, cures::CRASH.1);
    };
    let said = ended.message.clone().unwrap_or_default();
    let reason = ended.reason.clone().unwrap_or_default();
    // The end of the log says why.
    let tail: String =
        said.trim().chars().rev().take(MESSAGE).collect::<Vec<_>>().into_iter().rev().collect();
    let message = format!("exit code {} ({reason}) {tail}", ended.exit_code).trim().to_owned();
    let (word, cure) = match reason.as_str() {
        "OOMKilled" => cures::MEMORY,
        _ if says_disk_full(&said) => cures::DISK,
        _ => cures::CRASH,
    };
    Trouble::stuck(word, message, cure)
}

/// A fault that a node reports itself.
pub(crate) fn fault(fault: &str) -> Trouble {
    let (reason, cure) = if says_disk_full(fault) {
        cures::DISK
    } else {
        (
            crate::api::conditions::reasons::NODE_FAILED,
            "its log says more; a restart begins anew (kubectl delete pod)",
        )
    };
    Trouble::stuck(reason, cut(fault), cure)
}

fn cut(text: &str) -> String {
    text.trim().trim_end_matches(':').chars().take(MESSAGE).collect()
}

#[cfg(test)]
mod tests;
