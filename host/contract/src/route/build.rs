//! From a manifest and a contract to routes, with every mistake.

use std::collections::HashMap;

use super::arguments;
use super::errors;
use super::location::Location;
use super::status::Status;
use super::{Method, Route, Stream, Success, implied};
use crate::contract::{Contract, Function, FunctionRef, Origin};
use crate::manifest::{Manifest, RouteSpec, hint, pointer};
use crate::problem::Mistake;
use crate::ty::Type;

/// Makes the routes of a service.
pub struct Routes;

impl Routes {
    /// Resolves everything in the manifest that names something of the component: routes, errors and
    /// calls. Without an `[http]` table the routes are implied: `POST
    /// /{service}/{interface}/{function}` with an object of arguments.
    ///
    /// # Errors
    ///
    /// Every mistake, with the line: unknown functions, path parameters without an argument,
    /// arguments that cannot be where they would have to, statuses that cannot happen.
    pub fn build(manifest: &Manifest, contract: &Contract) -> Result<Vec<Route>, Vec<Mistake>> {
        let mut mistakes = Mistakes::default();
        let routes = match &manifest.http {
            Some(specs) => declared(specs, manifest, contract, &mut mistakes),
            None => implied::routes(manifest, contract),
        };
        check_duplicates(&routes, &mut mistakes);
        // A route that could not be resolved might be the one that returns the case.
        if mistakes.0.is_empty() {
            check_errors(manifest, &routes, &mut mistakes);
        }
        check_calls(manifest, contract, &mut mistakes);
        mistakes.into_result(routes)
    }
}

/// The mistakes so far, each with its line.
#[derive(Default)]
pub(super) struct Mistakes(Vec<(u32, String)>);

impl Mistakes {
    fn add(&mut self, line: u32, detail: impl Into<String>) {
        self.0.push((line, detail.into()));
    }

    fn into_result<T>(mut self, value: T) -> Result<T, Vec<Mistake>> {
        if self.0.is_empty() {
            return Ok(value);
        }
        self.0.sort_by_key(|(line, _)| *line);
        Err(self.0.into_iter().map(|(line, what)| Mistake::new(pointer(line), what)).collect())
    }
}

fn declared(
    specs: &[RouteSpec],
    manifest: &Manifest,
    contract: &Contract,
    mistakes: &mut Mistakes,
) -> Vec<Route> {
    let mut routes = Vec::with_capacity(specs.len());
    for spec in specs {
        match route(spec, manifest, contract) {
            Ok(route) => routes.push(route),
            Err(found) => found.into_iter().for_each(|detail| mistakes.add(spec.line, detail)),
        }
    }
    routes
}

fn route(spec: &RouteSpec, manifest: &Manifest, contract: &Contract) -> Result<Route, Vec<String>> {
    let at = find(spec, contract).map_err(|detail| vec![detail])?;
    let Some((interface, function)) = contract.function(at) else { return Err(Vec::new()) };
    if let Some(reason) = unroutable(function) {
        let name = format!("{}.{}", interface.name, function.name);
        return Err(vec![format!("{name} cannot be a route: {reason}")]);
    }
    let arguments = arguments::plan(spec.method, &spec.path, function);
    let success = success(spec, function);
    let resolve = |stream| Stream::resolve(stream, &spec.path, contract, function);
    let stream = spec.stream.as_ref().map(resolve);
    match (arguments, success, stream.transpose()) {
        (Ok(arguments), Ok(success), Ok(stream)) => Ok(Route {
            method: spec.method,
            template: spec.path.clone(),
            function: at,
            interface: interface.name.clone(),
            function_name: function.name.clone(),
            arguments,
            success,
            errors: errors::cases(function, &manifest.errors),
            idempotent: spec.idempotent,
            access: spec.access.clone(),
            stream: stream.map(Box::new),
            edge: spec.edge.resolve(spec.method, manifest.rate.as_ref(), manifest.cors.as_ref()),
            line: Some(spec.line),
        }),
        (arguments, success, stream) => {
            let mut found = arguments.err().unwrap_or_default();
            found.extend(success.err().unwrap_or_default());
            found.extend(stream.err().unwrap_or_default());
            Err(found)
        }
    }
}

/// The exported function that a route calls.
fn find(spec: &RouteSpec, contract: &Contract) -> Result<FunctionRef, String> {
    if let Some(at) = contract.find(&spec.interface, &spec.function) {
        return Ok(at);
    }
    let named = |name: &str| {
        contract.exports.iter().find(|export| {
            export.name.interface == name
                || export.name.unversioned() == name
                || export.name.to_string() == name
        })
    };
    let Some(interface) = named(&spec.interface) else {
        let exported: Vec<_> =
            contract.exports.iter().map(|export| export.name.interface.as_str()).collect();
        let hint = match hint(&spec.interface, exported.iter().copied()) {
            none if none.is_empty() => format!("; it exports {}", list(&exported)),
            hint => hint,
        };
        return Err(format!("the component exports no interface {:?}{hint}", spec.interface));
    };
    let functions: Vec<_> = interface.functions.iter().map(|f| f.name.as_str()).collect();
    let hint = match hint(&spec.function, functions.iter().copied()) {
        none if none.is_empty() => format!("; it has {}", list(&functions)),
        hint => hint,
    };
    Err(format!("{} has no function {:?}{hint}", interface.name, spec.function))
}

/// Why HTTP cannot carry a call of the function.
pub(super) fn unroutable(function: &Function) -> Option<String> {
    if function.is_async {
        return Some("it is an async func".into());
    }
    let params = function.params.iter().map(|param| (param.json.as_str(), &param.ty));
    let result = function.result.iter().map(|ty| ("the result", ty));
    params.chain(result).find_map(|(place, ty)| {
        ty.opaque().map(|opaque| format!("{place} holds a {opaque}, which has no JSON form"))
    })
}

/// What success answers unless the manifest says otherwise.
pub(super) fn default_success(function: &Function) -> Success {
    let ty = function.success().cloned();
    let status = Status::Always(if ty.is_some() { 200 } else { 204 });
    Success { status, ty, location: None }
}

fn success(spec: &RouteSpec, function: &Function) -> Result<Success, Vec<String>> {
    let mut success = default_success(function);
    let mut mistakes = Vec::new();
    if let Some(status) = &spec.status {
        match Status::resolve(status, success.ty.as_ref()) {
            Ok(status) => success.status = status,
            Err(found) => mistakes.extend(found),
        }
        let empty = success.status.all().into_iter().find(|status| matches!(status, 204 | 205));
        if let (Some(status), Some(ty)) = (empty, &success.ty) {
            mistakes.push(format!("a {status} has no body, but {} returns {ty}", function.name));
        }
    }
    if let Some(template) = &spec.location {
        match Location::resolve(template, success.ty.as_ref()) {
            Ok(location) => success.location = Some(location),
            Err(found) => mistakes.extend(found),
        }
    }
    if mistakes.is_empty() { Ok(success) } else { Err(mistakes) }
}

fn check_duplicates(routes: &[Route], mistakes: &mut Mistakes) {
    let mut seen: HashMap<(Method, String), &Route> = HashMap::new();
    for route in routes {
        let key = (route.method, route.template.normalised());
        if let (Some(first), Some(line)) = (seen.get(&key), route.line) {
            let first_line = first.line.unwrap_or_default();
            let detail =
                format!("\"{route}\" and \"{first}\" of line {first_line} are the same route");
            mistakes.add(line, detail);
        } else {
            seen.insert(key, route);
        }
    }
}

/// Every entry of `[errors]` names a case that a route can answer.
fn check_errors(manifest: &Manifest, routes: &[Route], mistakes: &mut Mistakes) {
    let known = || routes.iter().flat_map(Route::errors).map(|case| case.name.as_str());
    for spec in &manifest.errors {
        if known().any(|case| case == spec.case) {
            continue;
        }
        let hint = hint(&spec.case, known());
        let detail = format!("no routed function returns the error case {:?}{hint}", spec.case);
        mistakes.add(spec.line, detail);
    }
}

/// Every entry of `[calls]` names an import that a service serves.
fn check_calls(manifest: &Manifest, contract: &Contract, mistakes: &mut Mistakes) {
    for call in &manifest.calls {
        if !contract.service_imports().any(|(_, import)| call.names(&import.name)) {
            let detail = match call.interface.origin() {
                Origin::Service => {
                    let known: Vec<_> = contract
                        .service_imports()
                        .map(|(_, import)| import.name.unversioned())
                        .collect();
                    let hint =
                        hint(&call.interface.unversioned(), known.iter().map(String::as_str));
                    format!("the component does not import {}{hint}", call.interface)
                }
                Origin::Wasi | Origin::Platform => {
                    format!("{} comes from the host, not from a service", call.interface)
                }
            };
            mistakes.add(call.line, detail);
        }
    }
}

pub(super) fn list(names: &[&str]) -> String {
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

/// Whether a type is written as one piece of text: in a path, or in `Location`.
pub(crate) fn is_scalar(ty: &Type) -> bool {
    !matches!(ty, Type::Option(_)) && crate::json::is_textual(ty)
}
