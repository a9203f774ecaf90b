//! Builds a program's structs from the node: clients for the fields marked `#[rpc_reference]`, given values for the others.

mod linked;
mod state;

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

pub use linked::{Build, LinkedProvider, linked_providers};
pub use state::NodeState;

use crate::client::{ServiceClient, Wherever};

/// A struct that can be built from a node; `#[derive(Inject)]` writes the implementation.
#[diagnostic::on_unimplemented(
    message = "a node cannot build `{Self}`",
    label = "is not `Inject`",
    note = "write `#[derive(Inject)]` on it, or mark the provider `#[rpc_provider(given)]` and give the node a value with `.provide(value)`"
)]
pub trait Inject: Sized {
    /// Builds the struct.
    ///
    /// # Errors
    /// [`InjectError`] naming every field for which no value was given.
    fn inject(injector: &Injector<'_>) -> Result<Self, InjectError>;
}

impl Wherever {
    /// Builds a struct of the program's whose fields are all clients, or this.
    ///
    /// # Errors
    /// [`InjectError`] naming the fields of other types: values are given to a node's builder only.
    pub fn inject<T: Inject>(&self) -> Result<T, InjectError> {
        T::inject(&Injector::new(self, &Values::default()))
    }
}

/// A value that a builder can be given and a field can get; every type that is `Clone + Send + Sync + 'static` is one.
#[diagnostic::on_unimplemented(
    message = "a node cannot give `{Self}` to a field",
    label = "needs `Clone + Send + Sync + 'static`",
    note = "wrap it in `Arc` and give it with `.with(…)`, or mark the field `#[inject(default)]`"
)]
pub trait Given: Clone + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + Sync + 'static> Given for T {}

/// Values by type, as given to `Node::builder().with(value)`.
#[derive(Default)]
pub struct Values(HashMap<TypeId, Box<dyn Any + Send + Sync>>);

impl Values {
    /// Adds `value` under its type; false if there was one, which is replaced.
    pub fn insert<T: Clone + Send + Sync + 'static>(&mut self, value: T) -> bool {
        self.0.insert(TypeId::of::<T>(), Box::new(value)).is_none()
    }

    fn get<T: Clone + 'static>(&self) -> Option<T> {
        self.0.get(&TypeId::of::<T>())?.downcast_ref::<T>().cloned()
    }
}

impl fmt::Debug for Values {
    /// Only their number: values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Values({})", self.0.len())
    }
}

/// What structs are built from.
pub struct Injector<'a> {
    wherever: &'a Wherever,
    values: &'a Values,
    // A type that provides two services is built once. Held for a look-up or an insert only, never while building.
    singles: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl<'a> Injector<'a> {
    /// An injector of clients of `wherever` and of `values`.
    pub fn new(wherever: &'a Wherever, values: &'a Values) -> Self {
        Self { wherever, values, singles: Mutex::default() }
    }

    /// Starts on the struct named `type_name`.
    pub fn fields(&self, type_name: &'static str) -> Fields<'_> {
        Fields { injector: self, type_name, missing: Vec::new() }
    }

    /// The one `T` of this injector, built when first asked for.
    ///
    /// # Errors
    /// As [`Inject::inject`] of `T`.
    pub fn single<T: Inject + Send + Sync + 'static>(&self) -> Result<Arc<T>, InjectError> {
        let find = |singles: &HashMap<TypeId, Arc<dyn Any + Send + Sync>>| singles.get(&TypeId::of::<T>()).cloned();
        let known = find(&self.singles.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(single) = known.and_then(|any| any.downcast::<T>().ok()) {
            return Ok(single);
        }
        let single = Arc::new(T::inject(self)?);
        self.singles.lock().unwrap_or_else(PoisonError::into_inner).insert(TypeId::of::<T>(), single.clone());
        Ok(single)
    }
}

/// The fields of one struct in the making.
pub struct Fields<'a> {
    injector: &'a Injector<'a>,
    type_name: &'static str,
    missing: Vec<Missing>,
}

impl Fields<'_> {
    /// A client for a field marked `#[rpc_reference]`.
    pub fn reference<C: ServiceClient>(&mut self, _field: &'static str) -> C {
        C::from_client(crate::client::Client::new(self.injector.wherever))
    }

    /// The value for an unmarked field; `None`, remembered as missing, if none of its type was given. A field of the type
    /// [`Wherever`] gets the node's own, one of the type [`NodeId`](crate::NodeId) the node's name.
    pub fn value<T: Given>(&mut self, field: &'static str) -> Option<T> {
        let wherever = self.injector.wherever;
        let own = (wherever as &dyn Any).downcast_ref::<T>();
        let own = own.or_else(|| (&wherever.here()?.id as &dyn Any).downcast_ref::<T>());
        let value = self.injector.values.get::<T>().or_else(|| own.cloned());
        if value.is_none() {
            self.missing.push(Missing { field, type_name: type_name::<T>() });
        }
        value
    }

    /// The error that names all fields found missing.
    pub fn missing(self) -> InjectError {
        InjectError { type_name: self.type_name, missing: self.missing }
    }
}

/// A struct could not be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InjectError {
    type_name: &'static str,
    missing: Vec<Missing>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Missing {
    field: &'static str,
    type_name: &'static str,
}

impl fmt::Display for InjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot build {}:", self.type_name)?;
        for (i, missing) in self.missing.iter().enumerate() {
            let separator = if i == 0 { "" } else { ";" };
            let Missing { field, type_name } = missing;
            write!(f, "{separator} no {type_name} was given for its field `{field}`, add `.with(…)` to the builder")?;
        }
        Ok(())
    }
}

impl std::error::Error for InjectError {}
