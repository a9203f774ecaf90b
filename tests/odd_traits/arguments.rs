//! Arguments of every shape: borrowed, nested, with lifetimes.
#![allow(clippy::ptr_arg, clippy::needless_lifetimes)]

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wherever::{RpcError, rpc_service};

/// An alias that hides the word `Result` from nobody.
pub(crate) type Answer<T> = Result<T, RpcError>;

/// A struct with named parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Day {
    /// Years.
    pub(crate) year: u16,
    /// Days.
    pub(crate) day: u16,
}

/// An enum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Shade {
    /// None.
    Dark,
    /// Some.
    Grey(u8),
}

/// A generic type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pair<A, B>(pub(crate) A, pub(crate) B);

#[rpc_service]
trait Borrowed {
    async fn text(&self, text: &str) -> Answer<String>;
    async fn bytes(&self, bytes: &[u8]) -> Answer<usize>;
    async fn value(&self, day: &Day) -> Answer<u16>;
    async fn string(&self, text: &String) -> Answer<usize>;
    async fn vector(&self, texts: &Vec<String>) -> Answer<usize>;
    async fn array(&self, array: &[u8; 4]) -> Answer<u8>;
    async fn slice(&self, days: &[Day]) -> Answer<usize>;
    async fn path(&self, path: &Path) -> Answer<PathBuf>;
    async fn maybe_text(&self, text: Option<&str>) -> Answer<Option<String>>;
    async fn maybe_bytes(&self, bytes: Option<&[u8]>) -> Answer<Option<usize>>;
    async fn maybe_day(&self, day: Option<&Day>) -> Answer<Option<u16>>;
    async fn maybe_path(&self, path: Option<&Path>) -> Answer<Option<PathBuf>>;
    async fn cow(&self, text: Cow<'_, str>) -> Answer<String>;
    async fn cow_static(&self, text: Cow<'static, str>) -> Answer<String>;
    async fn cow_bytes(&self, bytes: Cow<'_, [u8]>) -> Answer<usize>;
    async fn many(&self, a: &str, b: String, c: &[u8], d: Option<&str>, e: &Day) -> Answer<String>;
    async fn named<'a>(&'a self, one: &'a str, two: &'a Day) -> Answer<String>;
    async fn two<'a, 'b>(&'a self, one: &'b str, two: &'a str) -> Answer<String>
    where
        'b: 'a;
    async fn bound<'a, 'b: 'a>(&self, one: &'a str, two: Cow<'b, str>) -> Answer<String>;
    #[allow(clippy::needless_arbitrary_self_type)]
    async fn spelled_out(self: &Self, one: &str) -> Answer<String>;
}

struct Lender;

impl Borrowed for Lender {
    async fn text(&self, text: &str) -> Answer<String> {
        Ok(text.to_uppercase())
    }
    async fn bytes(&self, bytes: &[u8]) -> Answer<usize> {
        Ok(bytes.len())
    }
    async fn value(&self, day: &Day) -> Answer<u16> {
        Ok(day.year + day.day)
    }
    async fn string(&self, text: &String) -> Answer<usize> {
        Ok(text.len())
    }
    async fn vector(&self, texts: &Vec<String>) -> Answer<usize> {
        Ok(texts.len())
    }
    async fn array(&self, array: &[u8; 4]) -> Answer<u8> {
        Ok(array[3])
    }
    async fn slice(&self, days: &[Day]) -> Answer<usize> {
        Ok(days.len())
    }
    async fn path(&self, path: &Path) -> Answer<PathBuf> {
        Ok(path.join("x"))
    }
    async fn maybe_text(&self, text: Option<&str>) -> Answer<Option<String>> {
        Ok(text.map(str::to_uppercase))
    }
    async fn maybe_bytes(&self, bytes: Option<&[u8]>) -> Answer<Option<usize>> {
        Ok(bytes.map(<[u8]>::len))
    }
    async fn maybe_day(&self, day: Option<&Day>) -> Answer<Option<u16>> {
        Ok(day.map(|day| day.day))
    }
    async fn maybe_path(&self, path: Option<&Path>) -> Answer<Option<PathBuf>> {
        Ok(path.map(Path::to_path_buf))
    }
    async fn cow(&self, text: Cow<'_, str>) -> Answer<String> {
        Ok(text.into_owned())
    }
    async fn cow_static(&self, text: Cow<'static, str>) -> Answer<String> {
        Ok(text.into_owned())
    }
    async fn cow_bytes(&self, bytes: Cow<'_, [u8]>) -> Answer<usize> {
        Ok(bytes.len())
    }
    async fn many(&self, a: &str, b: String, c: &[u8], d: Option<&str>, e: &Day) -> Answer<String> {
        Ok(format!("{a}{b}{}{}{}", c.len(), d.unwrap_or("-"), e.year))
    }
    async fn named<'a>(&'a self, one: &'a str, two: &'a Day) -> Answer<String> {
        Ok(format!("{one}{}", two.day))
    }
    async fn two<'a, 'b>(&'a self, one: &'b str, two: &'a str) -> Answer<String>
    where
        'b: 'a,
    {
        let longest: &'a str = if one.len() > two.len() { one } else { two };
        Ok(longest.to_owned())
    }
    async fn bound<'a, 'b: 'a>(&self, one: &'a str, two: Cow<'b, str>) -> Answer<String> {
        Ok(format!("{one}{two}"))
    }
    async fn spelled_out(&self, one: &str) -> Answer<String> {
        Ok(one.to_owned())
    }
}

#[tokio::test]
async fn borrowed_arguments_are_lent() {
    let client = BorrowedClient::local(Lender);
    let day = Day { year: 2000, day: 7 };
    assert_eq!(client.text("a").await.unwrap(), "A");
    assert_eq!(client.bytes(b"abc").await.unwrap(), 3);
    assert_eq!(client.value(&day).await.unwrap(), 2007);
    assert_eq!(client.string(&"four".to_owned()).await.unwrap(), 4);
    assert_eq!(client.vector(&vec!["a".to_owned()]).await.unwrap(), 1);
    assert_eq!(client.array(&[1, 2, 3, 4]).await.unwrap(), 4);
    assert_eq!(client.slice(std::slice::from_ref(&day)).await.unwrap(), 1);
    assert_eq!(client.path(Path::new("a")).await.unwrap(), PathBuf::from("a/x"));
    assert_eq!(client.maybe_text(Some("a")).await.unwrap().as_deref(), Some("A"));
    assert_eq!(client.maybe_text(None).await.unwrap(), None);
    assert_eq!(client.maybe_bytes(Some(b"ab")).await.unwrap(), Some(2));
    assert_eq!(client.maybe_day(Some(&day)).await.unwrap(), Some(7));
    assert_eq!(client.maybe_path(Some(Path::new("p"))).await.unwrap(), Some(PathBuf::from("p")));
    assert_eq!(client.cow(Cow::Borrowed("c")).await.unwrap(), "c");
    assert_eq!(client.cow_static(Cow::Borrowed("s")).await.unwrap(), "s");
    assert_eq!(client.cow_bytes(Cow::Borrowed(b"123")).await.unwrap(), 3);
    assert_eq!(client.many("a", "b".to_owned(), b"cc", None, &day).await.unwrap(), "ab2-2000");
    assert_eq!(client.named("n", &day).await.unwrap(), "n7");
    assert_eq!(client.two("long", "s").await.unwrap(), "long");
    assert_eq!(client.bound("b", Cow::Borrowed("d")).await.unwrap(), "bd");
    assert_eq!(client.spelled_out("s").await.unwrap(), "s");
}

#[rpc_service]
trait Shapes {
    async fn unit(&self, unit: ()) -> Answer<()>;
    async fn nested(&self, rows: Vec<Vec<i64>>) -> Answer<Vec<Vec<i64>>>;
    async fn tuple(&self, pair: (u8, (String, bool))) -> Answer<(u8, (String, bool))>;
    async fn map(&self, map: BTreeMap<String, Vec<u8>>) -> Answer<BTreeMap<String, Vec<u8>>>;
    #[rpc(any)]
    async fn hash_map(&self, map: HashMap<String, Option<f64>>) -> Answer<HashMap<String, Option<f64>>>;
    async fn option(&self, maybe: Option<Option<u8>>) -> Answer<Option<u8>>;
    async fn shade(&self, shade: Shade) -> Answer<Shade>;
    async fn generic(&self, pair: Pair<Pair<u8, String>, Vec<Shade>>) -> Answer<Pair<Pair<u8, String>, Vec<Shade>>>;
    async fn array(&self, array: [u8; 3]) -> Answer<[u8; 3]>;
    async fn parenthesized(&self, number: u8) -> Answer<u8>;
    async fn boxed(&self, text: Box<str>) -> Answer<Box<str>>;
    async fn projected(&self, item: <Vec<u8> as IntoIterator>::Item) -> Answer<<Vec<u8> as IntoIterator>::Item>;
    async fn plain(&self, number: u8) -> Result<u8, RpcError>;
    async fn qualified(&self, number: ::core::primitive::u8) -> ::core::result::Result<u8, RpcError>;
    async fn result_inside(&self, result: Result<u8, String>) -> Answer<Result<u8, String>>;
    async fn nothing_back(&self, number: u8) -> Answer<()>;
}

struct Same;

impl Shapes for Same {
    async fn unit(&self, unit: ()) -> Answer<()> {
        let () = unit;
        Ok(())
    }
    async fn nested(&self, rows: Vec<Vec<i64>>) -> Answer<Vec<Vec<i64>>> {
        Ok(rows)
    }
    async fn tuple(&self, pair: (u8, (String, bool))) -> Answer<(u8, (String, bool))> {
        Ok(pair)
    }
    async fn map(&self, map: BTreeMap<String, Vec<u8>>) -> Answer<BTreeMap<String, Vec<u8>>> {
        Ok(map)
    }
    async fn hash_map(&self, map: HashMap<String, Option<f64>>) -> Answer<HashMap<String, Option<f64>>> {
        Ok(map)
    }
    async fn option(&self, maybe: Option<Option<u8>>) -> Answer<Option<u8>> {
        Ok(maybe.flatten())
    }
    async fn shade(&self, shade: Shade) -> Answer<Shade> {
        Ok(shade)
    }
    async fn generic(&self, pair: Pair<Pair<u8, String>, Vec<Shade>>) -> Answer<Pair<Pair<u8, String>, Vec<Shade>>> {
        Ok(pair)
    }
    async fn array(&self, array: [u8; 3]) -> Answer<[u8; 3]> {
        Ok(array)
    }
    async fn parenthesized(&self, number: u8) -> Answer<u8> {
        Ok(number)
    }
    async fn boxed(&self, text: Box<str>) -> Answer<Box<str>> {
        Ok(text)
    }
    async fn projected(&self, item: u8) -> Answer<u8> {
        Ok(item)
    }
    async fn plain(&self, number: u8) -> Result<u8, RpcError> {
        Ok(number)
    }
    async fn qualified(&self, number: u8) -> Answer<u8> {
        Ok(number)
    }
    async fn result_inside(&self, result: Result<u8, String>) -> Answer<Result<u8, String>> {
        Ok(result)
    }
    async fn nothing_back(&self, _number: u8) -> Answer<()> {
        Ok(())
    }
}

#[tokio::test]
async fn owned_arguments_and_replies_have_any_shape() {
    let client = ShapesClient::local(Same);
    client.unit(()).await.unwrap();
    assert_eq!(client.nested(vec![vec![1], vec![]]).await.unwrap(), [vec![1], vec![]]);
    assert_eq!(client.tuple((1, ("a".to_owned(), true))).await.unwrap(), (1, ("a".to_owned(), true)));
    let map = BTreeMap::from([("k".to_owned(), vec![1])]);
    assert_eq!(client.map(map.clone()).await.unwrap(), map);
    let floats = HashMap::from([("k".to_owned(), Some(0.5))]);
    assert_eq!(client.hash_map(floats.clone()).await.unwrap(), floats);
    assert_eq!(client.option(Some(Some(1))).await.unwrap(), Some(1));
    assert_eq!(client.shade(Shade::Grey(3)).await.unwrap(), Shade::Grey(3));
    let pair = Pair(Pair(1, "b".to_owned()), vec![Shade::Dark]);
    assert_eq!(client.generic(pair.clone()).await.unwrap(), pair);
    assert_eq!(client.array([1, 2, 3]).await.unwrap(), [1, 2, 3]);
    assert_eq!(client.parenthesized(4).await.unwrap(), 4);
    assert_eq!(&*client.boxed("box".into()).await.unwrap(), "box");
    assert_eq!(client.projected(5).await.unwrap(), 5);
    assert_eq!(client.plain(6).await.unwrap(), 6);
    assert_eq!(client.qualified(7).await.unwrap(), 7);
    assert_eq!(client.result_inside(Err("no".to_owned())).await.unwrap(), Err("no".to_owned()));
    client.nothing_back(8).await.unwrap();
}

/// A generic caller needs no more than the trait, even to spawn.
async fn spawned(service: impl Shapes) -> u8 {
    tokio::spawn(async move { service.plain(9).await.expect("a reply") }).await.expect("a task that ends")
}

#[tokio::test]
async fn generic_callers_can_spawn() {
    assert_eq!(spawned(ShapesClient::local(Same)).await, 9);
    assert_eq!(spawned(Same).await, 9);
}
