//! What is enforced in front of a route: rate limits, CORS, and whether its work outlives the client.

use std::sync::Arc;
use std::time::Duration;

use super::entries::{Entry, Keys, Reader, quoted};
use super::units;
use crate::route::Method;

const RATE: Keys = Keys { known: &["limit", "per", "burst", "by"], later: &[] };
const CORS: Keys = Keys { known: &["origins", "headers", "credentials", "max-age"], later: &[] };

/// The shortest and the longest time that a limit counts over.
const PER_MIN: Duration = Duration::from_secs(1);
const PER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// More requests than this are no limit.
const LIMIT_MAX: u32 = 100_000_000;

/// Browsers cut it to two hours or a day.
const MAX_AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a browser may remember the answer to a preflight unless the manifest says otherwise.
const MAX_AGE_USUAL: Duration = Duration::from_secs(600);

/// The request headers that a page may send unless the manifest says otherwise.
const HEADERS_USUAL: [&str; 5] =
    ["authorization", "content-type", "idempotency-key", "last-event-id", "traceparent"];

/// What a route says of it in `[http]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EdgeSpec {
    /// `rate`: how often the route may be called.
    pub rate: Option<Arc<RateSpec>>,
    /// `cors`: which pages may call it. Absent: what the service says.
    pub cors: Option<CorsRule>,
    /// `detached`: whether its work goes on when the client leaves. Absent: unless the method is safe.
    pub detached: Option<bool>,
}

/// What is enforced in front of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    /// How often the route may be called.
    pub rate: Option<Arc<RateSpec>>,
    /// How often the routes of the service may be called, all together.
    pub service_rate: Option<Arc<RateSpec>>,
    /// Which pages may call it.
    pub cors: CorsRule,
    /// Whether its work goes on when the client leaves.
    pub detached: bool,
}

/// How often something may be done: `{ limit = 100, per = "1m", burst = 20, by = "subject" }`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RateSpec {
    /// `limit`: so many requests ..
    pub limit: u32,
    /// `per`: .. in this time, on average. 1 s to 24 h.
    pub per: Duration,
    /// `burst`: so many at once after a pause. Default `limit`.
    pub burst: u32,
    /// `by`: whose requests are counted together. Default [`RateKey::Subject`].
    pub by: RateKey,
}

/// Whose requests are counted together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum RateKey {
    /// `subject`: those of one principal; of who has none, those of one address.
    #[default]
    Subject,
    /// `ip`: those of one IPv4 address or one IPv6 /64.
    Ip,
    /// `header:NAME`: those with the same value in this header, in lower case; without it, those of one
    /// address.
    Header(String),
}

/// Which pages of other origins may call a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CorsRule {
    /// Whatever the level above says: the service, then the host.
    #[default]
    Inherit,
    /// None.
    Off,
    /// These.
    Allow(Arc<CorsSpec>),
}

/// `[cors]`: what pages of other origins may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsSpec {
    /// `origins`: `https://shop.example`, as browsers write them, or only `*`.
    pub origins: Vec<String>,
    /// `headers`: the request headers that may be sent, in lower case.
    pub headers: Vec<String>,
    /// `credentials`: whether cookies and client certificates may come along. Default no.
    pub credentials: bool,
    /// `max-age`: how long a browser may remember that. Default 10 min, at most 24 h.
    pub max_age: Duration,
}

impl EdgeSpec {
    /// The keys that it takes of a route.
    pub(super) const KEYS: [&str; 3] = ["rate", "cors", "detached"];

    /// Reads one of [`EdgeSpec::KEYS`].
    pub(super) fn take(&mut self, reader: &mut Reader<'_>, entry: Entry<'_>) {
        match entry.key {
            "rate" => self.rate = rate(reader, entry).map(Arc::new),
            "cors" => self.cors = cors_of_route(reader, entry),
            _ => self.detached = reader.bool(entry),
        }
    }

    /// What is enforced, with what the service says for all of its routes.
    pub(crate) fn resolve(
        &self,
        method: Method,
        service_rate: Option<&Arc<RateSpec>>,
        service_cors: Option<&Arc<CorsSpec>>,
    ) -> Edge {
        let of_service = || service_cors.map(|cors| CorsRule::Allow(Arc::clone(cors)));
        Edge {
            rate: self.rate.clone(),
            service_rate: service_rate.cloned(),
            cors: self.cors.clone().or_else(of_service).unwrap_or_default(),
            detached: self.detached.unwrap_or(method != Method::Get),
        }
    }
}

/// `{ limit = 100, per = "1m" }`, with `burst` and `by` if wanted.
pub fn rate(reader: &mut Reader<'_>, section: Entry<'_>) -> Option<RateSpec> {
    let (mut limit, mut per, mut burst, mut by) = (None, None, None, None);
    let example = "write it like { limit = 100, per = \"1m\" }";
    let members = reader.table_or(section, "a table")?;
    for required in ["limit", "per"] {
        if !members.iter().any(|member| member.key == required) {
            let detail = format!("{:?} needs {required:?}: {example}", section.key);
            reader.mistake(section.at, detail);
        }
    }
    for entry in members {
        match entry.key {
            "limit" => limit = reader.integer(entry, 1..=LIMIT_MAX),
            "per" => per = reader.parsed(entry, |text| time(text, PER_MIN, PER_MAX)),
            "burst" => burst = reader.integer(entry, 1..=LIMIT_MAX),
            "by" => by = reader.parsed(entry, rate_key),
            _ => reader.unknown(entry, &RATE),
        }
    }
    let limit = limit?;
    let (burst, by) = (burst.unwrap_or(limit), by.unwrap_or_default());
    Some(RateSpec { limit, per: per?, burst, by })
}

fn rate_key(text: &str) -> Result<RateKey, String> {
    match text {
        "subject" => Ok(RateKey::Subject),
        "ip" => Ok(RateKey::Ip),
        other => match other.strip_prefix("header:") {
            Some(name) => Ok(RateKey::Header(header_name(name)?)),
            None => Err(format!(
                "{} is not whose requests are counted: write \"subject\", \"ip\" or \"header:NAME\"",
                quoted(other)
            )),
        },
    }
}

fn time(text: &str, min: Duration, max: Duration) -> Result<Duration, String> {
    let time = units::duration(text).filter(|time| (min..=max).contains(time));
    let example = "write it like \"10s\" or \"1m\"";
    time.ok_or_else(|| format!("{} is not a time of {min:?} to {max:?}: {example}", quoted(text)))
}

/// `false`, or a table.
fn cors_of_route(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<CorsRule> {
    if entry.is_bool() {
        let on = reader.bool(entry)?;
        if on {
            reader.mistake(
                entry.at,
                "\"cors\" must be false, or say which origins: [cors] has the rest",
            );
        }
        return (!on).then_some(CorsRule::Off);
    }
    cors(reader, entry).map(Arc::new).map(CorsRule::Allow)
}

/// `origins`, and `headers`, `credentials` and `max-age` if wanted.
pub fn cors(reader: &mut Reader<'_>, section: Entry<'_>) -> Option<CorsSpec> {
    let (mut origins, mut headers, mut credentials, mut max_age) = (None, None, None, None);
    let mut credentials_at = section.at;
    for entry in reader.table_or(section, "a table, or false")? {
        match entry.key {
            "origins" => origins = list(reader, entry, origin),
            "headers" => headers = list(reader, entry, header_name),
            "credentials" => {
                credentials_at = entry.at;
                credentials = reader.bool(entry);
            }
            "max-age" => {
                max_age = reader.parsed(entry, |text| time(text, PER_MIN, MAX_AGE_MAX));
            }
            _ => reader.unknown(entry, &CORS),
        }
    }
    let Some(origins) = origins else {
        let example = "origins = [\"https://shop.example\"]";
        reader.mistake(section.at, format!("{:?} needs {example}", section.key));
        return None;
    };
    let is_any = origins.iter().any(|origin| origin == "*");
    if is_any && origins.len() > 1 {
        reader.mistake(section.at, "\"*\" is every origin: leave the others out");
    }
    if is_any && credentials == Some(true) {
        // Every page of the world could act as whoever is signed in.
        reader.mistake(
            credentials_at,
            "credentials are not for every origin: name them in \"origins\"",
        );
    }
    Some(CorsSpec {
        origins,
        headers: headers.unwrap_or_else(|| HEADERS_USUAL.map(Into::into).into()),
        credentials: credentials.unwrap_or(false),
        max_age: max_age.unwrap_or(MAX_AGE_USUAL),
    })
}

fn list(
    reader: &mut Reader<'_>,
    entry: Entry<'_>,
    parse: impl Fn(&str) -> Result<String, String>,
) -> Option<Vec<String>> {
    let texts = reader.strings(entry)?;
    match texts.iter().map(|text| parse(text)).collect() {
        Ok(items) => Some(items),
        Err(detail) => {
            reader.mistake(entry.at, detail);
            Some(Vec::new())
        }
    }
}

/// `scheme://host` with a port if it is not the usual one: exactly what a browser sends.
fn origin(text: &str) -> Result<String, String> {
    let is_origin = |text: &str| {
        let (scheme, host) = text.split_once("://")?;
        let scheme = !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_lowercase());
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._:[]".contains(&b);
        let host = !host.is_empty() && host.bytes().all(plain) && !host.ends_with(':');
        let usual = matches!(text.strip_prefix("https://"), Some(host) if host.ends_with(":443"))
            || matches!(text.strip_prefix("http://"), Some(host) if host.ends_with(":80"));
        (scheme && host && !usual).then_some(())
    };
    match text == "*" || is_origin(text).is_some() {
        true => Ok(text.into()),
        false => Err(format!(
            "{} is not an origin: write it as browsers do, like \"https://shop.example\"",
            quoted(text)
        )),
    }
}

/// A header's name, in lower case.
fn header_name(text: &str) -> Result<String, String> {
    // RFC 9110, 5.6.2.
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    match !text.is_empty() && text.len() <= 64 && text.bytes().all(token) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(format!("{} is not the name of a header", quoted(text))),
    }
}

impl std::fmt::Display for RateSpec {
    /// `100 per 60s, 20 at once, by subject`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} per {:?}, {} at once, by {}", self.limit, self.per, self.burst, self.by)
    }
}

impl std::fmt::Display for RateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Subject => f.write_str("subject"),
            Self::Ip => f.write_str("ip"),
            Self::Header(name) => write!(f, "header:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Manifest;

    const SERVICE: &str = "[service]\nname = \"a\"\nversion = \"1.0.0\"\n";

    fn manifest(rest: &str) -> Result<Manifest, Vec<String>> {
        Manifest::parse(&format!("{SERVICE}{rest}"))
            .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_route_says_how_often_by_whom_and_what_becomes_of_its_work() {
        let manifest = manifest(
            r#"
[http]
"POST /a" = { call = "a.b", rate = { limit = 100, per = "1m", burst = 20, by = "header:X-Key" }, detached = false }
"GET /a" = { call = "a.c", cors = false }
"GET /s" = { stream = "events", key = "id", snapshot = "a.c", rate = { limit = 5, per = "1s" } }
[limits]
rate = { limit = 1000, per = "1h", by = "ip" }
[cors]
origins = ["https://shop.example", "http://localhost:5173"]
credentials = true
max-age = "1h"
"#,
        )
        .unwrap();
        let routes = manifest.http.unwrap();
        let by = RateKey::Header("x-key".into());
        let rate = RateSpec { limit: 100, per: Duration::from_secs(60), burst: 20, by };
        assert_eq!(routes[0].edge.rate.as_deref(), Some(&rate));
        assert_eq!(rate.to_string(), "100 per 60s, 20 at once, by header:x-key");
        assert_eq!(routes[0].edge.detached, Some(false));
        assert_eq!(routes[1].edge.cors, Some(CorsRule::Off));
        assert_eq!(routes[2].edge.rate.as_ref().unwrap().burst, 5);
        assert_eq!(manifest.rate.as_ref().unwrap().by, RateKey::Ip);
        let cors = manifest.cors.unwrap();
        assert!(cors.credentials && cors.headers.iter().any(|name| name == "content-type"));
        let edge = routes[1].edge.resolve(Method::Get, manifest.rate.as_ref(), Some(&cors));
        assert_eq!((edge.cors, edge.detached), (CorsRule::Off, false));
        let edge = routes[0].edge.resolve(Method::Post, None, Some(&cors));
        assert_eq!((edge.cors, edge.detached), (CorsRule::Allow(cors), false));
        assert!(EdgeSpec::default().resolve(Method::Delete, None, None).detached);
    }

    #[test]
    fn every_mistake_has_its_line_and_says_what_is_right() {
        let mistakes = manifest(
            r#"[http]
"GET /a" = { call = "a.b", rate = { limit = 0, per = "1d", by = "cookie" } }
"GET /b" = { call = "a.b", cors = true, detached = "no" }
"POST /c" = { call = "a.b", idempotent = true, detached = false }
[limits]
rate = { burst = 5 }
[cors]
origins = ["*", "https://Shop.example"]
"#,
        )
        .unwrap_err();
        assert_eq!(
            mistakes,
            [
                "service.toml:5: \"limit\" must be 1 to 100000000, got 0",
                "service.toml:5: \"1d\" is not a time of 1s to 86400s: write it like \"10s\" or \"1m\"",
                "service.toml:5: \"cookie\" is not whose requests are counted: write \"subject\", \"ip\" or \
                 \"header:NAME\"",
                "service.toml:6: \"cors\" must be false, or say which origins: [cors] has the rest",
                "service.toml:6: \"detached\" must be true or false, got string",
                "service.toml:7: an idempotent route runs to its end: leave \"detached = false\" out",
                "service.toml:9: \"rate\" needs \"limit\": write it like { limit = 100, per = \"1m\" }",
                "service.toml:9: \"rate\" needs \"per\": write it like { limit = 100, per = \"1m\" }",
                "service.toml:11: \"https://Shop.example\" is not an origin: write it as browsers do, like \
                 \"https://shop.example\"",
            ]
        );
        let any = manifest("[cors]\norigins = [\"*\"]\ncredentials = true\n").unwrap_err();
        assert_eq!(
            any,
            ["service.toml:6: credentials are not for every origin: name them in \"origins\""]
        );
        for bad in ["shop.example", "https://shop.example/", "https://", "https://a:443", "null"] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }
}
