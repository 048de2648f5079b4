//! `[http]`: the routes of a manifest.

use super::access::AccessKeys;
use super::edge::EdgeSpec;
use super::entries::{Entry, Keys, Reader, quoted};
use super::{EndSpec, RouteSpec, StatusSpec, StreamSpec, hint};
use crate::access::Access;
use crate::route::{Method, Template};

/// Of a route that calls a function.
const CALL: Keys = Keys {
    known: &[
        "call",
        "status",
        "location",
        "idempotent",
        "scope",
        "auth",
        "rate",
        "cors",
        "detached",
    ],
    later: &["cache"],
};
/// Of a route that streams events.
const STREAM: Keys = Keys {
    known: &["stream", "key", "snapshot", "only", "ends", "scope", "auth", "rate", "cors"],
    later: &[],
};

/// The routes of `[http]`, in the order of the file.
pub(super) fn routes(reader: &mut Reader<'_>, section: Entry<'_>) -> Option<Vec<RouteSpec>> {
    let routes = reader.table(section)?;
    Some(routes.into_iter().filter_map(|entry| route(reader, entry)).collect())
}

/// `"POST /orders" = "ordering.place"`, or a table with `call` or `stream`.
fn route(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<RouteSpec> {
    let key = route_key(reader, entry);
    let target = target(reader, entry);
    let (method, path) = key?;
    let Target { call: (interface, function), status, location, idempotent, access, stream, edge } =
        target?;
    if idempotent && method == Method::Get {
        reader.mistake(entry.at, "a GET may be repeated anyway: leave \"idempotent\" out");
    }
    if idempotent && edge.detached == Some(false) {
        let detail = "an idempotent route runs to its end: leave \"detached = false\" out";
        reader.mistake(entry.at, detail);
    }
    if stream.is_some() && method != Method::Get {
        reader.mistake(entry.at, format!("a stream is read by GET, not by {method}"));
    }
    let line = reader.line(entry.at);
    Some(RouteSpec {
        method,
        path,
        interface,
        function,
        status,
        location,
        idempotent,
        access,
        stream,
        edge,
        line,
    })
}

/// The right side of a route.
#[derive(Default)]
struct Target {
    call: (String, String),
    status: Option<StatusSpec>,
    location: Option<Template>,
    idempotent: bool,
    access: Access,
    stream: Option<StreamSpec>,
    edge: EdgeSpec,
}

fn target(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<Target> {
    if entry.is_str() {
        let call = reader.parsed(entry, parse_call)?;
        return Some(Target { call, ..Target::default() });
    }
    let members = reader.table_or(entry, "a string or a table")?;
    match members.iter().any(|member| member.key == "stream") {
        true => stream(reader, entry, members),
        false => call(reader, entry, members),
    }
}

fn call(reader: &mut Reader<'_>, entry: Entry<'_>, members: Vec<Entry<'_>>) -> Option<Target> {
    let (mut call, mut status, mut location, mut idempotent) = (None, None, None, None);
    let (mut has_call, mut access) = (false, AccessKeys::default());
    let mut edge = EdgeSpec::default();
    for member in members {
        match member.key {
            "call" => {
                has_call = true;
                call = reader.parsed(member, parse_call);
            }
            "status" => status = status_spec(reader, member),
            "idempotent" => idempotent = reader.bool(member),
            "location" => location = reader.parsed(member, Template::parse),
            key if EdgeSpec::KEYS.contains(&key) => edge.take(reader, member),
            _ if access.take(reader, member) => {}
            _ => reader.unknown(member, &CALL),
        }
    }
    if !has_call {
        let example = "call = \"interface.function\"";
        reader.mistake(entry.at, format!("the route {} needs {example}", quoted(entry.key)));
    }
    let (idempotent, access) = (idempotent.unwrap_or(false), access.finish(reader));
    Some(Target { call: call?, status, location, idempotent, access, stream: None, edge })
}

fn stream(reader: &mut Reader<'_>, entry: Entry<'_>, members: Vec<Entry<'_>>) -> Option<Target> {
    let (mut interface, mut key, mut snapshot, mut only) = (None, None, None, None);
    let (mut end, mut access) = (Vec::new(), AccessKeys::default());
    let mut edge = EdgeSpec::default();
    for required in ["key", "snapshot"] {
        if !members.iter().any(|member| member.key == required) {
            let detail = format!("the stream {} needs {required:?}", quoted(entry.key));
            reader.mistake(entry.at, detail);
        }
    }
    for member in members {
        match member.key {
            "stream" => interface = reader.str(member),
            "key" => key = reader.str(member),
            "snapshot" => snapshot = reader.parsed(member, parse_call),
            "only" => only = some(reader, member),
            "ends" => end = ends(reader, member),
            "rate" | "cors" => edge.take(reader, member),
            _ if access.take(reader, member) => {}
            _ => reader.unknown(member, &STREAM),
        }
    }
    let access = access.finish(reader);
    let stream = StreamSpec { interface: interface?.into(), key: key?.into(), only, ends: end };
    Some(Target { call: snapshot?, access, stream: Some(stream), edge, ..Target::default() })
}

/// Strings, of which there has to be one.
fn some(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<Vec<String>> {
    let strings = reader.strings(entry)?;
    if strings.is_empty() {
        reader.mistake(entry.at, format!("{:?} is empty: leave it out", entry.key));
    }
    Some(strings)
}

fn ends(reader: &mut Reader<'_>, entry: Entry<'_>) -> Vec<EndSpec> {
    let members = reader.table_or(entry, "a table of members and their last values");
    let end = |member: Entry<'_>| {
        let values = some(reader, member)?;
        Some(EndSpec { member: member.key.into(), values })
    };
    members.unwrap_or_default().into_iter().filter_map(end).collect()
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

/// `201`, or `{ outcome = { unlocked = 201, already_unlocked = 200 } }`.
fn status_spec(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<StatusSpec> {
    if entry.is_integer() {
        return success_status(reader, entry).map(StatusSpec::Always);
    }
    let members =
        reader.table_or(entry, "a whole number, or a table of a member and its values")?;
    let [member] = members.as_slice() else {
        reader.mistake(entry.at, "\"status\" goes by one member of the result");
        return None;
    };
    let values = reader.table_or(*member, "a table of values and their statuses")?;
    let statuses = values
        .into_iter()
        .map(|value| Some((value.key.to_owned(), success_status(reader, value)?)));
    let values = statuses.collect::<Option<Vec<_>>>()?;
    Some(StatusSpec::By { member: member.key.to_owned(), values })
}

fn success_status(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<u16> {
    reader.integer(entry, 200..=299).and_then(|status| u16::try_from(status).ok())
}
