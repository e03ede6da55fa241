//! A deadline on every call to the API server.

use crate::error::Error;
use std::{future::Future, time::Duration};

/// Longer than any healthy call takes.
const DEADLINE: Duration = Duration::from_secs(15);

/// Runs one call; `what` names it in errors.
pub(crate) async fn call<T>(
    what: &'static str,
    call: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(DEADLINE, call).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(source)) => Err(Error::Kubernetes { what, source: Box::new(source) }),
        Err(_) => Err(Error::Deadline { what, seconds: DEADLINE.as_secs() }),
    }
}
