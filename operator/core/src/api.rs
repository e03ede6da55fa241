//! The two kinds of `quorate.dev/v1alpha1`. A field stands here only once it works.

pub mod conditions;
pub mod consortium;
pub mod formats;
pub mod validator;

pub use conditions::Condition;
pub use consortium::{Consortium, ConsortiumSpec, ConsortiumStatus, PeerAdmission};
pub use validator::{Validator, ValidatorSpec, ValidatorStatus};

/// API group of both kinds.
pub const GROUP: &str = "quorate.dev";
/// Version served and stored.
pub const VERSION: &str = "v1alpha1";
