//! Which revisions are live and which export satisfies which import: an immutable value.

use std::collections::HashMap;
use std::sync::Arc;

use thali_contract::compat;
use thali_contract::contract::{FunctionRef, Interface};
use thali_contract::name::{InterfaceName, ServiceName};

use crate::revision::Revision;

/// Names a live revision in a [`Topology`]; the revisions are numbered in the order they were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeIndex(pub u32);

/// The live revisions and how they are wired. A request holds the topology it began with.
pub struct Topology {
    nodes: Box<[Node]>,
    by_name: HashMap<ServiceName, NodeIndex>,
}

struct Node {
    revision: Arc<Revision>,
    /// By position in [`Contract::imports`](thali_contract::contract::Contract::imports).
    links: Box<[Option<Link>]>,
    missing: Vec<MissingImport>,
}

/// The provider of one import.
pub(crate) struct Link {
    pub(crate) provider: NodeIndex,
    /// By position of the function in the consumer's import.
    pub(crate) functions: Box<[FunctionRef]>,
}

/// An import that nobody satisfies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingImport {
    /// What is imported.
    pub interface: InterfaceName,
    /// Whether the service serves without it.
    pub optional: bool,
}

impl Topology {
    /// Wires these revisions: every import of another service's interface to the first revision
    /// whose export satisfies it.
    pub fn build(revisions: Vec<Arc<Revision>>) -> Self {
        let by_name = indexed(&revisions).map(|(i, r)| (r.service().clone(), i)).collect();
        let links: Vec<_> = revisions.iter().map(|consumer| wire(consumer, &revisions)).collect();
        let nodes = revisions
            .into_iter()
            .zip(links)
            .map(|(revision, (links, missing))| Node { revision, links, missing })
            .collect();
        Self { nodes, by_name }
    }

    /// The live revision of a service.
    pub fn node(&self, service: &str) -> Option<NodeIndex> {
        self.by_name.get(service).copied()
    }

    /// How many revisions are live.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether nothing is live.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The revision at `node`.
    ///
    /// # Panics
    ///
    /// When `node` comes from another topology.
    pub fn revision(&self, node: NodeIndex) -> &Arc<Revision> {
        &self.at(node).revision
    }

    /// The imports of `node` that nobody satisfies.
    pub fn missing(&self, node: NodeIndex) -> &[MissingImport] {
        &self.at(node).missing
    }

    /// The import that keeps `node` from serving: the first missing one that is not optional.
    pub fn waiting_for(&self, node: NodeIndex) -> Option<&InterfaceName> {
        self.missing(node)
            .iter()
            .find(|missing| !missing.optional)
            .map(|missing| &missing.interface)
    }

    /// The satisfied imports of `node` with the provider of each.
    pub fn providers(&self, node: NodeIndex) -> impl Iterator<Item = (&Interface, NodeIndex)> {
        let at = self.at(node);
        at.revision
            .contract()
            .imports
            .iter()
            .zip(at.links.iter())
            .filter_map(|(import, link)| link.as_ref().map(|link| (import, link.provider)))
    }

    /// Drops every instance that waits to be used again, and says how many there were.
    pub(crate) fn drop_idle(&self) -> usize {
        let dropped = |node: &Node| std::iter::from_fn(|| node.revision.take_idle()).count();
        self.nodes.iter().map(dropped).sum()
    }

    pub(crate) fn link(&self, node: NodeIndex, import: usize) -> Option<&Link> {
        self.at(node).links.get(import).and_then(Option::as_ref)
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "a node index is only made by the topology it is used with"
    )]
    fn at(&self, node: NodeIndex) -> &Node {
        &self.nodes[node.0 as usize]
    }
}

fn indexed(revisions: &[Arc<Revision>]) -> impl Iterator<Item = (NodeIndex, &Arc<Revision>)> {
    (0..).map(NodeIndex).zip(revisions)
}

fn wire(
    consumer: &Revision,
    revisions: &[Arc<Revision>],
) -> (Box<[Option<Link>]>, Vec<MissingImport>) {
    let contract = consumer.contract();
    let mut links: Vec<Option<Link>> = contract.imports.iter().map(|_| None).collect();
    let mut missing = Vec::new();
    for (at, import) in contract.service_imports() {
        let link = indexed(revisions).find_map(|(provider, r)| link_to(provider, r, import));
        if link.is_none() {
            let optional = consumer.is_optional(&import.name);
            missing.push(MissingImport { interface: import.name.clone(), optional });
        }
        if let Some(slot) = links.get_mut(at) {
            *slot = link;
        }
    }
    (links.into(), missing)
}

fn link_to(provider: NodeIndex, revision: &Revision, import: &Interface) -> Option<Link> {
    let exports = revision.contract().exports.iter();
    let (interface, export) = (0..).zip(exports).find(|(_, export)| {
        export.name.same_interface(&import.name) && compat::satisfies(export, import).is_ok()
    })?;
    let position = |name: &str| {
        let function = export.functions.iter().position(|candidate| candidate.name == name)?;
        Some(FunctionRef { interface, function: u32::try_from(function).ok()? })
    };
    let functions = import.functions.iter().map(|function| position(&function.name));
    Some(Link { provider, functions: functions.collect::<Option<_>>()? })
}
