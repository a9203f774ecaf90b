//! An annotated trait as plain data, with the nodes it came from for their spans.

use proc_macro2::Span;
use syn::{Attribute, Ident, ItemTrait, Member, Path, ReturnType, TraitItemFn, Type};

use crate::streams::Stream;

/// An annotated trait.
pub(crate) struct Service {
    /// The path of the crate `wherever`.
    pub(crate) krate: Path,
    /// The name on the wire.
    pub(crate) name: Spanned<String>,
    /// The group whose slot map routes its calls.
    pub(crate) group: String,
    /// Where it says that its calls may travel in the compact codec.
    pub(crate) compact: Option<Span>,
    /// The trait as written.
    pub(crate) item: ItemTrait,
    /// The conditions under which it exists.
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) methods: Vec<Method>,
}

/// A method of an annotated trait.
pub(crate) struct Method {
    /// The method as written, without our attributes.
    pub(crate) item: TraitItemFn,
    /// The name on the wire.
    pub(crate) name: Spanned<String>,
    /// The conditions under which it exists.
    pub(crate) cfgs: Vec<Attribute>,
    /// Its documentation.
    pub(crate) docs: String,
    pub(crate) marks: Marks,
    /// Where it answers with a stream: which.
    pub(crate) stream: Option<Stream>,
    pub(crate) args: Vec<Argument>,
}

/// What `#[rpc(…)]` says of a method; the spans are where.
#[derive(Default)]
pub(crate) struct Marks {
    pub(crate) read: Option<Span>,
    pub(crate) idempotent: Option<Span>,
    pub(crate) detach: Option<Span>,
    pub(crate) key_all: Option<Span>,
    pub(crate) routing: Option<Spanned<Routing>>,
}

/// Where a method without a key runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Routing {
    AnyPreferHere,
    AnyRoundRobin,
    All,
    AllPartial,
    Here,
}

/// An argument of a method.
pub(crate) struct Argument {
    /// The name on the wire.
    pub(crate) name: Spanned<String>,
    /// The name in the trait: the user's own where there is one.
    pub(crate) ident: Ident,
    /// The type as written.
    pub(crate) ty: Type,
    pub(crate) passing: Passing,
    pub(crate) key: Option<KeyMark>,
}

/// `#[key]`, and the fields it names, if any.
pub(crate) struct KeyMark {
    pub(crate) span: Span,
    pub(crate) fields: Vec<Member>,
}

/// How an argument gets from its encoded form to the provider. The type is the one decoded.
pub(crate) enum Passing {
    /// `T`, by value.
    Owned(Type),
    /// `&str`.
    Text,
    /// `Option<&str>`.
    OptionalText,
    /// `&T`: decode a `T` and lend it.
    Lent(Type),
    /// `Option<&T>`: `as_ref`.
    OptionalLent(Type),
    /// `Option<&[T]>`, `Option<&Path>`: `as_deref`.
    OptionalDeref(Type),
}

/// A value and where it was written.
#[derive(Clone)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// A part of a key: an argument, or a field of one.
pub(crate) struct KeyPart<'a> {
    pub(crate) index: usize,
    pub(crate) arg: &'a Argument,
    pub(crate) field: Option<&'a Member>,
}

impl Method {
    /// What the method returns, as its client gives it.
    pub(crate) fn result(&self) -> Type {
        match &self.stream {
            Some(stream) => stream.result.clone(),
            None => self.written(),
        }
    }

    /// What the trait says that the method returns.
    pub(crate) fn declared(&self) -> Type {
        match &self.stream {
            Some(stream) => stream.declared.clone(),
            None => self.written(),
        }
    }

    fn written(&self) -> Type {
        match &self.item.sig.output {
            ReturnType::Default => syn::parse_quote!(()),
            ReturnType::Type(_, ty) => (**ty).clone(),
        }
    }

    /// What the key is made of; nothing for a method that runs by routing.
    pub(crate) fn key(&self) -> Vec<KeyPart<'_>> {
        if self.marks.routing.is_some() {
            return Vec::new();
        }
        let marked = self.args.iter().any(|arg| arg.key.is_some());
        let all = self.marks.key_all.is_some();
        let chosen =
            move |(index, arg): &(usize, &Argument)| all || if marked { arg.key.is_some() } else { *index == 0 };
        self.args.iter().enumerate().filter(chosen).flat_map(|(index, arg)| parts(index, arg)).collect()
    }
}

fn parts(index: usize, arg: &Argument) -> Vec<KeyPart<'_>> {
    let fields = arg.key.iter().flat_map(|mark| &mark.fields);
    let named: Vec<_> = fields.map(|field| KeyPart { index, arg, field: Some(field) }).collect();
    if named.is_empty() { vec![KeyPart { index, arg, field: None }] } else { named }
}
