//! Which revisions are live and which export satisfies which import: an immutable value.

use std::collections::HashMap;
use std::sync::Arc;

use thali_contract::compat;
use thali_contract::contract::{FunctionRef, Interface};
use thali_contract::name::{InterfaceName, ServiceName};

use crate::calls::{ProviderBreaker, Upstream};
use crate::context::CALL_DEPTH_MAX;
use crate::context::Context;
use crate::revision::Revision;
use crate::share::{Lineup, Shares};

/// Names a live revision in a [`Topology`]. The stable revisions come first, in the order in which the
/// services were given; then the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeIndex(pub u32);

/// The live revisions and how they are wired. A request holds the topology it began with.
pub struct Topology {
    nodes: Box<[Node]>,
    /// By the index of their stable revision.
    services: Box<[Service]>,
    by_name: HashMap<ServiceName, NodeIndex>,
    sticky_headers: Box<[Arc<str>]>,
}

struct Node {
    revision: Arc<Revision>,
    /// The stable revision of its service.
    stable: NodeIndex,
    /// By position in [`Contract::imports`](thali_contract::contract::Contract::imports).
    links: Box<[Option<Link>]>,
    missing: Vec<MissingImport>,
}

struct Service {
    /// The live revisions, the stable one first.
    nodes: Box<[NodeIndex]>,
    /// `None` while there is one.
    shares: Option<Shares>,
}

/// The service that provides one import.
struct Link {
    stable: NodeIndex,
    /// One per live revision that satisfies the import; the stable one does.
    offers: Box<[Offer]>,
}

struct Offer {
    node: NodeIndex,
    breaker: Arc<ProviderBreaker>,
    /// By position of the function in the consumer's import.
    functions: Box<[FunctionRef]>,
}

/// Where a call leads.
#[derive(Clone, Copy)]
pub(crate) struct Callee<'t> {
    pub(crate) node: NodeIndex,
    pub(crate) function: FunctionRef,
    /// The consumer's breaker for this revision.
    pub(crate) breaker: &'t ProviderBreaker,
}

/// The revisions that a request is inside of, the one that runs included.
#[derive(Clone, Copy)]
pub(crate) struct Chain {
    nodes: [NodeIndex; CALL_DEPTH_MAX as usize + 1],
    len: u8,
}

/// An import that nobody satisfies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingImport {
    /// What is imported.
    pub interface: InterfaceName,
    /// Whether the service serves without it.
    pub optional: bool,
}

impl Chain {
    /// A request that has just come to `node`.
    pub(crate) fn begin(node: NodeIndex) -> Self {
        Self { nodes: [node; CALL_DEPTH_MAX as usize + 1], len: 1 }
    }

    /// Where the request came in.
    pub(crate) fn root(&self) -> NodeIndex {
        let [root, ..] = self.nodes;
        root
    }

    /// Whether the request is inside of `node`.
    pub(crate) fn contains(&self, node: NodeIndex) -> bool {
        self.nodes.iter().take(usize::from(self.len)).any(|inside| *inside == node)
    }

    /// One level deeper.
    pub(crate) fn then(mut self, node: NodeIndex) -> Self {
        if let Some(next) = self.nodes.get_mut(usize::from(self.len)) {
            *next = node;
            self.len += 1;
        }
        self
    }
}

impl Topology {
    /// Wires services with one live revision each.
    pub fn build(revisions: Vec<Arc<Revision>>) -> Self {
        Self::of(&revisions.into_iter().map(Lineup::of).collect::<Vec<_>>())
    }

    /// Wires these services: every import of another service's interface to the first service whose
    /// stable revision satisfies it. What only another live revision exports is nobody's offer yet.
    pub fn of(lineups: &[Lineup]) -> Self {
        let stable = lineups.iter().map(|lineup| &lineup.stable);
        let canaries = lineups.iter().flat_map(|lineup| lineup.canaries.iter().map(|(c, _)| c));
        let revisions: Vec<_> = stable.chain(canaries).cloned().collect();
        let services = services(lineups);
        let nodes = revisions.iter().enumerate().map(|(at, revision)| {
            let (links, missing) = wire(revision, &revisions, &services);
            let stable = services.iter().find_map(|service| service.stable_of(at));
            let stable = stable.unwrap_or(NodeIndex(0));
            Node { revision: Arc::clone(revision), stable, links, missing }
        });
        let nodes: Box<[Node]> = nodes.collect();
        let services = leave_out_who_waits(services, &nodes);
        let by_name = indices().zip(lineups);
        let by_name = by_name.map(|(at, lineup)| (lineup.stable.service().clone(), at)).collect();
        let sticky_headers = sticky_headers(&services);
        Self { nodes, services, by_name, sticky_headers }
    }

    /// This is live from now on: services run and queue as many requests as their stable revisions say.
    /// Until then a revision has the room of those that it takes its place among.
    pub fn take_effect(&self) {
        self.stable().for_each(|node| self.revision(node).fit_gate());
    }

    /// The stable revision of a service.
    pub fn node(&self, service: &str) -> Option<NodeIndex> {
        self.by_name.get(service).copied()
    }

    /// The stable revisions of all services.
    pub fn stable(&self) -> impl Iterator<Item = NodeIndex> + use<> {
        indices().take(self.services.len())
    }

    /// The live revisions of the service of `node`, the stable one first.
    pub fn revisions_of(&self, node: NodeIndex) -> &[NodeIndex] {
        &self.service(node).nodes
    }

    /// The live revision of the service of `node` that serves a request. It is the same one for as
    /// long as the request runs in this topology.
    pub fn pick(&self, node: NodeIndex, context: &Context) -> NodeIndex {
        let stable = self.at(node).stable;
        let shares = self.service(node).shares.as_ref();
        shares.and_then(|shares| shares.pick(context)).unwrap_or(stable)
    }

    /// The names of what services are sticky by, other than the subject.
    pub fn sticky_headers(&self) -> &[Arc<str>] {
        &self.sticky_headers
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
        self.at(node).waiting_for()
    }

    /// The satisfied imports of `node` with the stable revision of the provider of each.
    pub fn providers(&self, node: NodeIndex) -> impl Iterator<Item = (&Interface, NodeIndex)> {
        let at = self.at(node);
        at.revision
            .contract()
            .imports
            .iter()
            .zip(at.links.iter())
            .filter_map(|(import, link)| link.as_ref().map(|link| (import, link.stable)))
    }

    /// The function that a call of `function` of `import` by `node` leads to. `None` when nobody
    /// provides it.
    pub(crate) fn callee(
        &self,
        node: NodeIndex,
        import: usize,
        function: usize,
        context: &Context,
    ) -> Option<Callee<'_>> {
        let link = self.at(node).links.get(import)?.as_ref()?;
        let provider = self.pick(link.stable, context);
        let offer = link.offers.iter().find(|offer| offer.node == provider)?;
        let function = *offer.functions.get(function)?;
        Some(Callee { node: provider, function, breaker: &offer.breaker })
    }

    /// The context of a request that meets `node` and no other revision of its service, whoever calls.
    pub(crate) fn pinned(&self, node: NodeIndex, mut context: Context) -> Context {
        if self.service(node).shares.is_some() && self.pick(node, &context) != node {
            let mut affinity = context.affinity.as_deref().cloned().unwrap_or_default();
            affinity.pins.retain(|pin| self.at(*pin).stable != self.at(node).stable);
            affinity.pins.push(node);
            context.affinity = Some(Arc::new(affinity));
        }
        context
    }

    /// Drops every instance that waits to be used again, and says how many there were.
    pub(crate) fn drop_idle(&self) -> usize {
        let dropped = |node: &Node| std::iter::from_fn(|| node.revision.take_idle()).count();
        self.nodes.iter().map(dropped).sum()
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "a node index is only made by the topology it is used with"
    )]
    fn at(&self, node: NodeIndex) -> &Node {
        &self.nodes[node.0 as usize]
    }

    #[expect(clippy::indexing_slicing, reason = "a stable revision has the index of its service")]
    fn service(&self, node: NodeIndex) -> &Service {
        &self.services[self.at(node).stable.0 as usize]
    }
}

impl Node {
    fn waiting_for(&self) -> Option<&InterfaceName> {
        let missing = self.missing.iter().find(|missing| !missing.optional);
        missing.map(|missing| &missing.interface)
    }
}

impl Service {
    /// The stable revision, if the node at this index is one of this service's.
    fn stable_of(&self, at: usize) -> Option<NodeIndex> {
        let is_own = self.nodes.iter().any(|node| node.0 as usize == at);
        self.nodes.first().copied().filter(|_| is_own)
    }
}

fn indices() -> impl Iterator<Item = NodeIndex> {
    (0..).map(NodeIndex)
}

fn services(lineups: &[Lineup]) -> Box<[Service]> {
    let mut behind = indices().skip(lineups.len());
    let services = indices().zip(lineups).map(|(stable, lineup)| {
        let canaries: Vec<_> = behind.by_ref().take(lineup.canaries.len()).collect();
        let shares = lineup.shares(stable, &canaries);
        Service { nodes: std::iter::once(stable).chain(canaries).collect(), shares }
    });
    services.collect()
}

/// Gives the shares of revisions that wait for a provider to those that serve: a canary whose provider
/// did not come back after a restart would answer its share of the requests with 503.
fn leave_out_who_waits(mut services: Box<[Service]>, nodes: &[Node]) -> Box<[Service]> {
    let serves =
        |node: NodeIndex| nodes.get(node.0 as usize).is_some_and(|at| at.waiting_for().is_none());
    for shares in services.iter_mut().filter_map(|service| service.shares.as_mut()) {
        shares.keep(serves);
    }
    services
}

fn sticky_headers(services: &[Service]) -> Box<[Arc<str>]> {
    let shares = services.iter().filter_map(|service| service.shares.as_ref());
    let mut names: Vec<_> = shares.filter_map(Shares::sticky_header).cloned().collect();
    names.sort_unstable();
    names.dedup();
    names.into()
}

fn wire(
    consumer: &Revision,
    revisions: &[Arc<Revision>],
    services: &[Service],
) -> (Box<[Option<Link>]>, Vec<MissingImport>) {
    let contract = consumer.contract();
    let mut links: Vec<Option<Link>> = contract.imports.iter().map(|_| None).collect();
    let mut missing = Vec::new();
    for ((at, import), upstream) in contract.service_imports().zip(consumer.upstreams()) {
        let link =
            services.iter().find_map(|service| link_to(service, revisions, import, upstream));
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

fn link_to(
    service: &Service,
    revisions: &[Arc<Revision>],
    import: &Interface,
    upstream: &Upstream,
) -> Option<Link> {
    let offers = service.nodes.iter().filter_map(|node| {
        let revision = revisions.get(node.0 as usize)?;
        let functions = functions_of(revision, import)?;
        Some(Offer { node: *node, breaker: upstream.breaker_for(revision.tag()), functions })
    });
    let offers: Box<[_]> = offers.collect();
    let stable = service.nodes.first().copied()?;
    let is_offered = offers.iter().any(|offer| offer.node == stable);
    is_offered.then_some(Link { stable, offers })
}

/// The functions of an import in a revision whose export satisfies it.
fn functions_of(revision: &Revision, import: &Interface) -> Option<Box<[FunctionRef]>> {
    let exports = revision.contract().exports.iter();
    let (interface, export) = (0..).zip(exports).find(|(_, export)| {
        export.name.same_interface(&import.name) && compat::satisfies(export, import).is_ok()
    })?;
    let position = |name: &str| {
        let function = export.functions.iter().position(|candidate| candidate.name == name)?;
        Some(FunctionRef { interface, function: u32::try_from(function).ok()? })
    };
    import.functions.iter().map(|function| position(&function.name)).collect()
}
