//! The tables of a manifest, one function each.

use toml::de::DeTable;

use super::entries::{Entry, Keys, Reader, entries, quoted};
use super::{
    CallSpec, DatabaseSection, ErrorSpec, LimitsSpec, Manifest, RouteSpec, ServiceSection, hint,
    units,
};
use crate::name::InterfaceName;
use crate::route::{Method, Template};

const TABLES: Keys = Keys {
    known: &["service", "http", "errors", "calls", "database", "limits"],
    later: &["schedule", "outbound", "events", "cache", "mail"],
};
const SERVICE: Keys = Keys { known: &["name", "version", "description"], later: &[] };
const ROUTE: Keys = Keys {
    known: &["call", "status", "location"],
    later: &["idempotent", "scope", "stream", "key", "snapshot", "cache", "rate"],
};
const CALL: Keys = Keys { known: &["optional"], later: &["timeout", "retries", "breaker"] };
const DATABASE: Keys = Keys { known: &["migrations", "seed"], later: &[] };
const LIMITS: Keys =
    Keys { known: &["memory", "timeout", "concurrency", "reuse"], later: &["outbound", "rate"] };

/// The longest description, in bytes.
const DESCRIPTION_BYTES_MAX: usize = 1024;

/// The whole document; `None` when something required is not there.
pub(super) fn manifest(reader: &mut Reader<'_>, document: &DeTable<'_>) -> Option<Manifest> {
    let mut service = None;
    let mut has_service = false;
    let mut manifest = Parts::default();
    for entry in entries(document) {
        match entry.key {
            "service" => {
                has_service = true;
                service = service_section(reader, entry);
            }
            "http" => manifest.http = reader.table(entry).map(|routes| http(reader, routes)),
            "errors" => manifest.errors = errors(reader, entry),
            "calls" => manifest.calls = calls(reader, entry),
            "database" => manifest.database = database(reader, entry),
            "limits" => manifest.limits = limits(reader, entry),
            _ => reader.unknown(entry, &TABLES),
        }
    }
    if !has_service {
        reader.mistake(0, "the table [service] is missing");
    }
    Some(manifest.with(service?))
}

/// A manifest without its `[service]`.
#[derive(Default)]
struct Parts {
    http: Option<Vec<RouteSpec>>,
    errors: Vec<ErrorSpec>,
    calls: Vec<CallSpec>,
    database: Option<DatabaseSection>,
    limits: LimitsSpec,
}

impl Parts {
    fn with(self, service: ServiceSection) -> Manifest {
        let Self { http, errors, calls, database, limits } = self;
        Manifest { service, http, errors, calls, database, limits }
    }
}

fn service_section(reader: &mut Reader<'_>, section: Entry<'_>) -> Option<ServiceSection> {
    let (mut name, mut version, mut description) = (None, None, None);
    let (mut has_name, mut has_version) = (false, false);
    for entry in reader.table(section)? {
        match entry.key {
            "name" => {
                has_name = true;
                name = reader.parsed(entry, |text| text.parse().map_err(|e| format!("{e}")));
            }
            "version" => {
                has_version = true;
                version = reader.parsed(entry, parse_version);
            }
            "description" => description = reader.parsed(entry, parse_description),
            _ => reader.unknown(entry, &SERVICE),
        }
    }
    for (there, key) in [(has_name, "name"), (has_version, "version")] {
        if !there {
            reader.mistake(section.at, format!("[service] needs {key:?}"));
        }
    }
    let description = description.unwrap_or_default();
    Some(ServiceSection { name: name?, version: version?, description })
}

fn parse_version(text: &str) -> Result<semver::Version, String> {
    let example = "write it like \"1.4.0\"";
    text.parse().map_err(|e| format!("{} is not a semantic version ({e}): {example}", quoted(text)))
}

fn parse_description(text: &str) -> Result<String, String> {
    if text.len() > DESCRIPTION_BYTES_MAX {
        return Err(format!("the description is longer than {DESCRIPTION_BYTES_MAX} bytes"));
    }
    Ok(text.into())
}

fn http(reader: &mut Reader<'_>, routes: Vec<Entry<'_>>) -> Vec<RouteSpec> {
    routes.into_iter().filter_map(|entry| route(reader, entry)).collect()
}

/// `"POST /orders" = "ordering.place"`, or a table with `call`.
fn route(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<RouteSpec> {
    let key = route_key(reader, entry);
    let target = target(reader, entry);
    let (method, path) = key?;
    let Target { call: (interface, function), status, location } = target?;
    let line = reader.line(entry.at);
    Some(RouteSpec { method, path, interface, function, status, location, line })
}

/// The right side of a route.
struct Target {
    call: (String, String),
    status: Option<u16>,
    location: Option<Template>,
}

fn target(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<Target> {
    if entry.is_str() {
        let call = reader.parsed(entry, parse_call)?;
        return Some(Target { call, status: None, location: None });
    }
    let (mut call, mut status, mut location) = (None, None, None);
    let mut has_call = false;
    for member in reader.table_or(entry, "a string or a table")? {
        match member.key {
            "call" => {
                has_call = true;
                call = reader.parsed(member, parse_call);
            }
            "status" => status = success_status(reader, member),
            "location" => location = reader.parsed(member, Template::parse),
            _ => reader.unknown(member, &ROUTE),
        }
    }
    if !has_call {
        let example = "call = \"interface.function\"";
        reader.mistake(entry.at, format!("the route {} needs {example}", quoted(entry.key)));
    }
    Some(Target { call: call?, status, location })
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
fn parse_call(text: &str) -> Result<(String, String), String> {
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

fn errors(reader: &mut Reader<'_>, section: Entry<'_>) -> Vec<ErrorSpec> {
    let mut errors = Vec::new();
    for entry in reader.table(section).unwrap_or_default() {
        let status = reader.integer(entry, 400..=599).and_then(|status| u16::try_from(status).ok());
        if let Some(status) = status {
            errors.push(ErrorSpec { case: entry.key.into(), status, line: reader.line(entry.at) });
        }
    }
    errors
}

fn calls(reader: &mut Reader<'_>, section: Entry<'_>) -> Vec<CallSpec> {
    let mut calls = Vec::new();
    for entry in reader.table(section).unwrap_or_default() {
        let interface = entry.key.parse::<InterfaceName>();
        let interface = interface.map_err(|error| reader.mistake(entry.at, error.to_string())).ok();
        let mut optional = None;
        for member in reader.table(entry).unwrap_or_default() {
            match member.key {
                "optional" => optional = reader.bool(member),
                _ => reader.unknown(member, &CALL),
            }
        }
        if let Some(interface) = interface {
            let line = reader.line(entry.at);
            calls.push(CallSpec { interface, optional: optional.unwrap_or(false), line });
        }
    }
    calls
}

fn database(reader: &mut Reader<'_>, section: Entry<'_>) -> Option<DatabaseSection> {
    let mut database = DatabaseSection::default();
    for entry in reader.table(section)? {
        match entry.key {
            "migrations" => database.migrations = reader.parsed(entry, parse_relative),
            "seed" => database.seed = reader.parsed(entry, parse_relative),
            _ => reader.unknown(entry, &DATABASE),
        }
    }
    Some(database)
}

/// A path that stays in the service's folder.
fn parse_relative(text: &str) -> Result<String, String> {
    let stays = !text.is_empty()
        && !text.contains(['\\', ':', '\0'])
        && text.split('/').all(|part| !matches!(part, "" | ".."));
    match stays {
        true => Ok(text.into()),
        false => Err(format!("{} is not a path inside the service's folder", quoted(text))),
    }
}

fn limits(reader: &mut Reader<'_>, section: Entry<'_>) -> LimitsSpec {
    let mut limits = LimitsSpec::default();
    for entry in reader.table(section).unwrap_or_default() {
        match entry.key {
            "memory" => {
                limits.memory_bytes = reader.parsed(entry, |text| {
                    let example = "write it like \"32MiB\"";
                    let bytes = units::bytes(text);
                    bytes.ok_or_else(|| format!("{} is not a size: {example}", quoted(text)))
                });
            }
            "timeout" => {
                limits.timeout = reader.parsed(entry, |text| {
                    let example = "write it like \"3s\" or \"800ms\"";
                    let time = units::duration(text);
                    time.ok_or_else(|| format!("{} is not a duration: {example}", quoted(text)))
                });
            }
            "concurrency" => limits.concurrency = reader.integer(entry, 1..=1_000_000),
            "reuse" => limits.reuse = reader.integer(entry, 1..=1_000_000_000),
            _ => reader.unknown(entry, &LIMITS),
        }
    }
    limits
}
