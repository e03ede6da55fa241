//! Property mutation: every field of both CRDs is edited, in many namespaces at once, and the operator must carry the edit
//! out and undo it, or refuse it by name; generated from the schemas, so that a field that is added is tried.
//!
//! [`path`], [`schema`], [`values`], [`text`], [`hints`], [`plan`] and [`judge`] are pure: which edits there are and what must
//! come of them. [`chain`], [`stage`], [`tap`], [`operator`], [`kubelet`], [`disks`], [`budgets`], [`mirror`], [`children`] and [`trial`] carry them out on a real API server.

pub mod budgets;
pub mod chain;
pub mod children;
pub mod disks;
pub mod hints;
pub mod judge;
pub mod kubelet;
pub mod manifests;
pub mod mirror;
pub mod operator;
pub mod path;
pub mod plan;
pub mod report;
pub mod run;
pub mod schema;
pub mod stage;
pub mod tap;
pub mod text;
pub mod trial;
pub mod values;
