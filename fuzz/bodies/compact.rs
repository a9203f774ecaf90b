//! What holds of any bytes that a peer may send instead of values in the compact codec. Shared by the fuzz target and a property test.

use std::collections::BTreeMap;

use rpc_core::codec::compact::{read_compact, write_compact};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A value of every form; of types that nest as deep as the bytes say.
#[derive(Debug, Serialize, Deserialize)]
enum Any {
    Unit,
    Bool(bool),
    Small(i8, u8, i16, u16),
    Large { ints: (i32, u32, i64, u64), wide: (i128, u128) },
    Floats(f32, f64),
    Text(char, String),
    Option(Option<Option<Box<Any>>>),
    List(Vec<Any>),
    Map(BTreeMap<String, Any>),
    Nothing(Vec<()>, BTreeMap<(), ()>),
    New(New),
}

#[derive(Debug, Serialize, Deserialize)]
struct New(Box<Any>);

#[derive(Debug, Serialize, Deserialize)]
struct Chain(Option<Box<Chain>>);

/// Reads the bytes as several types; panics if what was read is written as other bytes, or not at all.
pub(crate) fn decode(bytes: &[u8]) {
    alike::<Any>(bytes);
    alike::<Vec<Any>>(bytes);
    alike::<Chain>(bytes);
    alike::<(u64, String, Vec<u16>, bool)>(bytes);
    let _borrowed = read_compact::<(&str, Option<&str>)>(bytes);
    let _unreadable = read_compact::<serde_json::Value>(bytes).expect_err("any JSON cannot be read");
}

fn alike<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    let Ok(value) = read_compact::<T>(bytes) else { return };
    let mut again = Vec::new();
    write_compact(&mut again, &value).expect("what was read can be written");
    // A map may have come unsorted, or with a key twice: then what was kept of it is written.
    if again != bytes {
        let value = read_compact::<T>(&again).expect("what was written can be read");
        let mut third = Vec::new();
        write_compact(&mut third, &value).expect("and written");
        assert_eq!(again, third);
    }
}
