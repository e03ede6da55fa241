//! What stands around a call: version, id, method, parameters. Judged as go-ethereum does.

use super::super::error::{Failure, invalid_request};
use jsonrpsee::types::ErrorObjectOwned;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The id of an answer to what had none.
pub(super) const NO_ID: &str = "null";

/// A message as it stands; unknown fields are ignored.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    jsonrpc: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

/// A message that can be acted on.
pub(super) struct Call<'a> {
    /// As the client wrote it; absent for a notification.
    pub(super) id: Option<&'a str>,
    pub(super) method: Cow<'a, str>,
    /// As the client wrote them.
    pub(super) params: Option<&'a str>,
}

/// A message that cannot, and the id to say so under.
pub(super) struct Refused<'a> {
    pub(super) id: &'a str,
    pub(super) error: ErrorObjectOwned,
}

impl<'a> Call<'a> {
    /// Reads one JSON object.
    pub(super) fn read(text: &'a str) -> Result<Self, Refused<'a>> {
        let Ok(message) = serde_json::from_str::<Message<'a>>(text) else {
            // Either no JSON at all, or JSON of another shape.
            let error = match serde_json::from_str::<&RawValue>(text) {
                Ok(_) => invalid_request("invalid request"),
                Err(_) => Failure::Parse.into(),
            };
            return Err(Refused { id: NO_ID, error });
        };
        let id = message.id.map(RawValue::get);
        let scalar = id.is_none_or(|id| !id.starts_with(['{', '[']));
        match (message.jsonrpc.as_deref(), message.method) {
            (Some("2.0"), Some(method)) if scalar && !method.is_empty() => {
                Ok(Self { id, method, params: message.params.map(RawValue::get) })
            }
            _ => {
                let id = id.filter(|_| scalar).unwrap_or(NO_ID);
                Err(Refused { id, error: invalid_request("invalid request") })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> (String, i32) {
        let refused = Call::read(text).err().unwrap();
        (refused.id.to_string(), refused.error.code())
    }

    #[test]
    fn a_call_keeps_its_id_as_written() {
        let call =
            Call::read(r#" {"jsonrpc":"2.0", "id" : "a\u0062", "method":"m", "extra":1} "#).ok().unwrap();
        assert_eq!((call.id, &*call.method, call.params), (Some(r#""a\u0062""#), "m", None));
        let call = Call::read(r#"{"jsonrpc":"2.0","method":"m","params":[1, 2]}"#).ok().unwrap();
        assert_eq!((call.id, call.params), (None, Some("[1, 2]")));
    }

    #[test]
    fn what_is_no_call_is_an_invalid_request_under_its_id() {
        assert_eq!(code("{}"), ("null".into(), -32600));
        assert_eq!(code("1"), ("null".into(), -32600));
        assert_eq!(code(r#"{"jsonrpc":"2.0","id":7}"#), ("7".into(), -32600));
        assert_eq!(code(r#"{"jsonrpc":"2.0","id":7,"method":""}"#), ("7".into(), -32600));
        assert_eq!(code(r#"{"jsonrpc":"2.0","id":[7],"method":"m"}"#), ("null".into(), -32600));
        assert_eq!(code(r#"{"jsonrpc":"1.0","id":7,"method":"m"}"#), ("7".into(), -32600));
        assert_eq!(code(r#"{"jsonrpc":"2.0","id":7,"method":5}"#), ("null".into(), -32600));
        assert_eq!(code("{"), ("null".into(), -32700));
        assert_eq!(code(""), ("null".into(), -32700));
    }
}
