//! Values for a field, from its schema alone: good ones, bad ones, and odd ones of which only the product knows.

use super::{
    path::ENTRY,
    text::{Choice, matching},
};
use rand::Rng;
use serde_json::{Map, Value, json};

/// What is expected of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The schema allows it: it is carried out, unless a rule in CEL refuses it by its message.
    Good,
    /// The schema forbids it: it is refused at admission, by the field's name.
    Bad,
    /// The schema allows it, a Kubernetes object may not: carried out, refused, or `Stalled` by the field's name.
    Odd,
}

/// A value and what is to be said of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// What about it is tried.
    pub what: String,
    /// The value.
    pub value: Value,
    /// What must come of it.
    pub class: Class,
}

/// Why a schema has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoValue {
    /// A type that the generators do not know.
    #[error(
        "no generator for a schema of type {0:?} (known: string, integer, boolean, array, object, int-or-string)"
    )]
    Type(String),
    /// A pattern that gives no string.
    #[error("no string of {least} to {most} characters was found for the pattern {pattern}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// `minLength`.
        least: usize,
        /// `maxLength`.
        most: usize,
    },
    /// A format that the generators do not know.
    #[error("no generator for strings of format {0:?} (known: date-time)")]
    Format(String),
}

/// Longest string that is made where the schema sets no bound.
const UNBOUNDED: usize = 63;
/// Draws after which there is no other value.
const REDRAWS: usize = 50;
/// Items of the longest list that is made.
const MOST_ITEMS: usize = 300;

/// One valid value, the plainest: what a field needs when only something in it or beside it is tried.
pub fn plain(schema: &Value, random: &mut impl Rng) -> Result<Value, NoValue> {
    if let Some(word) = schema["enum"].as_array().and_then(|words| words.first()) {
        return Ok(word.clone());
    }
    if schema["x-kubernetes-int-or-string"] == json!(true) {
        return Ok(json!(1));
    }
    match kind(schema) {
        "string" => string(schema, Choice::Short, random).map(Value::String),
        "integer" => Ok(json!(bounds(schema).0.max(1))),
        "boolean" => Ok(json!(true)),
        "array" => (0..count(schema, "minItems", 0))
            .map(|index| distinct(schema, index, random))
            .collect::<Result<_, _>>()
            .map(Value::Array),
        "object" if schema.get("properties").is_some() => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let fields: Result<Map<_, _>, _> = required
                .map(|name| Ok((name.to_owned(), plain(&schema["properties"][name], random)?)))
                .collect();
            fields.map(Value::Object)
        }
        "object" => Ok(json!({})),
        other => Err(NoValue::Type(other.to_owned())),
    }
}

/// Everything that is tried on a field.
pub fn candidates(schema: &Value, random: &mut impl Rng) -> Result<Vec<Candidate>, NoValue> {
    let mut found = Vec::new();
    let mut add = |class, what: &str, value| found.push(Candidate { what: what.to_owned(), value, class });
    if let Some(words) = schema["enum"].as_array() {
        for word in words.iter().filter(|word| !word.is_null()) {
            add(Class::Good, "a word of the list", word.clone());
        }
        add(Class::Bad, "a word that is not in the list", json!("NoSuchWord"));
        add(Class::Bad, "a number for a word", json!(7));
        return Ok(found);
    }
    if schema["x-kubernetes-int-or-string"] == json!(true) {
        add(Class::Good, "a number", json!(1));
        add(Class::Odd, "a string", json!("1"));
        add(Class::Bad, "a list", json!([]));
        return Ok(found);
    }
    match kind(schema) {
        "string" => strings(schema, random, &mut add)?,
        "integer" => integers(schema, &mut add),
        "boolean" => {
            add(Class::Good, "yes", json!(true));
            add(Class::Good, "no", json!(false));
            add(Class::Bad, "a string for a truth", json!("true"));
        }
        "array" => lists(schema, random, &mut add)?,
        "object" => objects(schema, random, &mut add)?,
        other => return Err(NoValue::Type(other.to_owned())),
    }
    if schema["nullable"] == json!(true) {
        add(Class::Odd, "null", Value::Null);
    }
    Ok(found)
}

type Add<'a> = dyn FnMut(Class, &str, Value) + 'a;

fn kind(schema: &Value) -> &str {
    schema["type"].as_str().unwrap_or("none")
}

fn count(schema: &Value, key: &str, otherwise: usize) -> usize {
    schema[key].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(otherwise)
}

fn lengths(schema: &Value) -> std::ops::RangeInclusive<usize> {
    count(schema, "minLength", 0)..=count(schema, "maxLength", UNBOUNDED)
}

fn string(schema: &Value, choice: Choice, random: &mut impl Rng) -> Result<String, NoValue> {
    let lengths = lengths(schema);
    let Some(pattern) = schema["pattern"].as_str() else {
        return match schema["format"].as_str() {
            None => Ok("a".repeat(match choice {
                Choice::Short => (*lengths.start()).max(1),
                Choice::Long => (*lengths.end()).min(UNBOUNDED),
                Choice::Random => random.random_range((*lengths.start()).max(1)..=(*lengths.end()).min(12)),
            })),
            Some("date-time") => Ok(match choice {
                Choice::Short => "2026-01-01T00:00:00Z".to_owned(),
                Choice::Long | Choice::Random => "2031-12-31T23:59:59Z".to_owned(),
            }),
            Some(other) => Err(NoValue::Format(other.to_owned())),
        };
    };
    let (least, most) = (*lengths.start(), *lengths.end());
    matching(pattern, lengths, choice, random).ok_or_else(|| NoValue::Pattern {
        pattern: pattern.to_owned(),
        least,
        most,
    })
}

fn strings(schema: &Value, random: &mut impl Rng, add: &mut Add<'_>) -> Result<(), NoValue> {
    for (what, choice) in [
        ("the shortest", Choice::Short),
        ("the longest", Choice::Long),
        ("one of the pattern", Choice::Random),
        ("another of the pattern", Choice::Random),
    ] {
        add(Class::Good, what, json!(string(schema, choice, random)?));
    }
    let pattern = schema["pattern"].as_str().and_then(|pattern| regex::Regex::new(pattern).ok());
    let allowed = |text: &str| {
        lengths(schema).contains(&text.chars().count())
            && pattern.as_ref().is_none_or(|pattern| pattern.is_match(text))
            && schema.get("format").is_none()
    };
    let odd = ["", " ", "-", "a b", "é", "A/B/C", "..", "a..b", "a\nb", "{{ x }}", "🦀", "-1", "0"];
    for text in odd {
        let class = if allowed(text) { Class::Odd } else { Class::Bad };
        add(class, &format!("{text:?}"), json!(text));
    }
    if schema.get("maxLength").is_some() {
        add(Class::Bad, "one character too many", json!("a".repeat(lengths(schema).end() + 1)));
    }
    add(Class::Bad, "a number for a string", json!(7));
    add(Class::Bad, "an object for a string", json!({ "a": 1 }));
    Ok(())
}

fn bounds(schema: &Value) -> (i64, i64) {
    let bound = |key: &str| {
        schema[key].as_f64().map(|bound| {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a JSON schema's bounds are floats; these are whole"
            )]
            let whole = bound as i64;
            whole
        })
    };
    let format = match schema["format"].as_str() {
        Some("int32") => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    };
    (bound("minimum").unwrap_or(format.0), bound("maximum").unwrap_or(format.1))
}

fn integers(schema: &Value, add: &mut Add<'_>) {
    let (least, most) = bounds(schema);
    let bounded = |key: &str| schema.get(key).is_some();
    let class = |bounded| if bounded { Class::Good } else { Class::Odd };
    add(class(bounded("minimum")), "the least", json!(least));
    add(class(bounded("maximum")), "the most", json!(most));
    if !bounded("minimum") {
        add(Class::Good, "one", json!(1));
        add(Class::Odd, "zero", json!(0));
    } else if let Some(less) = least.checked_sub(1) {
        add(Class::Good, "one more than the least", json!(least + 1));
        add(Class::Bad, "less than the least", json!(less));
    }
    if let Some(more) = most.checked_add(1).filter(|_| bounded("maximum")) {
        add(Class::Bad, "more than the most", json!(more));
    }
    if schema["format"] == json!("int32") {
        add(Class::Bad, "more than 32 bits", json!(i64::from(i32::MAX) + 1));
    }
    add(Class::Bad, "a fraction", json!(1.5));
    add(Class::Bad, "a string for a number", json!("1"));
}

fn lists(schema: &Value, random: &mut impl Rng, add: &mut Add<'_>) -> Result<(), NoValue> {
    let (least, most) = (count(schema, "minItems", 0), count(schema, "maxItems", 3));
    let words = schema["items"]["enum"].as_array().map_or(usize::MAX, Vec::len);
    for count in [least, 1, 2, most.min(words)] {
        if (least..=most.min(words).min(MOST_ITEMS)).contains(&count)
            && let Some(list) = items(schema, count, random)?
        {
            add(Class::Good, &format!("{count} items"), list);
        }
    }
    if let Some(less) = least.checked_sub(1)
        && let Some(list) = items(schema, less, random)?
    {
        add(Class::Bad, "too few items", list);
    }
    if schema.get("maxItems").is_some()
        && most < words.min(MOST_ITEMS)
        && let Some(list) = items(schema, most + 1, random)?
    {
        add(Class::Bad, "too many items", list);
    }
    if ["set", "map"].iter().any(|kind| schema["x-kubernetes-list-type"] == json!(kind)) && most > 1 {
        let item = distinct(schema, 0, random)?;
        add(Class::Bad, "an item twice", json!([item, item]));
    }
    add(Class::Bad, "a string for a list", json!("a"));
    Ok(())
}

/// So many items that differ; `None` when the schema has not so many.
fn items(schema: &Value, count: usize, random: &mut impl Rng) -> Result<Option<Value>, NoValue> {
    let mut list: Vec<Value> = Vec::new();
    for index in 0..count {
        let mut item = distinct(schema, index, random)?;
        for _ in 0..REDRAWS {
            if list.contains(&item) {
                item = distinct(schema, index, random)?;
            }
        }
        // Objects without a field to number are equal, and lists that are neither sets nor maps may have them.
        if list.contains(&item) && !item.is_object() {
            return Ok(None);
        }
        list.push(item);
    }
    Ok(Some(Value::Array(list)))
}

fn objects(schema: &Value, random: &mut impl Rng, add: &mut Add<'_>) -> Result<(), NoValue> {
    let fieldless = Map::new();
    let properties = schema["properties"].as_object();
    // Without fields and without entries it is there or not.
    if let Some(properties) = properties.or(schema["additionalProperties"].is_null().then_some(&fieldless)) {
        let whole = plain(schema, random)?;
        add(Class::Good, "what it needs", whole.clone());
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let mut less = whole.clone();
            if let Some(fields) = less.as_object_mut() {
                fields.remove(name);
            }
            // What is left out takes its default.
            let class = if properties[name].get("default").is_some() { Class::Odd } else { Class::Bad };
            add(class, &format!("without {name}"), less);
        }
        let mut more = whole;
        more["unknownField"] = json!(true);
        // Out of an object without fields the API server takes it and says nothing, strict or not.
        let class = if properties.is_empty() { Class::Odd } else { Class::Bad };
        add(class, "with a field that nobody knows", more);
    } else {
        let entry = plain(&schema["additionalProperties"], random)?;
        add(Class::Good, "no entries", json!({}));
        add(Class::Good, "an entry", json!({ ENTRY: entry }));
        for key in ["", " ", "a b", "-", "é", "A/B/C", "quorate.dev/fleet", "example.com/"] {
            add(Class::Odd, &format!("key {key:?}"), json!({ key: entry }));
        }
        if let Some(most) = schema["maxProperties"].as_u64() {
            let many: Map<_, _> = (0..=most).map(|n| (format!("example.com/{n}"), entry.clone())).collect();
            add(Class::Bad, "too many entries", Value::Object(many));
        }
    }
    add(Class::Bad, "a string for an object", json!("a"));
    Ok(())
}

/// An item that differs from those of the other indices, so that sets and maps can have many.
fn distinct(list: &Value, index: usize, random: &mut impl Rng) -> Result<Value, NoValue> {
    let (schema, keys) = (&list["items"], &list["x-kubernetes-list-map-keys"]);
    let is_key = |name: &str| keys.as_array().is_some_and(|keys| keys.iter().any(|key| *key == name));
    let counted = |schema: &Value| json!(bounds(schema).0.max(1) + i64::try_from(index).unwrap_or(i64::MAX));
    if let Some(words) = schema["enum"].as_array() {
        return Ok(words[index % words.len()].clone());
    }
    let mut value = plain(schema, random)?;
    match &mut value {
        Value::Number(_) => value = counted(schema),
        Value::String(text) => *text = numbered(schema, text, index, random)?,
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                let schema = &schema["properties"][name];
                match field {
                    Value::String(text) => *text = numbered(schema, text, index, random)?,
                    Value::Number(_) if is_key(name) => *field = counted(schema),
                    _ => {}
                }
            }
        }
        _ => {}
    }
    Ok(value)
}

/// Takes the number as digits at the end, or draws until something else comes.
fn numbered(schema: &Value, text: &str, index: usize, random: &mut impl Rng) -> Result<String, NoValue> {
    if index == 0 || schema.get("enum").is_some() || schema.get("format").is_some() {
        return Ok(text.to_owned());
    }
    let pattern = schema["pattern"].as_str().and_then(|pattern| regex::Regex::new(pattern).ok());
    let fits = |text: &String| {
        lengths(schema).contains(&text.chars().count()) && pattern.as_ref().is_none_or(|p| p.is_match(text))
    };
    let digits = index.to_string();
    let ended = format!("{text}{digits}");
    let replaced = format!("{}{digits}", &text[..text.len().saturating_sub(digits.len())]);
    if let Some(fitting) = [ended, replaced].into_iter().find(fits) {
        return Ok(fitting);
    }
    string(schema, Choice::Random, random)
}

#[cfg(test)]
mod tests {
    use super::{Class, NoValue, candidates, plain};
    use rand::{SeedableRng, rngs::StdRng};
    use serde_json::{Value, json};

    fn of(schema: &Value, class: Class) -> Vec<Value> {
        let found = candidates(schema, &mut StdRng::seed_from_u64(1)).expect("a known type");
        found.into_iter().filter(|candidate| candidate.class == class).map(|c| c.value).collect()
    }

    #[test]
    fn numbers_are_tried_at_their_bounds_and_beyond_them() {
        let schema = json!({ "type": "integer", "format": "int32", "minimum": 1.0, "maximum": 64.0 });
        assert_eq!(of(&schema, Class::Good), [json!(1), json!(64), json!(2)]);
        let bad = of(&schema, Class::Bad);
        for value in [json!(0), json!(65), json!(2_147_483_648_i64), json!(1.5), json!("1")] {
            assert!(bad.contains(&value), "{value}");
        }
    }

    #[test]
    fn strings_off_the_pattern_or_too_long_are_bad_and_those_that_slip_through_are_odd() {
        let schema = json!({ "type": "string", "pattern": "^[a-z.]*$", "maxLength": 5 });
        for good in of(&schema, Class::Good) {
            assert!(good.as_str().is_some_and(|text| text.len() <= 5), "{good}");
        }
        let (odd, bad) = (of(&schema, Class::Odd), of(&schema, Class::Bad));
        assert!(odd.contains(&json!("a..b")) && odd.contains(&json!("")), "{odd:?}");
        for value in [json!("é"), json!("aaaaaa"), json!(7)] {
            assert!(bad.contains(&value), "{value}");
        }
    }

    #[test]
    fn lists_have_few_and_many_distinct_items() {
        let schema = json!({ "type": "array", "minItems": 1, "maxItems": 12, "x-kubernetes-list-type": "set",
            "items": { "type": "string", "pattern": "^[a-z]([a-z0-9]*)?$", "maxLength": 4 } });
        let good = of(&schema, Class::Good);
        let longest = good.iter().filter_map(Value::as_array).max_by_key(|list| list.len()).expect("lists");
        let distinct: std::collections::BTreeSet<_> = longest.iter().map(ToString::to_string).collect();
        assert_eq!((longest.len(), distinct.len()), (12, 12));
        let bad = of(&schema, Class::Bad);
        assert!(bad.contains(&json!([])) && bad.iter().any(|v| v.as_array().is_some_and(|l| l.len() == 13)));
        assert!(bad.contains(&json!(["a", "a"])), "a set with an item twice: {bad:?}");
    }

    #[test]
    fn an_object_lacks_what_it_needs_or_has_what_nobody_knows() {
        let schema = json!({ "type": "object", "required": ["a"], "properties": {
            "a": { "type": "boolean" }, "b": { "type": "string" } } });
        let bad = of(&schema, Class::Bad);
        assert!(bad.contains(&json!({})) && bad.contains(&json!({ "a": true, "unknownField": true })));
    }

    #[test]
    fn an_object_without_fields_is_there_or_has_what_nobody_knows() {
        let schema = json!({ "type": "object" });
        assert_eq!(of(&schema, Class::Good), [json!({})]);
        assert!(of(&schema, Class::Odd).contains(&json!({ "unknownField": true })));
    }

    #[test]
    fn items_of_a_map_differ_in_their_keys() {
        let schema = json!({ "type": "array", "maxItems": 9, "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["id"], "items": { "type": "object", "required": ["id", "for"],
            "properties": { "id": { "type": "integer" }, "for": { "type": "integer" } } } });
        let good = of(&schema, Class::Good);
        let longest = good.iter().filter_map(Value::as_array).max_by_key(|list| list.len()).expect("lists");
        let ids: std::collections::BTreeSet<_> = longest.iter().map(|item| item["id"].to_string()).collect();
        assert_eq!((longest.len(), ids.len()), (9, 9), "{longest:?}");
        assert!(longest.iter().all(|item| item["for"] == json!(1)), "what is no key is plain");
    }

    #[test]
    fn what_no_generator_knows_is_an_error_that_says_so() {
        let unknown = plain(&json!({ "type": "number" }), &mut StdRng::seed_from_u64(1));
        assert_eq!(unknown, Err(NoValue::Type("number".to_owned())));
        let format =
            candidates(&json!({ "type": "string", "format": "ipv6" }), &mut StdRng::seed_from_u64(1));
        assert_eq!(format, Err(NoValue::Format("ipv6".to_owned())));
        let none = json!({ "type": "string", "pattern": "^x{9}$", "maxLength": 3 });
        assert!(matches!(plain(&none, &mut StdRng::seed_from_u64(1)), Err(NoValue::Pattern { .. })));
    }
}
