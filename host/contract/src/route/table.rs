//! The routing table of all services: from method and path to a route.
//!
//! It is immutable. A deploy builds the next one, and finds here whether two services want the same
//! path.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use thiserror::Error;

use super::{Method, Route};
use crate::name::ServiceName;
use crate::problem::Mistake;

/// Every route of every service.
#[derive(Debug, Default)]
pub struct RouteTable {
    /// Holds indices into `paths`.
    router: matchit::Router<usize>,
    paths: Vec<PathEntry>,
}

/// The routes of one service.
#[derive(Clone, Copy, Debug)]
pub struct ServiceRoutes<'a> {
    /// What [`Found::Route`] calls the service.
    pub slot: usize,
    /// Its name, for conflicts.
    pub service: &'a ServiceName,
    /// Its routes.
    pub routes: &'a [Arc<Route>],
}

/// Two routes that answer the same requests.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "{second}'s route {second_route:?} and {first}'s route {first_route:?} answer the same requests"
)]
pub struct RouteConflict {
    /// The service that has the path already.
    pub first: ServiceName,
    /// Its route.
    pub first_route: String,
    /// The service that comes later.
    pub second: ServiceName,
    /// Its route.
    pub second_route: String,
}

/// What a method and a path lead to.
#[derive(Debug)]
pub enum Found<'t, 'p> {
    /// A route. A `HEAD` request finds the `GET` route.
    Route {
        /// The service.
        slot: usize,
        /// Its route.
        route: &'t Arc<Route>,
        /// What the path has for the template's parameters.
        params: PathParams<'t, 'p>,
    },
    /// An `OPTIONS` request for a path that exists.
    Options {
        /// The value of the `Allow` header.
        allow: &'t str,
    },
    /// The path exists, with other methods.
    MethodNotAllowed {
        /// The value of the `Allow` header.
        allow: &'t str,
    },
    /// No such path.
    NotFound,
}

/// The parameters in a path, in template order, still percent-encoded.
#[derive(Clone)]
pub struct PathParams<'t, 'p>(matchit::Params<'t, 'p>);

/// The routes that share a path.
#[derive(Debug, Default)]
struct PathEntry {
    /// Indexed by method.
    routes: [Option<Entry>; Method::ALL.len()],
    allow: String,
}

#[derive(Debug)]
struct Entry {
    slot: usize,
    service: ServiceName,
    route: Arc<Route>,
}

impl RouteTable {
    /// The table of all services, or the first two routes that clash.
    pub fn build<'a>(
        services: impl IntoIterator<Item = ServiceRoutes<'a>>,
    ) -> Result<Self, RouteConflict> {
        let mut builder = Builder::default();
        for service in services {
            for route in service.routes {
                builder.insert(service.slot, service.service, route)?;
            }
        }
        builder.table.paths.iter_mut().for_each(PathEntry::fill_allow);
        Ok(builder.table)
    }

    /// What `method` on `path` (what follows `/api/v1`, percent-encoded) leads to. A literal segment
    /// wins over a parameter.
    pub fn find<'t, 'p>(&'t self, method: &str, path: &'p str) -> Found<'t, 'p> {
        let Ok(found) = self.router.at(path) else { return Found::NotFound };
        // The router lets a parameter in the middle be empty.
        if found.params.iter().any(|(_, value)| value.is_empty()) {
            return Found::NotFound;
        }
        let Some(entry) = self.paths.get(*found.value) else { return Found::NotFound };
        let wanted = match method {
            "HEAD" => Some(Method::Get),
            other => Method::parse(other),
        };
        match wanted.and_then(|method| entry.of(method)) {
            Some(entry) => Found::Route {
                slot: entry.slot,
                route: &entry.route,
                params: PathParams(found.params),
            },
            None if method == "OPTIONS" => Found::Options { allow: &entry.allow },
            None => Found::MethodNotAllowed { allow: &entry.allow },
        }
    }
}

/// A table that grows, with the paths that are there already.
#[derive(Default)]
struct Builder {
    table: RouteTable,
    by_path: HashMap<String, usize>,
}

impl Builder {
    fn insert(
        &mut self,
        slot: usize,
        service: &ServiceName,
        route: &Arc<Route>,
    ) -> Result<(), RouteConflict> {
        let normalised = route.template.normalised();
        if let Some(shadowed) = self.shadowed(service, &normalised) {
            return Err(RouteConflict {
                first: shadowed.service.clone(),
                first_route: shadowed.route.to_string(),
                second: service.clone(),
                second_route: route.to_string(),
            });
        }
        let at = self.path(normalised);
        let Some(place) = self.table.paths.get_mut(at).and_then(|path| path.of_mut(route.method))
        else {
            return Ok(());
        };
        if let Some(first) = place {
            return Err(RouteConflict {
                first: first.service.clone(),
                first_route: first.route.to_string(),
                second: service.clone(),
                second_route: route.to_string(),
            });
        }
        *place = Some(Entry { slot, service: service.clone(), route: Arc::clone(route) });
        Ok(())
    }

    /// Another service's route on another template that some path fits as well: the one with the literal
    /// segment would take requests that the other one had. Within one service that is its author's wish.
    fn shadowed(&self, service: &ServiceName, normalised: &str) -> Option<&Entry> {
        let overlapping = self.by_path.iter().filter(|(path, _)| overlap(path, normalised));
        overlapping
            .filter_map(|(_, at)| self.table.paths.get(*at))
            .flat_map(|path| path.routes.iter().flatten())
            .find(|entry| entry.service != *service)
    }

    /// The index of a path, which is added when it is new.
    fn path(&mut self, normalised: String) -> usize {
        if let Some(at) = self.by_path.get(&normalised) {
            return *at;
        }
        let at = self.table.paths.len();
        // Cannot clash: two normalised templates are equal or match different paths.
        let _ = self.table.router.insert(normalised.as_str(), at);
        self.table.paths.push(PathEntry::default());
        self.by_path.insert(normalised, at);
        at
    }
}

/// Whether two different templates have a path in common.
fn overlap(one: &str, other: &str) -> bool {
    let is_parameter = |segment: &str| segment.starts_with('{');
    let (mut left, mut right) = (one.split('/'), other.split('/'));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return one != other,
            (Some(a), Some(b)) if a == b || is_parameter(a) || is_parameter(b) => {}
            _ => return false,
        }
    }
}

impl PathEntry {
    fn of(&self, method: Method) -> Option<&Entry> {
        self.routes.get(method as usize)?.as_ref()
    }

    fn of_mut(&mut self, method: Method) -> Option<&mut Option<Entry>> {
        self.routes.get_mut(method as usize)
    }

    fn fill_allow(&mut self) {
        let mut allow = String::new();
        for method in Method::ALL.into_iter().filter(|method| self.of(*method).is_some()) {
            allow.push_str(method.as_str());
            allow.push_str(if method == Method::Get { ", HEAD, " } else { ", " });
        }
        allow.push_str("OPTIONS");
        self.allow = allow;
    }
}

impl<'p> PathParams<'_, 'p> {
    /// The values as the path has them.
    pub fn raw(&self) -> impl Iterator<Item = &'p str> {
        self.0.iter().map(|(_, value)| value)
    }

    /// The values with their percent-encoding undone. `route` names the ones that are not UTF-8.
    pub fn decode(&self, route: &Route) -> Result<Vec<Cow<'p, str>>, Vec<Mistake>> {
        let mut values = Vec::with_capacity(self.0.len());
        let mut mistakes = Vec::new();
        for (raw, name) in self.raw().zip(route.template.params()) {
            match percent_decode_str(raw).decode_utf8() {
                Ok(value) => values.push(value),
                Err(_) => mistakes.push(Mistake::new(format!("{{{name}}}"), "not UTF-8")),
            }
        }
        if mistakes.is_empty() { Ok(values) } else { Err(mistakes) }
    }
}

impl fmt::Debug for PathParams<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.raw()).finish()
    }
}
