//! What a node tells others of the cluster.

use std::collections::BTreeMap;

use rpc_core::cluster::fixed::FIXED;
use rpc_core::cluster::view::{ClusterView, MethodView, ServiceView, VIEW_FORMAT};
use rpc_core::service::{MethodDescriptor, ServiceDescriptor};

use super::Node;

impl Node {
    /// The cluster's map, services and this node's counts, as `GET /wherever/cluster` answers them.
    pub fn view(&self) -> ClusterView {
        let services = self.catalogue().services();
        // A group is made when it is first asked for: ask for every service's, so that all are told.
        let groups: BTreeMap<_, _> = services
            .iter()
            .map(|service| (service.group.to_owned(), self.wherever().group(service.group).view()))
            .collect();
        ClusterView {
            format: VIEW_FORMAT,
            cluster: self.cluster_id().to_owned(),
            node: self.id().clone(),
            coordinator: self.live().map_or(FIXED, |live| live.coordinator_kind()).to_owned(),
            live: self.live().map(|live| live.view()),
            groups,
            services: services.into_iter().map(|service| self.service(service)).collect(),
            counts: self.wherever().counted(),
        }
    }

    fn service(&self, service: &'static ServiceDescriptor) -> ServiceView {
        ServiceView {
            name: service.name.to_owned(),
            group: service.group.to_owned(),
            provided: self.here().registry().is_some_and(|registry| registry.provider(service.name).is_some()),
            methods: service.methods.iter().map(|method| described(method)).collect(),
        }
    }
}

fn described(method: &MethodDescriptor) -> MethodView {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let marks = [
        ("read", method.read),
        ("idempotent", method.idempotent),
        ("streams", method.streams),
        ("detach", method.detach),
    ];
    MethodView {
        name: method.name.to_owned(),
        routing: method.routing.to_string(),
        params: owned(method.params),
        key: owned(method.key),
        marks: marks.into_iter().filter(|(_, set)| *set).map(|(mark, _)| mark.to_owned()).collect(),
        summary: method.docs.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned(),
    }
}
