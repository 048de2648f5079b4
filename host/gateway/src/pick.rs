//! Which of a service's live revisions a request meets.
//!
//! A request is routed by what the stable revisions serve, and by what only a canary serves. Then it is
//! picked a revision, and finds exactly what it would find if that one were alone: its routes, its
//! types, its answers. A client may ask for a revision when its token has the scope
//! [`REVISION_SCOPE`].

use std::str::FromStr;
use std::sync::Arc;

use http::header::HeaderValue;
use http::{HeaderMap, Method};
use thali_contract::name::ServiceName;
use thali_contract::problem::Problem;
use thali_contract::route::{Found, PathParams, Route};
use thali_control::{Live, LiveService};
use thali_runtime::{Affinity, Context, NodeIndex, Principal, Topology, TraceContext, sticky_key};
use tokio::time::Duration;

use crate::dispatch::{Miss, PathValues, Readiness, Target};
use crate::listen::Call;
use crate::{faults, reply};

/// What a token has to have to ask for a revision.
pub(crate) const REVISION_SCOPE: &str = "thali:revision";

/// Revisions that one request may ask for: one per service that it passes through.
const ASKED_MAX: usize = 16;

/// Digits of a digest that are enough to name a component.
const DIGEST_DIGITS_MIN: usize = 12;

/// A request that has to be picked a revision.
pub(crate) struct Open {
    live: Arc<Live>,
    slot: usize,
    /// What the stable revision makes of the request, when it has no such route.
    missed: Option<Miss>,
}

/// A route, and what the path has for its parameters.
pub(crate) struct Routed<'t, 'p> {
    pub(crate) slot: usize,
    pub(crate) route: &'t Arc<Route>,
    pub(crate) params: PathParams<'t, 'p>,
}

impl Open {
    /// `None` for a service with one live revision.
    pub(crate) fn of(live: &Arc<Live>, slot: usize, missed: Option<Miss>) -> Option<Box<Self>> {
        let is_rolling = live.rolling.contains(&slot);
        is_rolling.then(|| Box::new(Self { live: Arc::clone(live), slot, missed }))
    }
}

/// What was found in a table of routes.
pub(crate) fn routed<'t, 'p>(found: Found<'t, 'p>) -> Result<Routed<'t, 'p>, Miss> {
    match found {
        Found::Route { slot, route, params } => Ok(Routed { slot, route, params }),
        Found::Options { allow } => Err(Miss::Options(header(allow))),
        Found::MethodNotAllowed { allow } => {
            Err(Miss::Refused(Box::new(reply::method_not_allowed()), Some(header(allow))))
        }
        Found::NotFound => Err(reply::not_found().into()),
    }
}

/// A route that only a canary has.
pub(crate) fn of_a_canary<'t, 'p>(
    live: &'t Live,
    method: &str,
    path: &'p str,
) -> Option<Routed<'t, 'p>> {
    live.rolling.iter().find_map(|slot| {
        let canaries = live.services.get(*slot)?.canaries.iter();
        let mut found = canaries.map(|canary| routed(canary.routes.find(method, path)));
        let found = found.find_map(Result::ok)?;
        Some(Routed { slot: *slot, ..found })
    })
}

/// Whether a service serves.
pub(crate) fn readiness(service: &LiveService) -> Readiness {
    match &service.waiting_for {
        None => Ok(service.care.as_ref().filter(|care| care.trouble().is_some()).cloned()),
        Some(interface) => Err(Box::new(faults::waiting(service.name(), interface))),
    }
}

/// Turns a request to the revision that it meets. Answers the values of the path's parameters when
/// that is another one than it was routed by.
pub(crate) fn pick<'p>(
    target: &mut Target,
    method: &Method,
    path: &'p str,
    (affinity, principal): (&Option<Arc<Affinity>>, &Option<Arc<Principal>>),
    call: &Call,
) -> Result<Option<PathValues<'p>>, Miss> {
    let Some(open) = target.open.take() else { return Ok(None) };
    let (id, trace) = (call.id(), TraceContext::begin(call.id()));
    let context = Context {
        affinity: affinity.clone(),
        principal: principal.clone(),
        ..Context::new(id, trace, Duration::ZERO)
    };
    let Open { live, slot, missed } = *open;
    target.node = target.topology.pick(target.node, &context);
    let Some(stable) = live.services.get(slot) else { return Err(reply::internal().into()) };
    let mut canaries = stable.canaries.iter();
    let Some(canary) = canaries.find(|canary| canary.node == target.node) else {
        target.readiness = readiness(stable);
        return missed.map_or(Ok(None), Err);
    };
    let Routed { route, params, .. } = routed(canary.routes.find(method.as_str(), path))?;
    target.route = Arc::clone(route);
    target.readiness = readiness(&canary.service);
    Ok(Some(params.decode(route)))
}

/// What binds a request to revisions: those that it asks for, and what it sends of what services are
/// sticky by.
pub(crate) fn affinity(
    target: &Target,
    headers: &HeaderMap,
    principal: Option<&Principal>,
) -> Result<Option<Arc<Affinity>>, Miss> {
    let topology = &target.topology;
    let pins = match headers.contains_key(reply::REVISION) {
        true => asked(topology, target.node, headers, principal)?,
        false => Vec::new(),
    };
    let sent = topology.sticky_headers().iter().filter_map(|name| {
        let value = headers.get(&**name)?;
        Some((Arc::clone(name), sticky_key(value.as_bytes())))
    });
    let headers: Vec<_> = sent.collect();
    let is_bound = !pins.is_empty() || !headers.is_empty();
    Ok(is_bound.then(|| Arc::new(Affinity { pins, headers })))
}

/// The revisions that a client asks for: `v2` of the service that it calls, `payments/2` of another,
/// several with commas between them.
fn asked(
    topology: &Topology,
    node: NodeIndex,
    headers: &HeaderMap,
    principal: Option<&Principal>,
) -> Result<Vec<NodeIndex>, Miss> {
    if !principal.is_some_and(|principal| principal.has_scope(REVISION_SCOPE)) {
        let may = format!("{} takes a token with the scope {REVISION_SCOPE}", reply::REVISION);
        let problem = Problem::new(403, "revision_not_allowed", "The revision cannot be asked for");
        return Err(problem.detail(may).into());
    }
    let mut pins = Vec::new();
    for value in headers.get_all(reply::REVISION) {
        for asked in value.to_str().map_err(|_| unreadable())?.split(',') {
            let asked: Asked = asked.trim().parse().map_err(|()| unreadable())?;
            pins.push(asked.find(topology, node)?);
        }
    }
    if pins.len() > ASKED_MAX { Err(unreadable().into()) } else { Ok(pins) }
}

fn unreadable() -> Problem {
    Problem::new(400, "bad_revision", "The revision that is asked for cannot be read").detail(format!(
        "{} is a number (7, v7), a digest, or the same after a service (payments/7), at most {ASKED_MAX} of them",
        reply::REVISION
    ))
}

/// A revision, as clients write it.
struct Asked {
    /// `None`: the service that is called.
    service: Option<ServiceName>,
    revision: Named,
}

enum Named {
    Number(u32),
    /// The beginning of a digest, in lower case.
    Digest(String),
}

impl FromStr for Asked {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (service, revision) = match text.split_once('/') {
            Some((service, revision)) => (Some(service.parse().map_err(|_| ())?), revision),
            None => (None, text),
        };
        let number = revision.strip_prefix('v').unwrap_or(revision);
        let is_number =
            (1..=9).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
        let is_digest = (DIGEST_DIGITS_MIN..=64).contains(&revision.len())
            && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
        let revision = match (is_number, is_digest) {
            (true, _) => Named::Number(number.parse().map_err(|_| ())?),
            (_, true) => Named::Digest(revision.to_ascii_lowercase()),
            _ => return Err(()),
        };
        Ok(Self { service, revision })
    }
}

impl Asked {
    /// The live revision that is meant.
    fn find(&self, topology: &Topology, called: NodeIndex) -> Result<NodeIndex, Miss> {
        let service = match &self.service {
            None => called,
            Some(name) => {
                topology.node(name.as_str()).ok_or_else(|| reply::unknown_service(name.as_str()))?
            }
        };
        let live = topology.revisions_of(service);
        let is_meant = |node: &&NodeIndex| {
            let revision = topology.revision(**node);
            match &self.revision {
                Named::Number(number) => revision.number() == *number,
                Named::Digest(start) => revision.digest().to_string().starts_with(start),
            }
        };
        live.iter().find(is_meant).copied().ok_or_else(|| {
            let tags: Vec<_> = live.iter().map(|node| topology.revision(*node).tag()).collect();
            Problem::new(404, "revision_not_live", "The revision that is asked for is not live")
                .detail(format!("live are {}", tags.join(", ")))
                .into()
        })
    }
}

/// `Allow` is made of method names.
fn header(allow: &str) -> HeaderValue {
    HeaderValue::from_str(allow).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_are_asked_for_by_number_and_digest_with_and_without_a_service() {
        for good in ["7", "v7", "orders/7", "orders/v7", "0123456789ab", "orders/0123456789AB"] {
            assert!(good.parse::<Asked>().is_ok(), "{good}");
        }
        for bad in ["", "v", "orders/", "/7", "Orders/7", "a/b/7", "-7", "99999999999", "012345g"] {
            assert!(bad.parse::<Asked>().is_err(), "{bad}");
        }
    }
}
