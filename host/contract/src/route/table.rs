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
#[derive(Debug)]
pub struct RouteTable {
    /// One router per method, so that a literal segment wins over a parameter only where its route has
    /// that method. They hold indices into `entries`.
    routers: [matchit::Router<usize>; METHODS],
    entries: Vec<Entry>,
    /// The value of the `Allow` header for every set of methods, a bit each.
    allow: [String; 1 << METHODS],
}

const METHODS: usize = Method::ALL.len();

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

#[derive(Debug)]
struct Entry {
    slot: usize,
    service: ServiceName,
    route: Arc<Route>,
}

impl Default for RouteTable {
    fn default() -> Self {
        Self {
            routers: std::array::from_fn(|_| matchit::Router::new()),
            entries: Vec::new(),
            allow: std::array::from_fn(allow),
        }
    }
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
        Ok(builder.table)
    }

    /// What `method` on `path` (what follows `/api/v1`, percent-encoded) leads to. A literal segment
    /// wins over a parameter.
    pub fn find<'t, 'p>(&'t self, method: &str, path: &'p str) -> Found<'t, 'p> {
        let wanted = match method {
            "HEAD" => Some(Method::Get),
            other => Method::parse(other),
        };
        if let Some((entry, params)) = wanted.and_then(|method| self.at(method, path)) {
            let params = PathParams(params);
            return Found::Route { slot: entry.slot, route: &entry.route, params };
        }
        let methods = Method::ALL.into_iter().filter(|method| self.at(*method, path).is_some());
        let set = methods.fold(0, |set, method| set | 1 << method as usize);
        match self.allow.get(set) {
            Some(allow) if set > 0 && method == "OPTIONS" => Found::Options { allow },
            Some(allow) if set > 0 => Found::MethodNotAllowed { allow },
            _ => Found::NotFound,
        }
    }

    fn at<'t, 'p>(
        &'t self,
        method: Method,
        path: &'p str,
    ) -> Option<(&'t Entry, matchit::Params<'t, 'p>)> {
        let found = self.routers.get(method as usize)?.at(path).ok()?;
        // The router lets a parameter in the middle be empty.
        if found.params.iter().any(|(_, value)| value.is_empty()) {
            return None;
        }
        Some((self.entries.get(*found.value)?, found.params))
    }
}

/// The value of the `Allow` header for a set of methods.
fn allow(set: usize) -> String {
    let mut allow = String::new();
    for method in Method::ALL.into_iter().filter(|method| set & 1 << *method as usize != 0) {
        allow.push_str(method.as_str());
        allow.push_str(if method == Method::Get { ", HEAD, " } else { ", " });
    }
    allow.push_str("OPTIONS");
    allow
}

/// A table that grows, with the templates that are in it already.
#[derive(Default)]
struct Builder {
    table: RouteTable,
    /// By method: the normalised template and the index of its entry.
    templates: [HashMap<String, usize>; METHODS],
}

impl Builder {
    fn insert(
        &mut self,
        slot: usize,
        service: &ServiceName,
        route: &Arc<Route>,
    ) -> Result<(), RouteConflict> {
        let normalised = route.template.normalised();
        if let Some(first) = self.rival(service, route.method, &normalised) {
            return Err(RouteConflict {
                first: first.service.clone(),
                first_route: first.route.to_string(),
                second: service.clone(),
                second_route: route.to_string(),
            });
        }
        let at = self.table.entries.len();
        let method = route.method as usize;
        if let (Some(router), Some(templates)) =
            (self.table.routers.get_mut(method), self.templates.get_mut(method))
        {
            // Cannot clash: two normalised templates are equal or match different paths.
            let _ = router.insert(normalised.as_str(), at);
            templates.insert(normalised, at);
        }
        self.table.entries.push(Entry { slot, service: service.clone(), route: Arc::clone(route) });
        Ok(())
    }

    /// A route that answers the same requests: the same template, or one of another service that some
    /// path fits as well. The one with the literal segment would take requests that the other one had;
    /// within one service that is its author's wish.
    fn rival(&self, service: &ServiceName, method: Method, normalised: &str) -> Option<&Entry> {
        let templates = self.templates.get(method as usize)?;
        let entry = |at: &usize| self.table.entries.get(*at);
        if let Some(same) = templates.get(normalised) {
            return entry(same);
        }
        templates
            .iter()
            .filter(|(template, _)| overlap(template, normalised))
            .filter_map(|(_, at)| entry(at))
            .find(|entry| entry.service != *service)
    }
}

/// Whether some path fits both templates.
fn overlap(one: &str, other: &str) -> bool {
    let is_parameter = |segment: &str| segment.starts_with('{');
    let (mut left, mut right) = (one.split('/'), other.split('/'));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a == b || is_parameter(a) || is_parameter(b) => {}
            _ => return false,
        }
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
