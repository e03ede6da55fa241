//! Keys: EC on P-256K, their versions, and ES256K.

use super::{About, Page, Place, Vault, Wanted, check_name, check_room, folded, page};
use crate::refusal::Refusal;
use data_encoding::BASE64URL_NOPAD;
use k256::{
    Scalar,
    ecdsa::{Signature, SigningKey, signature::hazmat::PrehashSigner as _},
};
use serde::Deserialize;
use serde_json::{Value, json};

/// Tries for a key whose coordinates have a leading zero: one in 128 has.
const MOST_TRIES: u64 = 10_000;

/// A version of a key.
#[derive(Clone)]
pub(crate) struct KeyVersion {
    pub(crate) about: About,
    pub(crate) kty: String,
    pub(crate) operations: Vec<String>,
    pub(crate) signing: SigningKey,
}

/// Body of a creation.
#[derive(Debug, Deserialize)]
pub(crate) struct CreateKey {
    kty: String,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    #[serde(flatten)]
    wanted: Wanted,
}

impl Default for CreateKey {
    fn default() -> Self {
        Self { kty: "EC-HSM".into(), crv: Some("P-256K".into()), key_ops: None, wanted: Wanted::default() }
    }
}

/// Body of a signature's request.
#[derive(Debug, Deserialize)]
pub(crate) struct Sign {
    alg: String,
    value: String,
}

/// What faults do to a signature.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Twist {
    /// Share of high `s`.
    pub(crate) high_s: f64,
    /// Share of signatures of another key.
    pub(crate) foreign: f64,
}

/// A signature.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) version: String,
    pub(crate) digest: [u8; 32],
    pub(crate) signature: [u8; 64],
}

impl Vault {
    /// A new key, or a new version of one.
    pub(crate) fn create_key(
        &mut self,
        name: &str,
        body: CreateKey,
        short: bool,
        now: u64,
    ) -> Result<&KeyVersion, Refusal> {
        check_name(name)?;
        check_room(&self.keys, name)?;
        body.wanted.check()?;
        if !matches!(body.kty.as_str(), "EC" | "EC-HSM") || body.crv.as_deref() != Some("P-256K") {
            let (kty, curve) = (body.kty, body.crv.unwrap_or_default());
            return Err(Refusal::bad(format!(
                "This double makes EC and EC-HSM keys on P-256K, not {kty} {curve}."
            )));
        }
        let operations = body.key_ops.unwrap_or_else(|| vec!["sign".to_owned(), "verify".to_owned()]);
        if operations.len() > 8 || operations.iter().any(|operation| operation.len() > 32) {
            return Err(Refusal::bad("Property key_ops has more than there are."));
        }
        let ordinal = self.keys.get(&folded(name)).map_or(0, Vec::len) as u64;
        let about = About::new(self.version_id("keys", name, ordinal), &body.wanted, now);
        let signing = self.new_key(name, ordinal, short);
        self.add_version(name, KeyVersion { about, kty: body.kty, operations, signing })
    }

    fn add_version(&mut self, name: &str, version: KeyVersion) -> Result<&KeyVersion, Refusal> {
        let versions = self.keys.entry(folded(name)).or_default();
        versions.push(version);
        versions.last().ok_or_else(Refusal::unavailable)
    }

    /// A new version with a key that was made elsewhere.
    pub(crate) fn import_key(
        &mut self,
        name: &str,
        secret: &[u8; 32],
        now: u64,
    ) -> Result<&KeyVersion, Refusal> {
        check_name(name)?;
        check_room(&self.keys, name)?;
        let signing = SigningKey::from_slice(secret).map_err(|_| Refusal::bad("Property key is no key."))?;
        let ordinal = self.keys.get(&folded(name)).map_or(0, Vec::len) as u64;
        let about = About::new(self.version_id("keys", name, ordinal), &Wanted::default(), now);
        let operations = vec!["sign".to_owned(), "verify".to_owned()];
        self.add_version(name, KeyVersion { about, kty: "EC-HSM".to_owned(), operations, signing })
    }

    fn new_key(&self, name: &str, ordinal: u64, short: bool) -> SigningKey {
        let name = folded(name);
        let key =
            |nth: u64| self.seed.key(&[b"key", name.as_bytes(), &ordinal.to_be_bytes(), &nth.to_be_bytes()]);
        let is_short = |key: &SigningKey| coordinates(key).iter().any(|bytes| bytes.first() == Some(&0));
        if !short {
            return key(0);
        }
        (0..MOST_TRIES).map(key).find(is_short).unwrap_or_else(|| key(0))
    }

    pub(super) fn version_id(&self, kind: &str, name: &str, ordinal: u64) -> String {
        let name = folded(name);
        let labels: [&[u8]; 4] = [b"version", kind.as_bytes(), name.as_bytes(), &ordinal.to_be_bytes()];
        hex::encode(&self.seed.bytes(&labels)[..16])
    }

    /// A version like the newest one.
    pub(crate) fn rotate_key(&mut self, name: &str, short: bool, now: u64) -> Result<&KeyVersion, Refusal> {
        let newest = self.key(name, None)?;
        let body = CreateKey {
            kty: newest.kty.clone(),
            key_ops: Some(newest.operations.clone()),
            ..CreateKey::default()
        };
        self.create_key(name, body, short, now)
    }

    /// A version, or the newest.
    pub(crate) fn key(&self, name: &str, version: Option<&str>) -> Result<&KeyVersion, Refusal> {
        check_name(name)?;
        let versions = self.keys.get(&folded(name)).map_or(&[][..], Vec::as_slice);
        let found = match version {
            None => versions.last(),
            Some(id) => versions.iter().find(|version| version.about.id.eq_ignore_ascii_case(id)),
        };
        found.ok_or_else(|| match version {
            None => Refusal::key_not_found(name),
            Some(id) => Refusal::key_not_found(&format!("{name}/{id}")),
        })
    }

    fn key_mut(&mut self, name: &str, version: Option<&str>) -> Result<&mut KeyVersion, Refusal> {
        let id = self.key(name, version)?.about.id.clone();
        let versions = self.keys.get_mut(&folded(name));
        let found = versions.and_then(|versions| versions.iter_mut().find(|version| version.about.id == id));
        found.ok_or_else(|| Refusal::key_not_found(name))
    }

    /// Sets attributes and tags.
    pub(crate) fn update_key(
        &mut self,
        name: &str,
        version: Option<&str>,
        wanted: Wanted,
        now: u64,
    ) -> Result<&KeyVersion, Refusal> {
        wanted.check()?;
        let found = self.key_mut(name, version)?;
        found.about.update(wanted, now);
        Ok(found)
    }

    /// Makes every version of a key usable, or none.
    pub(crate) fn enable_key(&mut self, name: &str, enabled: bool) -> Result<(), Refusal> {
        let versions = self.keys.get_mut(&folded(name)).ok_or_else(|| Refusal::key_not_found(name))?;
        for version in versions {
            version.about.enabled = enabled;
        }
        Ok(())
    }

    /// The key is gone for good.
    pub(crate) fn lose_key(&mut self, name: &str) -> Result<(), Refusal> {
        self.keys.remove(&folded(name)).map(|_| ()).ok_or_else(|| Refusal::key_not_found(name))
    }

    /// Every version of a key.
    pub(crate) fn key_versions(&self, name: &str) -> Result<&[KeyVersion], Refusal> {
        self.keys.get(&folded(name)).map(Vec::as_slice).ok_or_else(|| Refusal::key_not_found(name))
    }

    /// The versions' properties.
    pub(crate) fn list_key_versions(&self, place: Place<'_>, asked: Page) -> Result<Value, Refusal> {
        let item = |version: &KeyVersion| {
            let about = &version.about;
            let kid = kid(place, &about.id);
            let item = json!({ "kid": kid, "attributes": about.attributes(), "tags": about.tags });
            (about.id.clone(), item)
        };
        check_name(place.name)?;
        let all = self.key_versions(place.name)?.iter().map(item).collect();
        Ok(page(all, place, "keys", asked))
    }

    /// Puts back all versions of a key that is not there.
    pub(crate) fn put_back(&mut self, name: &str, versions: Vec<KeyVersion>) -> Result<(), Refusal> {
        check_name(name)?;
        if self.keys.contains_key(&folded(name)) {
            return Err(Refusal::conflict(format!(
                "Key {name} is currently being used, or exists already; it is not restored over."
            )));
        }
        check_room(&self.keys, name)?;
        self.keys.insert(folded(name), versions);
        Ok(())
    }

    /// Signs 32 bytes, the same each time.
    pub(crate) fn sign(
        &self,
        name: &str,
        version: Option<&str>,
        body: &Sign,
        twist: Twist,
    ) -> Result<Made, Refusal> {
        let found = self.key(name, version)?;
        if !found.about.enabled {
            return Err(Refusal::disabled("sign", "key", "KeyDisabled"));
        }
        if !found.operations.iter().any(|operation| operation == "sign") {
            return Err(Refusal::bad("Operation sign is not permitted on this key."));
        }
        if body.alg != "ES256K" {
            let alg = &body.alg;
            return Err(Refusal::bad(format!(
                "Key and signing algorithm are incompatible: P-256K and {alg}."
            )));
        }
        let digest = BASE64URL_NOPAD.decode(body.value.trim_end_matches('=').as_bytes());
        let digest: [u8; 32] = digest
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| Refusal::bad("Property value is not 32 bytes in base64url."))?;
        let mut draw = self.seed.draw(&[b"signature", &digest]);
        let (high, foreign) = (draw.share() < twist.high_s, draw.share() < twist.foreign);
        let stranger = self.seed.key(&[b"stranger"]);
        let signature = signed(if foreign { &stranger } else { &found.signing }, &digest, high)?;
        Ok(Made { version: found.about.id.clone(), digest, signature })
    }
}

fn signed(key: &SigningKey, digest: &[u8], high: bool) -> Result<[u8; 64], Refusal> {
    let low: Signature = key.sign_prehash(digest).map_err(|_| Refusal::unavailable())?;
    if !high {
        return Ok(low.to_bytes().into());
    }
    let (r, s) = low.split_scalars();
    let s: Scalar = -*s;
    let signature =
        Signature::from_scalars(r.to_bytes(), s.to_bytes()).map_err(|_| Refusal::unavailable())?;
    Ok(signature.to_bytes().into())
}

fn kid(place: Place<'_>, version: &str) -> String {
    format!("{}/keys/{}/{version}", place.base, place.name)
}

fn coordinates(key: &SigningKey) -> [Vec<u8>; 2] {
    let point = key.verifying_key().to_encoded_point(false);
    let bytes = |coordinate: Option<&k256::FieldBytes>| coordinate.map(|c| c.to_vec()).unwrap_or_default();
    [bytes(point.x()), bytes(point.y())]
}

impl KeyVersion {
    /// The uncompressed public key.
    pub(crate) fn public(&self) -> [u8; 65] {
        let mut bytes = [0; 65];
        let point = self.signing.verifying_key().to_encoded_point(false);
        for (to, from) in bytes.iter_mut().zip(point.as_bytes()) {
            *to = *from;
        }
        bytes
    }

    /// The document that reads, creations and updates answer with.
    pub(crate) fn bundle(&self, place: Place<'_>, short: bool) -> Value {
        let [x, y] = coordinates(&self.signing).map(|mut bytes| {
            while short && bytes.first() == Some(&0) {
                bytes.remove(0);
            }
            BASE64URL_NOPAD.encode(&bytes)
        });
        json!({
            "key": {
                "kid": kid(place, &self.about.id), "kty": self.kty, "crv": "P-256K",
                "key_ops": self.operations, "x": x, "y": y,
            },
            "attributes": self.about.attributes(), "tags": self.about.tags,
        })
    }

    /// The document that a signature is answered with.
    pub(crate) fn result(place: Place<'_>, made: &Made) -> Value {
        json!({ "kid": kid(place, &made.version), "value": BASE64URL_NOPAD.encode(&made.signature) })
    }
}
