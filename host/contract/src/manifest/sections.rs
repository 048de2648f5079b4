//! The tables of a manifest, one function each.

use std::sync::Arc;
use std::time::Duration;

use super::edge::{self, CorsSpec, RateSpec};
use super::entries::{Entry, Keys, Reader, quoted};
use super::{
    CacheSection, CallSpec, ConfigSpec, DatabaseSection, ErrorSpec, EventsSection, FunctionSpec,
    IdempotencySection, LimitsSpec, Manifest, OutboundSection, RouteSpec, ScheduleSpec, SecretSpec,
    ServiceSection, SubscriptionSpec, calls, events, http, limits, outbound, schedule, settings,
    units,
};

const TABLES: Keys = Keys {
    known: &[
        "service",
        "http",
        "errors",
        "calls",
        "functions",
        "database",
        "events",
        "subscriptions",
        "idempotency",
        "config",
        "secrets",
        "cache",
        "outbound",
        "schedule",
        "limits",
        "cors",
    ],
    later: &["mail"],
};
const SERVICE: Keys = Keys { known: &["name", "version", "description"], later: &[] };
const DATABASE: Keys = Keys { known: &["migrations", "seed"], later: &[] };
const IDEMPOTENCY: Keys = Keys { known: &["ttl"], later: &[] };

/// The shortest life of an idempotency key: longer than any request runs.
const TTL_MIN: Duration = Duration::from_secs(60);

/// The longest life of an idempotency key: thirty days.
const TTL_MAX: Duration = Duration::from_secs(720 * 60 * 60);

/// The longest description, in bytes.
const DESCRIPTION_BYTES_MAX: usize = 1024;

/// The whole document; `None` when something required is not there.
pub(super) fn manifest(reader: &mut Reader<'_>, document: Vec<Entry<'_>>) -> Option<Manifest> {
    let mut service = None;
    let mut has_service = false;
    let mut manifest = Parts::default();
    let mut idempotency_at = None;
    let mut unchecked = None;
    for entry in document {
        match entry.key {
            "service" => {
                has_service = true;
                service = service_section(reader, entry);
            }
            "http" => manifest.http = http::routes(reader, entry),
            "errors" => manifest.errors = errors(reader, entry),
            "calls" => manifest.calls = calls::calls(reader, entry),
            "functions" => manifest.idempotent = calls::idempotent(reader, entry),
            "database" => manifest.database = database(reader, entry),
            "idempotency" => {
                idempotency_at = Some(entry.at);
                manifest.idempotency = idempotency(reader, entry);
            }
            "events" => manifest.events = events::events(reader, entry),
            "subscriptions" => manifest.subscriptions = events::subscriptions(reader, entry),
            "config" => manifest.config = settings::config(reader, entry),
            "secrets" => manifest.secrets = settings::secrets(reader, entry),
            "cache" => manifest.cache = settings::cache(reader, entry),
            "outbound" => unchecked = outbound::outbound(reader, entry),
            "schedule" => manifest.schedules = schedule::schedules(reader, entry),
            "limits" => manifest.limits = limits::limits(reader, entry, &mut manifest.rate),
            "cors" => manifest.cors = edge::cors(reader, entry).map(Arc::new),
            _ => reader.unknown(entry, &TABLES),
        }
    }
    if !has_service {
        reader.mistake(0, "the table [service] is missing");
    }
    if let (Some(at), false) = (idempotency_at, manifest.has_idempotent_route()) {
        reader.mistake(at, "[idempotency] is for routes with idempotent = true; there are none");
    }
    manifest.outbound = outbound::check(reader, unchecked, &manifest.config);
    Some(manifest.with(service?))
}

/// A manifest without its `[service]`.
#[derive(Default)]
struct Parts {
    http: Option<Vec<RouteSpec>>,
    errors: Vec<ErrorSpec>,
    calls: Vec<CallSpec>,
    idempotent: Vec<FunctionSpec>,
    database: Option<DatabaseSection>,
    idempotency: IdempotencySection,
    events: Option<EventsSection>,
    subscriptions: Vec<SubscriptionSpec>,
    config: Vec<ConfigSpec>,
    secrets: Vec<SecretSpec>,
    cache: Option<CacheSection>,
    outbound: Option<OutboundSection>,
    schedules: Vec<ScheduleSpec>,
    limits: LimitsSpec,
    rate: Option<Arc<RateSpec>>,
    cors: Option<Arc<CorsSpec>>,
}

impl Parts {
    fn with(self, service: ServiceSection) -> Manifest {
        let Self {
            http,
            errors,
            calls,
            idempotent,
            database,
            idempotency,
            events,
            subscriptions,
            config,
            secrets,
            cache,
            outbound,
            schedules,
            limits,
            rate,
            cors,
        } = self;
        Manifest {
            service,
            http,
            errors,
            calls,
            idempotent,
            database,
            idempotency,
            events,
            subscriptions,
            config,
            secrets,
            cache,
            outbound,
            schedules,
            limits,
            rate,
            cors,
        }
    }

    fn has_idempotent_route(&self) -> bool {
        self.http.iter().flatten().any(|route| route.idempotent)
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

fn idempotency(reader: &mut Reader<'_>, section: Entry<'_>) -> IdempotencySection {
    let mut idempotency = IdempotencySection::default();
    for entry in reader.table(section).unwrap_or_default() {
        match entry.key {
            "ttl" => {
                if let Some(ttl) = reader.parsed(entry, parse_ttl) {
                    idempotency.ttl = ttl;
                }
            }
            _ => reader.unknown(entry, &IDEMPOTENCY),
        }
    }
    idempotency
}

fn parse_ttl(text: &str) -> Result<Duration, String> {
    let example = "write it like \"24h\"";
    let ttl = units::duration(text);
    let ttl = ttl.ok_or_else(|| format!("{} is not a duration: {example}", quoted(text)))?;
    match (TTL_MIN..=TTL_MAX).contains(&ttl) {
        true => Ok(ttl),
        false => Err(format!("\"ttl\" must be 1m to 720h, got {text}")),
    }
}
