//! Reads structs from JSON objects only: derived code would take an array for a struct, its members by position.

use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

/// Reads a struct from a body that is one JSON object, with nothing behind it.
///
/// # Errors
/// The body is anything else. Unknown members are the struct's own affair (`deny_unknown_fields`); doubled ones are always refused.
pub fn from_slice<T: DeserializeOwned>(body: &[u8]) -> serde_json::Result<T> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = object(&mut json)?;
    json.end()?;
    Ok(read)
}

/// For `#[serde(deserialize_with = "…")]`: a struct.
///
/// # Errors
/// What stands there is no object, or not that struct.
pub fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::deserialize(Object(deserializer))
}

/// For `#[serde(deserialize_with = "…")]`: a list of structs.
///
/// # Errors
/// As [`object`], for any of them.
pub fn objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let all = Vec::<One<T>>::deserialize(deserializer)?;
    Ok(all.into_iter().map(|one| one.0).collect())
}

struct One<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for One<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object(deserializer).map(Self)
    }
}

/// Whatever is asked for, it gives the members of an object.
struct Object<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Object<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        a: u8,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[serde(deserialize_with = "object")]
        one: Inner,
        #[serde(deserialize_with = "objects")]
        many: Vec<Inner>,
    }

    #[test]
    fn only_objects_with_each_member_once_are_structs() {
        let good = br#" {"one":{"a":1},"many":[{"a":2},{"a":3}]} "#;
        let many = vec![Inner { a: 2 }, Inner { a: 3 }];
        assert_eq!(from_slice::<Outer>(good).expect("read"), Outer { one: Inner { a: 1 }, many });
        for bad in [
            r#"[{"a":1},[]]"#,
            r#"{"one":[1],"many":[]}"#,
            r#"{"one":{"a":1},"many":[[2]]}"#,
            r#"{"one":{"a":1},"many":[],"more":1}"#,
            r#"{"one":{"a":1},"one":{"a":1},"many":[]}"#,
            r#"{"one":{"a":1,"a":1},"many":[]}"#,
            r#"{"one":{"a":1},"many":[]}x"#,
            "null",
            "",
        ] {
            assert!(from_slice::<Outer>(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
