//! Decides who provides what on a node: given values first, then what is linked.

use std::any::{Any, TypeId, type_name};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rpc_core::client::Wherever;
use rpc_core::inject::{Injector, LinkedProvider, Values, linked_providers};
use rpc_core::provider::Provider;

use super::problem::Problem;

/// The providers as the builder has collected them.
#[derive(Default)]
pub(super) struct Providers {
    given: Vec<Giving>,
    excluded: HashSet<TypeId>,
    expected: Vec<&'static str>,
    only_given: bool,
}

/// Makes a given value once the node's client side exists.
type Giving = Box<dyn FnOnce(&Wherever) -> Given + Send>;

/// A value given to the builder, whose services are looked up at the start.
struct Given {
    value: Arc<dyn Any + Send + Sync>,
    type_id: TypeId,
    type_name: &'static str,
}

impl Providers {
    pub(super) fn give<T: Send + Sync + 'static>(&mut self, make: impl FnOnce(&Wherever) -> T + Send + 'static) {
        let given = |value| Given { value: Arc::new(value), type_id: TypeId::of::<T>(), type_name: type_name::<T>() };
        self.given.push(Box::new(move |wherever| given(make(wherever))));
    }

    pub(super) fn exclude(&mut self, type_id: TypeId) {
        self.excluded.insert(type_id);
    }

    pub(super) fn expect(&mut self, service: &'static str) {
        self.expected.push(service);
    }

    pub(super) fn only_given(&mut self) {
        self.only_given = true;
    }

    /// The node's providers, or all that is wrong with them.
    pub(super) fn resolve(mut self, wherever: &Wherever, values: &Values) -> Result<Vec<Provider>, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut providers = HashMap::new();
        let injector = &Injector::new(wherever, values);
        let given: Vec<Given> = self.given.drain(..).map(|give| give(wherever)).collect();
        for provider in given.iter().flat_map(|given| given.providers(&mut problems)).collect::<Vec<_>>() {
            let service = provider.descriptor().name;
            if providers.insert(service, provider).is_some() {
                problems.push(Problem::GivenTwice(service));
            }
        }
        for linked in self.linked(&providers, &mut problems) {
            match linked.build.map(|build| build(injector)) {
                Some(Ok(provider)) => drop(providers.insert(provider.descriptor().name, provider)),
                Some(Err(error)) => problems.push(Problem::Unbuildable { service: (linked.service)().name, error }),
                None => {}
            }
        }
        let missing = self.expected.iter().filter(|service| !providers.contains_key(**service));
        let unbuilt = |service: &&&str| {
            !problems
                .iter()
                .any(|problem| matches!(problem, Problem::Unbuildable { service: of, .. } if of == *service))
        };
        let missing: Vec<Problem> = missing.filter(unbuilt).map(|service| Problem::Missing(service)).collect();
        problems.extend(missing);
        if problems.is_empty() { Ok(providers.into_values().collect()) } else { Err(problems) }
    }

    /// The linked providers to build: those of services for which no provider was given.
    fn linked(
        &self,
        given: &HashMap<&'static str, Provider>,
        problems: &mut Vec<Problem>,
    ) -> Vec<&'static LinkedProvider> {
        let mut chosen: HashMap<&'static str, &'static LinkedProvider> = HashMap::new();
        let wanted = |linked: &&'static LinkedProvider| {
            linked.build.is_some()
                && !self.excluded.contains(&(linked.type_id)())
                && !given.contains_key((linked.service)().name)
        };
        for linked in linked_providers().filter(wanted).filter(|_| !self.only_given) {
            let service = (linked.service)().name;
            if let Some(other) = chosen.insert(service, linked) {
                problems.push(Problem::LinkedTwice {
                    service,
                    first: (other.type_name)(),
                    second: (linked.type_name)(),
                });
            }
        }
        chosen.into_values().collect()
    }
}

impl Given {
    /// The providers that the value is: itself, or one for each service that its type is marked for.
    fn providers(&self, problems: &mut Vec<Problem>) -> Vec<Provider> {
        if let Some(provider) = self.value.downcast_ref::<Provider>() {
            return vec![provider.clone()];
        }
        let of_its_type = linked_providers().filter(|linked| (linked.type_id)() == self.type_id);
        let providers: Vec<_> = of_its_type.filter_map(|linked| (linked.adopt)(self.value.clone())).collect();
        if providers.is_empty() {
            problems.push(Problem::ProvidesNothing(self.type_name));
        }
        providers
    }
}
