//! What GitOps tools do with our manifests, by the real `kubectl` and by the tools' own libraries (`e2e/gitops`).

mod diff;
mod health;
mod prune;
mod scale;
pub(crate) mod tools;
