//! Who may use a port: host names, origins of browsers, keys and tokens. All of it is judged on the head of a request,
//! before its body is read.

mod jwt;
mod keys;
mod reloaded;

pub use reloaded::FileError;

pub(super) use keys::Allowed;
pub(super) use reloaded::Reloaded;

use chain::config::RpcAccess;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_MAX_AGE, AUTHORIZATION, HOST, ORIGIN, VARY,
    },
};
use jwt::JwtSecret;
use keys::ApiKeys;
use std::{
    net::{IpAddr, Ipv6Addr},
    path::PathBuf,
    time::Instant,
};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The rules of one port.
pub(in crate::rpc) struct Access {
    hosts: Vec<String>,
    origins: Vec<String>,
    keys: Option<Reloaded<ApiKeys>>,
    secret: Option<Reloaded<JwtSecret>>,
}

/// Why a request goes no further.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Denied {
    #[error("invalid host specified: this node answers to the names in its setting hosts")]
    Host,
    #[error("this origin may not open a WebSocket: it is not in the node's setting corsOrigins")]
    Origin,
    #[error("missing key or token: send Authorization: Bearer, or X-Api-Key")]
    Missing,
    #[error("unknown key")]
    Key,
    #[error("{0}")]
    Token(String),
}

impl Denied {
    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::Host | Self::Origin => StatusCode::FORBIDDEN,
            Self::Missing | Self::Key | Self::Token(_) => StatusCode::UNAUTHORIZED,
        }
    }
}

impl Access {
    /// Reads the files that the configuration names.
    pub(in crate::rpc) fn open(config: &RpcAccess, now: Instant) -> Result<Self, FileError> {
        let path = |path: &String| vec![PathBuf::from(path)];
        Ok(Self {
            hosts: config.hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            origins: config.cors_origins.clone(),
            keys: config
                .api_keys
                .as_ref()
                .map(|file| Reloaded::open(path(file), ApiKeys::parse, now))
                .transpose()?,
            secret: config
                .jwt_secret
                .as_ref()
                .map(|file| Reloaded::open(path(file), JwtSecret::parse, now))
                .transpose()?,
        })
    }

    /// Whether the request is for one of our names. An address is always ours: it cannot be rebound by a name server.
    pub(super) fn check_host(&self, headers: &HeaderMap) -> Result<(), Denied> {
        if self.hosts.is_empty() || self.hosts.iter().any(|host| host == "*") {
            return Ok(());
        }
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let name = without_port(host).to_ascii_lowercase();
        let address =
            name.parse::<IpAddr>().is_ok() || name.trim_matches(['[', ']']).parse::<Ipv6Addr>().is_ok();
        if address || self.hosts.contains(&name) { Ok(()) } else { Err(Denied::Host) }
    }

    /// Browsers do not apply CORS to WebSockets, so an origin that may not read may not connect either.
    pub(super) fn check_socket(&self, headers: &HeaderMap) -> Result<(), Denied> {
        match headers.get(ORIGIN) {
            Some(origin) if self.allowed_origin(origin).is_none() => Err(Denied::Origin),
            _ => Ok(()),
        }
    }

    /// What the caller's key or token opens; `unix_s` is now in seconds of the epoch.
    pub(super) fn authenticate(
        &self,
        headers: &HeaderMap,
        now: Instant,
        unix_s: u64,
    ) -> Result<Allowed, Denied> {
        if self.keys.is_none() && self.secret.is_none() {
            return Ok(None);
        }
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let bearer = text(AUTHORIZATION).and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let presented = bearer.or_else(|| text(API_KEY)).ok_or(Denied::Missing)?;
        if let Some(allowed) = self.keys.as_ref().and_then(|keys| keys.get(now).check(presented)) {
            return Ok(allowed);
        }
        match &self.secret {
            Some(secret) => {
                secret.get(now).check(presented, unix_s).map_err(|error| Denied::Token(error.to_string()))
            }
            None => Err(Denied::Key),
        }
    }

    /// Whether the request is a browser's question, to be answered without asking for a key.
    pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
        method == Method::OPTIONS && headers.contains_key(ORIGIN)
    }

    /// Lets a browser read the answer, where its origin is allowed.
    pub(super) fn share(&self, request: &HeaderMap, preflight: bool, response: &mut HeaderMap) {
        if self.origins.is_empty() {
            return;
        }
        response.append(VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = request.get(ORIGIN).and_then(|origin| self.allowed_origin(origin)) else { return };
        response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if preflight {
            response.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
            let headers = HeaderValue::from_static("authorization, content-type, x-api-key");
            response.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers);
            response.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        }
    }

    fn allowed_origin(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        if self.origins.iter().any(|allowed| allowed == "*") {
            return Some(HeaderValue::from_static("*"));
        }
        let text = origin.to_str().ok()?;
        self.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(text)).then(|| origin.clone())
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty() => {
            // Colons before the last one are part of a bare IPv6 address.
            if name.contains(':') && !name.ends_with(']') { host } else { name }
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(config: &RpcAccess) -> Access {
        Access::open(config, Instant::now()).unwrap()
    }

    fn headers(rows: &[(HeaderName, &str)]) -> HeaderMap {
        rows.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn only_configured_names_and_addresses_are_hosts() {
        let some = access(&RpcAccess { hosts: vec!["RPC.example".into()], ..RpcAccess::default() });
        let host = |host: &str| some.check_host(&headers(&[(HOST, host)]));
        for ours in
            ["rpc.example", "rpc.EXAMPLE:8545", "127.0.0.1:8545", "10.1.2.3", "[::1]:8545", "[fd00::1]"]
        {
            assert_eq!(host(ours), Ok(()), "{ours}");
        }
        for other in ["evil.example", "rpc.example.evil", "", "127.0.0.1.evil:80"] {
            assert_eq!(host(other), Err(Denied::Host), "{other}");
        }
        assert_eq!(access(&RpcAccess::default()).check_host(&headers(&[(HOST, "any")])), Ok(()));
    }

    #[test]
    fn origins_that_may_not_read_may_not_open_websockets() {
        let some =
            access(&RpcAccess { cors_origins: vec!["https://app.example".into()], ..RpcAccess::default() });
        let none = access(&RpcAccess::default());
        let (ours, other) =
            (headers(&[(ORIGIN, "https://app.example")]), headers(&[(ORIGIN, "https://evil")]));
        assert_eq!(some.check_socket(&ours), Ok(()));
        assert_eq!(some.check_socket(&other), Err(Denied::Origin));
        assert_eq!(none.check_socket(&ours), Err(Denied::Origin));
        assert_eq!(none.check_socket(&HeaderMap::new()), Ok(()), "no browser");
        let shared = |access: &Access, request: &HeaderMap| {
            let mut response = HeaderMap::new();
            access.share(request, true, &mut response);
            response.get(ACCESS_CONTROL_ALLOW_ORIGIN).map(|origin| origin.to_str().unwrap().to_string())
        };
        assert_eq!(shared(&some, &ours).as_deref(), Some("https://app.example"));
        assert_eq!(shared(&some, &other), None);
        assert_eq!(shared(&none, &ours), None);
        let all = access(&RpcAccess { cors_origins: vec!["*".into()], ..RpcAccess::default() });
        assert_eq!(shared(&all, &other).as_deref(), Some("*"));
    }

    #[test]
    fn a_port_with_keys_wants_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        let key = "0123456789abcdef0123456789abcdef";
        std::fs::write(&path, format!("{key} eth")).unwrap();
        let api_keys = Some(path.to_str().unwrap().to_string());
        let access = access(&RpcAccess { api_keys, ..RpcAccess::default() });
        let check = |rows: &[(HeaderName, &str)]| access.authenticate(&headers(rows), Instant::now(), 0);
        let opened = Ok(Some(["eth".to_string()].into()));
        assert_eq!(check(&[(AUTHORIZATION, &format!("Bearer {key}"))]), opened);
        assert_eq!(check(&[(AUTHORIZATION, &format!("bearer  {key}"))]), opened);
        assert_eq!(check(&[(API_KEY, key)]), opened);
        assert_eq!(check(&[]), Err(Denied::Missing));
        assert_eq!(check(&[(AUTHORIZATION, &format!("Basic {key}"))]), Err(Denied::Missing));
        assert_eq!(check(&[(API_KEY, "0123456789abcdef0123456789abcdee")]), Err(Denied::Key));
    }
}
