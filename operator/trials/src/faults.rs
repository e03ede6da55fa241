//! Fault injection, `make operator-faults`: a [`plan::Plan`] is a user's [`scenario::Scenario`] and one fault at one write.
//! [`trial`] runs it against an operator process behind a [`front::Front`], with the cluster's [`controllers`] and the
//! [`network`]'s nodes played honestly and everything that happens kept as [`history`], and judges it by the [`oracle`].

pub mod controllers;
pub mod front;
pub mod history;
pub mod network;
pub mod oracle;
pub mod plan;
pub mod report;
pub mod scenario;
pub mod trial;
