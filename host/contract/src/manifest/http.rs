//! `[http]`: the routes of a manifest.

use super::entries::{Entry, Keys, Reader, quoted};
use super::{RouteSpec, hint};
use crate::route::{Method, Template};

const ROUTE: Keys = Keys {
    known: &["call", "status", "location", "idempotent"],
    later: &["scope", "stream", "key", "snapshot", "cache", "rate"],
};

/// The routes of `[http]`, in the order of the file.
pub(super) fn routes(reader: &mut Reader<'_>, section: Entry<'_>) -> Option<Vec<RouteSpec>> {
    let routes = reader.table(section)?;
    Some(routes.into_iter().filter_map(|entry| route(reader, entry)).collect())
}

/// `"POST /orders" = "ordering.place"`, or a table with `call`.
fn route(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<RouteSpec> {
    let key = route_key(reader, entry);
    let target = target(reader, entry);
    let (method, path) = key?;
    let Target { call: (interface, function), status, location, idempotent } = target?;
    if idempotent && method == Method::Get {
        reader.mistake(entry.at, "a GET may be repeated anyway: leave \"idempotent\" out");
    }
    let line = reader.line(entry.at);
    Some(RouteSpec { method, path, interface, function, status, location, idempotent, line })
}

/// The right side of a route.
struct Target {
    call: (String, String),
    status: Option<u16>,
    location: Option<Template>,
    idempotent: bool,
}

fn target(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<Target> {
    if entry.is_str() {
        let call = reader.parsed(entry, parse_call)?;
        return Some(Target { call, status: None, location: None, idempotent: false });
    }
    let (mut call, mut status, mut location, mut idempotent) = (None, None, None, None);
    let mut has_call = false;
    for member in reader.table_or(entry, "a string or a table")? {
        match member.key {
            "call" => {
                has_call = true;
                call = reader.parsed(member, parse_call);
            }
            "status" => status = success_status(reader, member),
            "idempotent" => idempotent = reader.bool(member),
            "location" => location = reader.parsed(member, Template::parse),
            _ => reader.unknown(member, &ROUTE),
        }
    }
    if !has_call {
        let example = "call = \"interface.function\"";
        reader.mistake(entry.at, format!("the route {} needs {example}", quoted(entry.key)));
    }
    Some(Target { call: call?, status, location, idempotent: idempotent.unwrap_or(false) })
}

fn route_key(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<(Method, Template)> {
    let parsed = parse_route_key(entry.key);
    parsed.map_err(|detail| reader.mistake(entry.at, detail)).ok()
}

fn parse_route_key(key: &str) -> Result<(Method, Template), String> {
    let example = "write a route as \"GET /orders/{id}\"";
    let (method, path) =
        key.split_once(' ').ok_or_else(|| format!("{} is not a route: {example}", quoted(key)))?;
    let names = Method::ALL.map(Method::as_str);
    let method = Method::parse(method).ok_or_else(|| {
        let hint = hint(method, names);
        format!("{} is not one of {}{hint}", quoted(method), names.join(", "))
    })?;
    if path.starts_with("/api/v1/") {
        return Err(format!("leave \"/api/v1\" out of {}: every path is under it", quoted(path)));
    }
    Ok((method, Template::parse(path)?))
}

/// `interface.function`; the interface may be written in full, with dots in its version.
pub(super) fn parse_call(text: &str) -> Result<(String, String), String> {
    match text.rsplit_once('.') {
        Some((interface, function)) if !interface.is_empty() && !function.is_empty() => {
            Ok((interface.into(), function.into()))
        }
        _ => Err(format!("{} does not name a function: write interface.function", quoted(text))),
    }
}

fn success_status(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<u16> {
    reader.integer(entry, 200..=299).and_then(|status| u16::try_from(status).ok())
}
