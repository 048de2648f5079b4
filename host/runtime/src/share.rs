//! Which of a service's live revisions serves a request.
//!
//! The choice is a pure function of the request and of the service's shares. So a request meets one
//! revision of each service however often it calls it, without anybody keeping what was chosen.

use std::sync::Arc;

use crate::context::Context;
use crate::revision::Revision;
use crate::topology::NodeIndex;

/// What all shares of a service add up to.
pub const SHARES_TOTAL: u8 = 100;

/// The live revisions of one service.
#[derive(Clone)]
pub struct Lineup {
    /// The one that gets what the others leave.
    pub stable: Arc<Revision>,
    /// The others, with their percents of the requests. They add up to less than [`SHARES_TOTAL`]. One
    /// with 0 serves who asks for it.
    pub canaries: Vec<(Arc<Revision>, u8)>,
    /// What clients keep their revision by; without it, every request is drawn anew.
    pub sticky: Option<Sticky>,
}

/// What a client is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sticky {
    /// The subject of its token.
    Subject,
    /// A value that it sends under this name.
    Header(Arc<str>),
}

/// What binds a request to revisions, besides chance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Affinity {
    /// Revisions that it has to meet, in the topology that it runs in: at most one per service.
    pub pins: Vec<NodeIndex>,
    /// What it sent under the names that [`Topology::sticky_headers`](crate::Topology::sticky_headers)
    /// lists, as [`sticky_key`].
    pub headers: Vec<(Arc<str>, u64)>,
}

/// How the requests of a service with several live revisions are shared out.
pub(crate) struct Shares {
    service: u64,
    sticky: Option<Sticky>,
    shares: Box<[Share]>,
}

struct Share {
    node: NodeIndex,
    number: u32,
    percent: u8,
}

impl Lineup {
    /// A service with one live revision.
    pub fn of(stable: Arc<Revision>) -> Self {
        Self { stable, canaries: Vec::new(), sticky: None }
    }

    /// What the stable revision gets.
    fn rest(&self) -> u8 {
        let canaries = self.canaries.iter().map(|(_, percent)| *percent);
        canaries.fold(SHARES_TOTAL, u8::saturating_sub)
    }

    /// `None` for one live revision. `canaries` are the places of the others.
    pub(crate) fn shares(&self, stable: NodeIndex, canaries: &[NodeIndex]) -> Option<Shares> {
        if self.canaries.is_empty() {
            return None;
        }
        let share =
            |node, revision: &Revision, percent| Share { node, number: revision.number(), percent };
        let rest = share(stable, &self.stable, self.rest());
        let canaries = canaries.iter().zip(&self.canaries);
        let canaries = canaries.map(|(node, (revision, percent))| share(*node, revision, *percent));
        Some(Shares {
            service: sticky_key(self.stable.service().as_str().as_bytes()),
            sticky: self.sticky.clone(),
            shares: std::iter::once(rest).chain(canaries).collect(),
        })
    }
}

impl Shares {
    /// The revision that serves a request. `None` when no revision has a share.
    pub(crate) fn pick(&self, context: &Context) -> Option<NodeIndex> {
        let pins = context.affinity.as_ref().map_or(&[][..], |affinity| &affinity.pins);
        let pinned = self.nodes().find(|node| pins.contains(node));
        pinned.or_else(|| self.draw(self.key(context)))
    }

    /// Takes the shares of the revisions that do not serve away, unless none with a share does.
    pub(crate) fn keep(&mut self, serves: impl Fn(NodeIndex) -> bool) {
        if self.shares.iter().any(|share| share.percent > 0 && serves(share.node)) {
            let idle = self.shares.iter_mut().filter(|share| !serves(share.node));
            idle.for_each(|share| share.percent = 0);
        }
    }

    pub(crate) fn sticky_header(&self) -> Option<&Arc<str>> {
        match &self.sticky {
            Some(Sticky::Header(name)) => Some(name),
            _ => None,
        }
    }

    fn nodes(&self) -> impl Iterator<Item = NodeIndex> {
        self.shares.iter().map(|share| share.node)
    }

    /// What the draw depends on: the client, when the service is sticky and the client is known; else
    /// the request, whose id ends in random bits.
    fn key(&self, context: &Context) -> u64 {
        let known = match &self.sticky {
            None => None,
            Some(Sticky::Subject) => {
                context.principal.as_ref().map(|principal| sticky_key(principal.subject.as_bytes()))
            }
            Some(Sticky::Header(name)) => context.affinity.as_ref().and_then(|affinity| {
                affinity.headers.iter().find(|(given, _)| given == name).map(|(_, key)| *key)
            }),
        };
        known.unwrap_or_else(|| context.request_id.as_u64_pair().1)
    }

    /// Weighted rendezvous hashing (Schindelhauer and Schomaker, "Weighted Distributed Hash Tables",
    /// 2005): every revision draws an exponential time with its share as the rate, and the first one
    /// wins. A client changes its revision only towards one whose share has grown against the others'.
    fn draw(&self, key: u64) -> Option<NodeIndex> {
        let time = |share: &Share| {
            let draw = mix(key ^ mix(self.service ^ u64::from(share.number)));
            -uniform(draw).ln() / f64::from(share.percent)
        };
        let candidates = self.shares.iter().filter(|share| share.percent > 0);
        let first = candidates.map(|share| (time(share), share.node));
        first.min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, node)| node)
    }
}

/// The key that a subject or the value of a header stands for: FNV-1a, 64 bits. The draw mixes it.
pub fn sticky_key(value: &[u8]) -> u64 {
    value.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014): every bit depends on every bit.
fn mix(key: u64) -> u64 {
    let key = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let key = (key ^ (key >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let key = (key ^ (key >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    key ^ (key >> 31)
}

/// A number between 0 and 1, and neither of them.
#[expect(clippy::cast_precision_loss, reason = "53 bits are what the mantissa holds")]
fn uniform(bits: u64) -> f64 {
    ((bits >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::context::{Principal, TraceContext};

    /// Revision 1 is at node 0, 2 at node 1, and so on.
    fn shares(service: &str, percents: &[u8], sticky: Option<Sticky>) -> Shares {
        let share = |(node, percent): (u32, &u8)| Share {
            node: NodeIndex(node),
            number: node + 1,
            percent: *percent,
        };
        let shares = (0..).zip(percents).map(share).collect();
        Shares { service: sticky_key(service.as_bytes()), sticky, shares }
    }

    fn request(id: u128) -> Context {
        let id = Uuid::from_u128(id);
        Context::new(id, TraceContext::begin(id), Duration::from_secs(1))
    }

    fn of_subject(subject: &str, id: u128) -> Context {
        let principal = Principal { subject: subject.into(), scopes: Vec::new() };
        Context { principal: Some(Arc::new(principal)), ..request(id) }
    }

    fn picked(shares: &Shares, context: &Context) -> u32 {
        shares.pick(context).unwrap().0
    }

    fn count(shares: &Shares, requests: u128) -> HashMap<u32, u128> {
        let mut counts = HashMap::new();
        for id in 0..requests {
            *counts.entry(picked(shares, &request(id))).or_default() += 1;
        }
        counts
    }

    #[test]
    fn each_revision_gets_its_share_within_binomial_bounds() {
        let requests = 100_000;
        for percents in [&[90, 10][..], &[99, 1], &[50, 30, 20], &[70, 10, 10, 10]] {
            let counts = count(&shares("orders", percents, None), requests);
            for (node, percent) in (0..).zip(percents) {
                let p = f64::from(*percent) / 100.0;
                let sigma = (requests as f64 * p * (1.0 - p)).sqrt();
                let off = (counts[&node] as f64 - requests as f64 * p).abs();
                assert!(off < 4.0 * sigma, "{percents:?}: {counts:?}");
            }
        }
    }

    #[test]
    fn a_revision_without_a_share_is_only_met_by_who_asks_for_it() {
        let shares = shares("orders", &[100, 0], None);
        assert_eq!(count(&shares, 10_000).len(), 1);
        let affinity = Affinity { pins: vec![NodeIndex(1)], ..Affinity::default() };
        let asks = Context { affinity: Some(Arc::new(affinity)), ..request(1) };
        assert_eq!(picked(&shares, &asks), 1);
    }

    #[test]
    fn who_does_not_serve_gets_nothing_while_another_does() {
        for (serving, met) in [(0, vec![0]), (1, vec![1]), (2, vec![0, 1])] {
            let mut shares = shares("orders", &[50, 50, 0], None);
            shares.keep(|node| node.0 == serving);
            let counts = count(&shares, 1_000);
            let mut seen: Vec<_> = counts.into_keys().collect();
            seen.sort_unstable();
            assert_eq!(seen, met, "only {serving} serves");
        }
    }

    #[test]
    fn a_client_leaves_its_revision_only_for_one_whose_share_has_grown() {
        let steps = [[95, 5], [90, 10], [50, 50], [1, 99]];
        for client in 0..2_000 {
            let subject = format!("user-{client}");
            let path = steps.map(|percents| {
                let shares = shares("orders", &percents, Some(Sticky::Subject));
                picked(&shares, &of_subject(&subject, client))
            });
            assert!(path.is_sorted(), "{subject}: {path:?}");
        }
    }

    #[test]
    fn a_known_client_stays_and_an_unknown_one_is_drawn_anew() {
        let by_subject = shares("orders", &[50, 50], Some(Sticky::Subject));
        let met = |of: &dyn Fn(u128) -> Context| {
            let met: std::collections::HashSet<_> =
                (0..200).map(|id| picked(&by_subject, &of(id))).collect();
            met.len()
        };
        assert_eq!(met(&|id| of_subject("ada", id)), 1);
        assert_eq!(met(&request), 2);

        let name: Arc<str> = "x-user".into();
        let by_header = shares("orders", &[50, 50], Some(Sticky::Header(Arc::clone(&name))));
        let sends = |id| {
            let headers = vec![(Arc::clone(&name), sticky_key(b"ada"))];
            let affinity = Affinity { headers, ..Affinity::default() };
            picked(&by_header, &Context { affinity: Some(Arc::new(affinity)), ..request(id) })
        };
        assert!((0..200).all(|id| sends(id) == sends(0)));
    }

    #[test]
    fn two_services_draw_independently() {
        let (a, b) = (shares("orders", &[50, 50], None), shares("payments", &[50, 50], None));
        let both = (0..10_000)
            .filter(|id| picked(&a, &request(*id)) == 1 && picked(&b, &request(*id)) == 1);
        let both = both.count();
        assert!((2_300..2_700).contains(&both), "{both}");
    }
}
