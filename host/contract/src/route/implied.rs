//! The routes of a service whose manifest has no `[http]` table.

use super::build::{default_success, unroutable};
use super::template::Template;
use super::{Method, Route, arguments, errors};
use crate::access::{Access, Scope};
use crate::contract::{Contract, Function, FunctionRef, Interface, Origin};
use crate::manifest::Manifest;
use crate::manifest::edge::EdgeSpec;

/// `POST /{service}/{interface}/{function}` for every function that can be a route. Of interfaces
/// that share their last name, the first has the path. What handles events is not for clients.
pub(super) fn routes(manifest: &Manifest, contract: &Contract) -> Vec<Route> {
    let mut routes = Vec::new();
    for (i, interface) in (0..).zip(&contract.exports) {
        let is_shadowed = contract
            .exports
            .iter()
            .take(i as usize)
            .any(|earlier| earlier.name.interface == interface.name.interface);
        if is_shadowed || interface.name.origin() != Origin::Service || interface.name.is_events() {
            continue;
        }
        for (f, function) in (0..).zip(&interface.functions) {
            let at = FunctionRef { interface: i, function: f };
            routes.extend(route(manifest, interface, function, at));
        }
    }
    routes
}

fn route(
    manifest: &Manifest,
    interface: &Interface,
    function: &Function,
    at: FunctionRef,
) -> Option<Route> {
    if unroutable(function).is_some() {
        return None;
    }
    let service = &manifest.service.name;
    let path = format!("/{service}/{}/{}", interface.name.interface, function.name);
    Some(Route {
        method: Method::Post,
        template: Template::parse(&path).ok()?,
        function: at,
        interface: interface.name.clone(),
        function_name: function.name.clone(),
        arguments: arguments::all_in_body(function),
        success: default_success(function),
        errors: errors::cases(function, &manifest.errors),
        idempotent: false,
        access: Access::Implied(Scope::admin()),
        stream: None,
        edge: EdgeSpec::default().resolve(
            Method::Post,
            manifest.rate.as_ref(),
            manifest.cors.as_ref(),
        ),
        line: None,
    })
}
