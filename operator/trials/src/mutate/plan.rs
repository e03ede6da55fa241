//! Which edits are tried: for every field of both kinds each of its values, in the example manifests.

use super::{
    hints::{self, Hint},
    manifests::{Beginnings, Words, fill},
    path::{Path, Step},
    schema::{self, Field},
    values::{Candidate, Class, NoValue, candidates, plain},
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, sync::Arc};

/// The CRDs' fields.
#[derive(Clone, Debug)]
pub struct Schemas {
    /// Of both kinds, each before those in it.
    pub fields: Vec<Arc<Field>>,
    roots: BTreeMap<String, Value>,
}

/// One edit of one field.
#[derive(Clone, Debug)]
pub struct Mutation {
    /// The field.
    pub field: Arc<Field>,
    /// What about it is tried.
    pub what: String,
    /// What must come of it.
    pub class: Class,
    /// What is written; `None` leaves the field out.
    pub value: Option<Value>,
    /// Draws what is made around it.
    pub seed: u64,
}

/// A field for which nothing can be tried.
#[derive(Debug, thiserror::Error)]
#[error(
    "{field}: {reason}\n  teach operator/trials/src/mutate/values.rs the type, or give values in the table of hints.rs, as (\"{field}\", Hint::Values(\"[…]\"))"
)]
pub struct Untried {
    /// Name of the field.
    pub field: String,
    /// Why.
    pub reason: NoValue,
}

impl Schemas {
    /// Of the CRDs that the operator serves.
    ///
    /// # Errors
    /// A CRD does not serialise.
    pub fn ours() -> Result<Self, serde_json::Error> {
        Self::of(&operator_core::crds::all())
    }

    /// Of these CRDs.
    ///
    /// # Errors
    /// A CRD does not serialise.
    pub fn of(crds: &[CustomResourceDefinition]) -> Result<Self, serde_json::Error> {
        let mut schemas = Self { fields: Vec::new(), roots: BTreeMap::new() };
        for crd in crds {
            let (kind, root) = (crd.spec.names.kind.clone(), schema::root(crd)?);
            schemas.fields.extend(schema::fields(&kind, &root).into_iter().map(Arc::new));
            schemas.roots.insert(kind, root);
        }
        Ok(schemas)
    }

    /// Every edit, in the order of the fields, and the fields for which there is none.
    #[must_use]
    pub fn mutations(&self, beginnings: &Beginnings, seed: u64) -> (Vec<Mutation>, Vec<Untried>) {
        let (mut mutations, mut untried) = (Vec::new(), Vec::new());
        for (index, field) in self.fields.iter().enumerate() {
            let seed = seed.wrapping_mul(10_007).wrapping_add(index as u64);
            match tried(field, seed) {
                Ok(candidates) => {
                    let base = &beginnings.of(field).manifests;
                    let there = base.get(&field.kind).and_then(|object| field.path.get(object));
                    mutations.extend(
                        candidates
                            .into_iter()
                            .filter(|candidate| there != Some(&candidate.value))
                            .map(|candidate| mutation(field, candidate, seed)),
                    );
                    mutations.extend(left_out(field, there.is_some(), seed));
                }
                Err(reason) => untried.push(Untried { field: field.name(), reason }),
            }
        }
        (mutations, untried)
    }

    /// The object with the edit in it; what is missing around the field is made as its schema and the hints say. Words in it
    /// stand for what they mean.
    ///
    /// # Errors
    /// Something around the field has no value.
    pub fn edited(&self, mutation: &Mutation, object: &Value, words: &Words) -> Result<Value, NoValue> {
        let mut object = object.clone();
        let (kind, path) = (&mutation.field.kind, &mutation.field.path);
        let Some(value) = &mutation.value else {
            path.remove(&mut object);
            return Ok(object);
        };
        let mut random = StdRng::seed_from_u64(mutation.seed);
        let mut make = |at: &Path| self.made(kind, at, &mut random);
        *path.place(&mut object, &mut make)? = value.clone();
        for depth in 1..=path.0.len() {
            beside(kind, &Path(path.0[..depth].to_vec()), &mut object, &mut make)?;
        }
        fill(&mut object, words);
        Ok(object)
    }

    fn made(&self, kind: &str, at: &Path, random: &mut StdRng) -> Result<Value, NoValue> {
        if let Some(first) =
            hints::values(&format!("{kind}.{at}")).and_then(|values| values.into_iter().next())
        {
            return Ok(first);
        }
        let schema = self.roots.get(kind).and_then(|root| schema::at(root, at));
        schema.map_or(Ok(Value::Null), |schema| plain(schema, random))
    }
}

fn beside(
    kind: &str,
    at: &Path,
    object: &mut Value,
    make: &mut dyn FnMut(&Path) -> Result<Value, NoValue>,
) -> Result<(), NoValue> {
    for hint in hints::at(&format!("{kind}.{at}")) {
        if hint == Hint::Alone {
            let value = at.get(object).cloned().unwrap_or_default();
            *at.parent().place(object, make)? = serde_json::json!({});
            *at.place(object, make)? = value;
        }
        let Hint::With(text) = hint else { continue };
        let fields: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
        for (name, value) in fields {
            *at.parent().then(Step::Field(name)).place(object, make)? = value;
        }
    }
    Ok(())
}

fn tried(field: &Field, seed: u64) -> Result<Vec<Candidate>, NoValue> {
    let mut random = StdRng::seed_from_u64(seed);
    let Some(values) = hints::values(&field.name()) else {
        let mut found = candidates(&field.schema, &mut random)?;
        // A type of Kubernetes' own: its validation wants more than its schema says.
        if field.path.to_string().contains(".affinity.") {
            found
                .iter_mut()
                .filter(|candidate| candidate.class == Class::Good)
                .for_each(|one| one.class = Class::Odd);
        }
        return Ok(found);
    };
    let only = hints::of(field).contains(&Hint::Only);
    // The table says what is good; what the schema forbids is tried all the same, and what it allows is then odd.
    let good = values.iter().map(|value| Candidate {
        what: "a value of the table".to_owned(),
        value: value.clone(),
        class: Class::Good,
    });
    let from_schema = candidates(&field.schema, &mut random).unwrap_or_default().into_iter();
    let others = from_schema.filter(|candidate| !values.contains(&candidate.value));
    let others = others.filter(|candidate| !only || candidate.class == Class::Bad).map(|candidate| {
        Candidate { class: if candidate.class == Class::Bad { Class::Bad } else { Class::Odd }, ..candidate }
    });
    Ok(good.chain(others).collect())
}

fn mutation(field: &Arc<Field>, candidate: Candidate, seed: u64) -> Mutation {
    Mutation {
        field: field.clone(),
        what: candidate.what,
        class: candidate.class,
        value: Some(candidate.value),
        seed,
    }
}

/// A field of the manifest that is not there.
fn left_out(field: &Arc<Field>, there: bool, seed: u64) -> Option<Mutation> {
    let named = matches!(field.path.0.last(), Some(Step::Field(_)));
    let class = match (field.required, field.schema.get("default")) {
        (true, None) => Class::Bad,
        _ => Class::Good,
    };
    (there && named && !field.is_status()).then(|| Mutation {
        field: field.clone(),
        what: "left out".to_owned(),
        class,
        value: None,
        seed,
    })
}

/// Leaves of the spec for which there is no value that must be carried out.
#[must_use]
pub fn unmutated(mutations: &[Mutation]) -> Vec<String> {
    let mut leaves: BTreeMap<String, bool> = BTreeMap::new();
    for mutation in mutations.iter().filter(|mutation| mutation.field.is_wish()) {
        // Of Kubernetes' own types the schema does not say what is good.
        let tried = matches!(mutation.class, Class::Good | Class::Odd) && mutation.value.is_some();
        *leaves.entry(mutation.field.name()).or_default() |= tried;
    }
    leaves.into_iter().filter(|(_, tried)| !tried).map(|(name, _)| name).collect()
}

/// A part of the mutations, drawn by the seed: one of every field before a second of any.
#[must_use]
pub fn slice(mutations: Vec<Mutation>, count: usize, seed: u64) -> Vec<Mutation> {
    if mutations.len() <= count {
        return mutations;
    }
    let mut drawn = mutations;
    drawn.shuffle(&mut StdRng::seed_from_u64(seed));
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut turns: Vec<(usize, Mutation)> = drawn
        .into_iter()
        .map(|mutation| {
            let turn = seen.entry(mutation.field.name()).or_default();
            *turn += 1;
            (*turn, mutation)
        })
        .collect();
    turns.sort_by_key(|(turn, mutation)| (*turn, !mutation.field.is_leaf()));
    turns.into_iter().map(|(_, mutation)| mutation).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::Schemas;
    use crate::mutate::{
        manifests::{Beginnings, Words},
        values::Class,
    };
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
    use serde_json::json;
    use std::collections::BTreeSet;

    const URL: &str = "https://publisher.example/network-info.json";

    fn beginnings() -> Beginnings {
        Beginnings::read(URL, "a certificate").expect("examples")
    }

    #[test]
    fn every_leaf_of_the_spec_has_a_value_that_must_be_carried_out() {
        let schemas = Schemas::ours().expect("schemas");
        let (mutations, _) = schemas.mutations(&beginnings(), 1);
        assert_eq!(super::unmutated(&mutations), Vec::<String>::new());
        let only_bad: Vec<_> = mutations
            .into_iter()
            .filter(|m| m.class == Class::Bad || m.field.name() != "Validator.spec.image")
            .collect();
        assert_eq!(super::unmutated(&only_bad), ["Validator.spec.image"]);
    }

    #[test]
    fn every_field_of_both_kinds_has_values_that_are_tried_good_and_bad() {
        let schemas = Schemas::ours().expect("schemas");
        let (mutations, untried) = schemas.mutations(&beginnings(), 1);
        let untried: Vec<_> = untried.iter().map(ToString::to_string).collect();
        assert!(untried.is_empty(), "{}", untried.join("\n"));
        for bad in [false, true] {
            let tried: BTreeSet<String> =
                mutations.iter().filter(|m| (m.class == Class::Bad) == bad).map(|m| m.field.name()).collect();
            // What stands in the base manifests already is no edit; what is in it is tried.
            let within = |name: &String| tried.iter().any(|field| field.starts_with(&format!("{name}.")));
            let names = schemas.fields.iter().map(|field| field.name());
            let missing: Vec<String> =
                names.filter(|name| !tried.contains(name) && (bad || !within(name))).collect();
            assert!(missing.is_empty(), "without a value, bad {bad}: {missing:?}");
        }
    }

    #[test]
    fn a_slice_has_an_edit_of_every_leaf_before_a_second_of_any_and_another_seed_draws_others() {
        let (all, _) = Schemas::ours().expect("schemas").mutations(&beginnings(), 1);
        let leaves = |some: &[super::Mutation]| {
            let names = some.iter().filter(|m| m.field.is_leaf()).map(|m| m.field.name());
            names.collect::<BTreeSet<_>>().len()
        };
        let every = leaves(&all);
        let (one, two) = (super::slice(all.clone(), every, 1), super::slice(all.clone(), every, 2));
        assert_eq!((one.len(), leaves(&one), leaves(&two)), (every, every, every));
        let drawn = |some: &[super::Mutation]| {
            some.iter().map(|m| (m.field.name(), m.what.clone())).collect::<Vec<_>>()
        };
        assert_ne!(drawn(&one), drawn(&two));
        assert_eq!(drawn(&one), drawn(&super::slice(all, every, 1)));
    }

    #[test]
    fn a_field_that_is_added_is_tried_or_the_run_names_it_and_says_what_to_do() {
        let mut crds = operator_core::crds::all();
        let added = |schema: serde_json::Value| -> JSONSchemaProps {
            serde_json::from_value(schema).expect("a schema")
        };
        let root = crds[1].spec.versions[0]
            .schema
            .as_mut()
            .and_then(|s| s.open_api_v3_schema.as_mut())
            .expect("a schema");
        let spec = root.properties.as_mut().and_then(|all| all.get_mut("spec")).expect("a spec");
        let fields = spec.properties.as_mut().expect("fields");
        fields.insert("colour".to_owned(), added(json!({ "type": "string", "enum": ["red", "blue"] })));
        fields.insert("weight".to_owned(), added(json!({ "type": "number" })));
        let schemas = Schemas::of(&crds).expect("schemas");
        let (mutations, untried) = schemas.mutations(&beginnings(), 1);
        let colours = mutations.iter().filter(|m| m.field.name() == "Validator.spec.colour").count();
        assert_eq!(colours, 4, "both words, a word that is not in the list, a number");
        let said = untried.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(said.len(), 1);
        assert!(said[0].contains("Validator.spec.weight") && said[0].contains("hints.rs"), "{said:?}");
    }

    #[test]
    fn what_stands_around_a_field_is_made_as_schema_and_hints_say() {
        let schemas = Schemas::ours().expect("schemas");
        let beginnings = beginnings();
        let (mutations, _) = schemas.mutations(&beginnings, 1);
        let edited = |name: &str, value: &serde_json::Value| {
            let mutation = mutations
                .iter()
                .find(|m| m.field.name() == name && m.value.as_ref() == Some(value))
                .expect("tried");
            let beginning = beginnings.of(&mutation.field);
            let words = Words::from([("running", "0x1".to_owned())]);
            let words = beginning.words.clone().into_iter().chain(words).collect();
            schemas.edited(mutation, &beginning.manifests[&mutation.field.kind], &words).expect("made")
        };
        let public = edited("Validator.spec.rpc.exposure", &json!("Public"));
        assert_eq!(
            public["spec"]["rpc"],
            json!({ "type": "LoadBalancer", "exposure": "Public", "sourceRanges": ["203.0.113.0/24"] })
        );
        let path =
            "spec.pod.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[].topologyKey";
        let spread = edited(&format!("Validator.{path}"), &json!("topology.kubernetes.io/zone"));
        let term = &spread["spec"]["pod"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
            [0];
        assert_eq!(term, &json!({ "topologyKey": "topology.kubernetes.io/zone" }));
        let source =
            |name: &str, value: &str| edited(name, &json!(value))["spec"]["join"]["networkInfo"].clone();
        let place = "Consortium.spec.join.networkInfo[]";
        let map = json!([{ "configMapRef": { "name": "from-bank-a-later" } }]);
        assert_eq!(source(&format!("{place}.configMapRef.name"), "from-bank-a-later"), map);
        let secret = json!({ "secretRef": { "name": "bank-a-ca", "key": "other.crt" } });
        assert_eq!(
            source(&format!("{place}.caBundle.secretRef.key"), "other.crt"),
            json!([{ "url": URL, "caBundle": secret }])
        );
        let pin = edited("Consortium.spec.create.genesisHash", &json!("${running}"));
        assert_eq!(pin["spec"]["create"]["genesisHash"], "0x1");
    }
}
