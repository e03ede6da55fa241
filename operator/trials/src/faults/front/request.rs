//! A request to the API server, parsed: verb, resource, namespace, name.

use axum::http::{Method, Uri};
use std::collections::BTreeMap;

/// As in RBAC rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// One object.
    Get,
    /// Many.
    List,
    /// Their changes.
    Watch,
    /// A new object.
    Create,
    /// The whole object.
    Update,
    /// A part of it, server-side apply too.
    Patch,
    /// One object.
    Delete,
    /// Many.
    DeleteCollection,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is asked.
    pub verb: Verb,
    /// Plural of the kind; the path for what is no resource.
    pub resource: String,
    /// As `status` or `scale`.
    pub subresource: Option<String>,
    /// Where.
    pub namespace: Option<String>,
    /// Of one object.
    pub name: Option<String>,
    /// The query, decoded.
    pub query: BTreeMap<String, String>,
}

impl Request {
    /// A read that names no version is answered from what is newest, whichever API server answers; only what asks for any version,
    /// and watches, may be shown the past (API concepts, "Semantics for get and list").
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        let version = self.query.get("resourceVersion").map_or("", String::as_str);
        matches!(self.verb, Verb::Get | Verb::List) && version.is_empty()
    }

    /// Reads method and path.
    #[must_use]
    pub fn parse(method: &Method, uri: &Uri) -> Self {
        let query: BTreeMap<String, String> = uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(decoded)
            .collect();
        let mut parts: Vec<&str> = uri.path().split('/').filter(|part| !part.is_empty()).collect();
        // api/v1/… or apis/group/version/…
        let prefix = if parts.first() == Some(&"api") { 2 } else { 3 };
        let mut rest = parts.split_off(prefix.min(parts.len())).into_iter();
        let mut resource = rest.next().unwrap_or_else(|| uri.path()).to_owned();
        let mut namespace = None;
        if resource == "namespaces" && rest.len() >= 2 {
            namespace = rest.next().map(str::to_owned);
            rest.next().unwrap_or_default().clone_into(&mut resource);
        }
        let name = rest.next().map(str::to_owned);
        let subresource = rest.next().map(str::to_owned);
        let watches = query.get("watch").is_some_and(|value| value == "1" || value == "true");
        let verb = match *method {
            Method::GET if watches => Verb::Watch,
            Method::GET if name.is_some() => Verb::Get,
            Method::GET => Verb::List,
            Method::POST => Verb::Create,
            Method::PUT => Verb::Update,
            Method::DELETE if name.is_none() => Verb::DeleteCollection,
            Method::DELETE => Verb::Delete,
            _ => Verb::Patch,
        };
        Self { verb, resource, subresource, namespace, name, query }
    }
}

impl Request {
    /// Whether a pod is to be evicted.
    #[must_use]
    pub fn is_eviction(&self) -> bool {
        self.verb == Verb::Create && self.subresource.as_deref() == Some("eviction")
    }
}

impl std::fmt::Display for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {}", self.verb, self.resource)?;
        for part in [&self.name, &self.subresource].into_iter().flatten() {
            write!(f, "/{part}")?;
        }
        Ok(())
    }
}

fn decoded((key, value): (&str, &str)) -> (String, String) {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        let escaped = (byte == b'%').then(|| [rest.next(), rest.next()]);
        match escaped {
            Some([Some(high), Some(low)]) => {
                let digits = [high, low].map(|digit| char::from(digit).to_digit(16).unwrap_or_default());
                bytes.push(u8::try_from(digits[0] * 16 + digits[1]).unwrap_or_default());
            }
            _ => bytes.push(if byte == b'+' { b' ' } else { byte }),
        }
    }
    (key.to_owned(), String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::{Request, Verb};
    use axum::http::Method;

    #[test]
    fn a_request_is_read_off_its_method_and_path() {
        let read = |method: Method, path: &str| Request::parse(&method, &path.parse().expect("a path"));
        let patch = read(Method::PATCH, "/apis/apps/v1/namespaces/a/statefulsets/x-0/status?force=true");
        assert_eq!(patch.to_string(), "Patch statefulsets/x-0/status");
        assert_eq!(patch.namespace.as_deref(), Some("a"));
        let list =
            read(Method::GET, "/api/v1/namespaces/a/pods?labelSelector=quorate.dev%2Ffleet%3Dx&limit=500");
        assert_eq!((list.verb, list.query["labelSelector"].as_str()), (Verb::List, "quorate.dev/fleet=x"));
        assert_eq!(read(Method::GET, "/api/v1/pods?watch=true").verb, Verb::Watch);
        assert_eq!(read(Method::GET, "/api/v1/namespaces/a").name.as_deref(), Some("a"));
        assert_eq!(read(Method::POST, "/api/v1/namespaces/a/secrets").verb, Verb::Create);
        assert_eq!(read(Method::DELETE, "/api/v1/namespaces/a/pods/p").verb, Verb::Delete);
    }
}
