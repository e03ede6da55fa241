//! What is joined, and how this member describes the network to others.

use super::{InvalidField, consortium::hash};
use crate::api::{
    Consortium,
    consortium::{AzureBlob, CaBundle, Join, NetworkInfoSource, PublishType},
    validator::Exposure,
};
use alloy_primitives::B256;
use std::collections::BTreeMap;

/// Entry of a bundle, when the spec names none: what cert-manager and `kubectl create secret` write.
const CA_KEY: &str = "ca.crt";

/// A network to join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedNetwork {
    /// Hash that the genesis must have.
    pub genesis_hash: B256,
    /// Where it is described, in the order of the spec.
    pub sources: Vec<Source>,
}

/// Where a network info is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An https address.
    Url {
        /// Which.
        url: String,
        /// Who vouches for it; the public authorities when absent.
        authorities: Option<Authorities>,
    },
    /// A ConfigMap of the same namespace.
    ConfigMap(String),
    /// A container of an Azure storage account.
    AzureBlob(Container),
}

/// A container of an Azure storage account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Its https address, without a query.
    pub url: String,
}

/// An entry with certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorities {
    /// In a Secret, else in a ConfigMap.
    pub secret: bool,
    /// Name of the object.
    pub name: String,
    /// Entry.
    pub key: String,
}

impl Source {
    /// Names it in messages. A query may hold a credential, as of a storage account, so it is left out.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Url { url, .. } => url.split('?').next().unwrap_or_default().to_owned(),
            Self::ConfigMap(name) => format!("ConfigMap {name}"),
            Self::AzureBlob(container) => container.url.clone(),
        }
    }
}

/// The web server with the network info.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedService {
    /// Behind a load balancer, else inside the cluster.
    pub load_balancer: bool,
    /// A load balancer that the world reaches.
    pub public: bool,
    /// Who may connect to a load balancer; everybody when empty.
    pub source_ranges: Vec<String>,
    /// Annotations of the Service.
    pub annotations: BTreeMap<String, String>,
    /// Secret with certificate and key; http when absent.
    pub tls_secret: Option<String>,
}

pub(super) fn joined(join: &Join) -> Result<JoinedNetwork, InvalidField> {
    let sources = join.network_info.iter().enumerate();
    Ok(JoinedNetwork {
        genesis_hash: hash("spec.join.genesisHash", &join.genesis_hash)?,
        sources: sources.map(|(index, from)| source(index, from)).collect::<Result<_, _>>()?,
    })
}

fn source(index: usize, from: &NetworkInfoSource) -> Result<Source, InvalidField> {
    let field = format!("spec.join.networkInfo[{index}]");
    match (&from.url, &from.config_map_ref, &from.azure_blob) {
        (Some(url), None, None) => {
            let bundle = from.ca_bundle.as_ref();
            let authorities = bundle.map(|bundle| authorities(&field, bundle)).transpose()?;
            Ok(Source::Url { url: url.clone(), authorities })
        }
        (None, Some(reference), None) => Ok(Source::ConfigMap(reference.name.clone())),
        (None, None, Some(blob)) => container(&format!("{field}.azureBlob"), blob).map(Source::AzureBlob),
        _ => Err(InvalidField::new(&field, "is exactly one of url, configMapRef and azureBlob")),
    }
}

/// A signature in the address would be a credential that everybody reads who may read the object.
fn container(field: &str, blob: &AzureBlob) -> Result<Container, InvalidField> {
    if blob.container_url.contains('?') {
        return Err(InvalidField::new(
            &format!("{field}.containerUrl"),
            "has a query; leave it out and give the operator's workload identity a role on the container",
        ));
    }
    Ok(Container { url: blob.container_url.clone() })
}

/// The container in which the network info is to be, if one is wanted.
pub(super) fn published_blob(object: &Consortium) -> Result<Option<Container>, InvalidField> {
    let wanted = object.spec.publish.as_ref().and_then(|publish| publish.network_info.as_ref());
    let blob = wanted.and_then(|wanted| wanted.azure_blob.as_ref());
    blob.map(|blob| container("spec.publish.networkInfo.azureBlob", blob)).transpose()
}

fn authorities(field: &str, bundle: &CaBundle) -> Result<Authorities, InvalidField> {
    let (secret, entry) = match (&bundle.secret_ref, &bundle.config_map_ref) {
        (Some(entry), None) => (true, entry),
        (None, Some(entry)) => (false, entry),
        _ => {
            let field = format!("{field}.caBundle");
            return Err(InvalidField::new(&field, "is exactly one of configMapRef and secretRef"));
        }
    };
    let key = entry.key.clone().unwrap_or_else(|| CA_KEY.to_owned());
    Ok(Authorities { secret, name: entry.name.clone(), key })
}

pub(super) fn published(object: &Consortium) -> Result<Option<PublishedService>, InvalidField> {
    let wanted = object.spec.publish.as_ref().and_then(|publish| publish.network_info.as_ref());
    let Some(service) = wanted.and_then(|wanted| wanted.service.as_ref()) else { return Ok(None) };
    let load_balancer = service.kind.unwrap_or_default() == PublishType::LoadBalancer;
    if load_balancer && service.tls.is_none() {
        return Err(InvalidField::new(
            "spec.publish.networkInfo.service.tls",
            "is missing; a load balancer serves https only",
        ));
    }
    Ok(Some(PublishedService {
        load_balancer,
        public: service.exposure == Some(Exposure::Public),
        source_ranges: service.source_ranges.clone(),
        annotations: service.annotations.clone(),
        tls_secret: service.tls.as_ref().map(|tls| tls.secret_name.clone()),
    }))
}

#[cfg(test)]
mod tests {
    use super::{Container, Source};
    use crate::{
        api::Consortium,
        validate::{Authorities, Network, consortium},
    };
    use serde_json::{Value, json};

    fn manifest(join: &Value) -> Consortium {
        let manifest = json!({
            "apiVersion": "quorate.dev/v1alpha1", "kind": "Consortium", "metadata": { "name": "trade-finance" },
            "spec": {
                "member": { "alias": "bank-b", "admin": { "secret": {} }, "operator": { "secret": {} } },
                "join": join,
            },
        });
        serde_json::from_value(manifest).expect("a Consortium")
    }

    fn hash() -> String {
        format!("0x{}", "11".repeat(32))
    }

    #[test]
    fn sources_keep_their_order_and_a_bundle_without_a_key_is_the_usual_one() {
        let join = json!({ "genesisHash": hash(), "networkInfo": [
            { "url": "https://a.example/network-info.json?sig=secret",
              "caBundle": { "secretRef": { "name": "bank-a-ca" } } },
            { "configMapRef": { "name": "from-bank-c" } },
        ]});
        let valid = consortium(&manifest(&join)).expect("valid");
        let Network::Join(joined) = valid.network else { panic!("it joins") };
        assert_eq!(joined.genesis_hash.to_string(), hash());
        let authorities =
            Some(Authorities { secret: true, name: "bank-a-ca".to_owned(), key: "ca.crt".to_owned() });
        let url = "https://a.example/network-info.json?sig=secret".to_owned();
        assert_eq!(joined.sources[0], Source::Url { url, authorities });
        assert_eq!(joined.sources[1], Source::ConfigMap("from-bank-c".to_owned()));
    }

    #[test]
    fn what_stands_behind_the_question_mark_of_a_url_is_in_no_message() {
        let url = "https://a.example/network-info.json?sig=secret".to_owned();
        assert_eq!(Source::Url { url, authorities: None }.name(), "https://a.example/network-info.json");
    }

    #[test]
    fn a_source_that_is_both_or_neither_and_a_hash_that_is_none_are_refused_by_name() {
        let both = json!([{ "url": "https://a.example/", "configMapRef": { "name": "b" } }]);
        let bundle = json!([{ "url": "https://a.example/", "caBundle": {} }]);
        let cases = [
            (json!({ "genesisHash": hash(), "networkInfo": both }), "spec.join.networkInfo[0]"),
            (json!({ "genesisHash": hash(), "networkInfo": [{}] }), "spec.join.networkInfo[0]"),
            (json!({ "genesisHash": hash(), "networkInfo": bundle }), "spec.join.networkInfo[0].caBundle"),
            (json!({ "genesisHash": "0x11", "networkInfo": [] }), "spec.join.genesisHash"),
        ];
        for (join, field) in cases {
            assert_eq!(consortium(&manifest(&join)).expect_err(field).field, field);
        }
    }

    #[test]
    fn a_container_is_a_source_and_a_place_to_publish_in_unless_its_address_carries_a_signature() {
        let joins = |url: &str| json!({ "genesisHash": hash(), "networkInfo": [{ "azureBlob": { "containerUrl": url } }] });
        let publishes = |url: &str| {
            let mut object = manifest(&joins("https://a.blob.core.windows.net/net"));
            let publish = json!({ "networkInfo": { "azureBlob": { "containerUrl": url } } });
            object.spec.publish = Some(serde_json::from_value(publish).expect("publish"));
            consortium(&object)
        };
        let good = "https://a.blob.core.windows.net/net";
        let valid = publishes(good).expect("valid");
        let Network::Join(joined) = valid.network else { panic!("it joins") };
        assert_eq!(joined.sources, [Source::AzureBlob(Container { url: good.to_owned() })]);
        assert_eq!(valid.publish_blob, Some(Container { url: good.to_owned() }));
        let signed = format!("{good}?sv=2026-04-06&sig=secret");
        let refused = [consortium(&manifest(&joins(&signed))), publishes(&signed)]
            .map(|result| result.expect_err("refused"));
        assert_eq!(refused[0].field, "spec.join.networkInfo[0].azureBlob.containerUrl");
        assert_eq!(refused[1].field, "spec.publish.networkInfo.azureBlob.containerUrl");
        assert!(refused.iter().all(|error| !error.to_string().contains("secret")));
    }

    #[test]
    fn a_load_balancer_without_a_certificate_is_refused() {
        let mut object =
            manifest(&json!({ "genesisHash": hash(), "networkInfo": [{ "configMapRef": { "name": "b" } }] }));
        let publish = json!({ "networkInfo": { "service": { "type": "LoadBalancer" } } });
        object.spec.publish = Some(serde_json::from_value(publish).expect("publish"));
        let refused = consortium(&object).expect_err("refused");
        assert_eq!(refused.field, "spec.publish.networkInfo.service.tls");
    }
}
