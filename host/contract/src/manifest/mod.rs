//! The manifest of a service: `service.toml`.
//!
//! [`Manifest::parse`] checks what the text alone can show and collects every mistake with its line;
//! [`Routes::build`](crate::route::Routes::build) checks the rest against the component. A key that
//! nothing would enforce is refused, so that no service relies on it.

mod access;
pub mod calls;
pub mod edge;
pub mod entries;
mod events;
mod http;
mod limits;
mod outbound;
mod schedule;
mod sections;
mod settings;
pub mod units;

#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use semver::Version;

use crate::access::Access;
use crate::name::{InterfaceName, ServiceName};
use crate::problem::Mistake;
use crate::route::{Method, Template};

use edge::{CorsSpec, EdgeSpec, RateSpec};
use entries::Reader;

pub use calls::{BreakerSpec, CallSpec, FunctionSpec, PolicySpec};
pub use limits::LimitsSpec;
pub use outbound::{OutboundSection, OutboundTarget, names_origin};
pub use schedule::{Missed, ScheduleSpec};
pub use settings::{
    CacheSection, ConfigSpec, InvalidSettingKey, SECRET_BYTES_MAX, SETTING_BYTES_MAX,
    SETTING_KEY_BYTES_MAX, SecretSpec, SettingKey,
};

/// The largest manifest, in bytes.
pub const MANIFEST_BYTES_MAX: usize = 64 << 10;

/// What a service's `service.toml` says.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// `[service]`
    pub service: ServiceSection,
    /// `[http]`, in the order of the file; `None` without the table, which implies routes.
    pub http: Option<Vec<RouteSpec>>,
    /// `[errors]`, in the order of the file.
    pub errors: Vec<ErrorSpec>,
    /// `[calls]`, in the order of the file.
    pub calls: Vec<CallSpec>,
    /// `[functions]`: those that may be called again when nobody knows how a call ended.
    pub idempotent: Vec<FunctionSpec>,
    /// `[database]`
    pub database: Option<DatabaseSection>,
    /// `[idempotency]`
    pub idempotency: IdempotencySection,
    /// `[events]`
    pub events: Option<EventsSection>,
    /// `[subscriptions]`, in the order of the file.
    pub subscriptions: Vec<SubscriptionSpec>,
    /// `[config]`, in the order of the file.
    pub config: Vec<ConfigSpec>,
    /// `[secrets]`, in the order of the file.
    pub secrets: Vec<SecretSpec>,
    /// `[cache]`
    pub cache: Option<CacheSection>,
    /// `[outbound]`
    pub outbound: Option<OutboundSection>,
    /// `[schedule]`, in the order of the file.
    pub schedules: Vec<ScheduleSpec>,
    /// `[limits]`
    pub limits: LimitsSpec,
    /// `[limits] rate`: how often the routes may be called, all together.
    pub rate: Option<Arc<RateSpec>>,
    /// `[cors]`: which pages may call the routes that do not say it themselves.
    pub cors: Option<Arc<CorsSpec>>,
}

/// Who the service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSection {
    /// Its name on the host.
    pub name: ServiceName,
    /// The version of this build.
    pub version: Version,
    /// One line for people; may be empty.
    pub description: String,
}

/// One line of `[http]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteSpec {
    /// The HTTP method.
    pub method: Method,
    /// The path under `/api/v1`.
    pub path: Template,
    /// The interface of the function that is called: its last name, or in full.
    pub interface: String,
    /// The function, kebab-case.
    pub function: String,
    /// The status of a success, when it is not the usual one.
    pub status: Option<StatusSpec>,
    /// The template of the `Location` header; its parameters are fields of the result.
    pub location: Option<Template>,
    /// Requests with an `Idempotency-Key` are answered once.
    pub idempotent: bool,
    /// `scope`, `auth`: what a caller needs.
    pub access: Access,
    /// The events that are streamed. Then the function makes the snapshot they begin with.
    pub stream: Option<StreamSpec>,
    /// What is enforced in front of it.
    pub edge: EdgeSpec,
    /// The line in the file, from 1.
    pub line: u32,
}

/// `status`: what a success answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusSpec {
    /// Always this one.
    Always(u16),
    /// Which one depends on the value of a member of the result.
    By {
        /// The member of the JSON object.
        member: String,
        /// Its values, and what each answers.
        values: Vec<(String, u16)>,
    },
}

/// What a route with `stream` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSpec {
    /// `stream`: the imported event interface, by its last name or in full.
    pub interface: String,
    /// `key`: the parameter of the path that is the key of the events.
    pub key: String,
    /// `only`: the events that are sent, kebab-case. Absent: all that the component publishes.
    pub only: Option<Vec<String>>,
    /// `ends`: what an event, or the snapshot, is the last one by.
    pub ends: Vec<EndSpec>,
}

/// A member whose value ends a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndSpec {
    /// The member of the JSON object.
    pub member: String,
    /// The values that end it.
    pub values: Vec<String>,
}

/// One line of `[errors]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorSpec {
    /// The error case, kebab-case.
    pub case: String,
    /// The status that it answers: 400 to 599.
    pub status: u16,
    /// The line in the file, from 1.
    pub line: u32,
}

/// `[database]`: what `thali build` packs. The paths mean nothing to the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatabaseSection {
    /// The folder of the migrations, relative to the manifest.
    pub migrations: Option<String>,
    /// The file of the seed data, relative to the manifest.
    pub seed: Option<String>,
}

/// `[idempotency]`: how long the answers of routes with `idempotent = true` are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdempotencySection {
    /// `ttl`: how long a key is remembered, from its first use. One minute to 720 hours, default 24
    /// hours.
    pub ttl: Duration,
}

impl Default for IdempotencySection {
    fn default() -> Self {
        Self { ttl: Duration::from_secs(24 * 60 * 60) }
    }
}

/// `[events]`: how the service's own events are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsSection {
    /// `retention`: how long an event is kept that every live subscriber has got. Absent: a day.
    pub retention: Option<Duration>,
    /// The line in the file, from 1.
    pub line: u32,
}

/// One entry of `[subscriptions]`: how events of one interface are delivered to the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionSpec {
    /// The exported event interface; without a version it means every version.
    pub interface: InterfaceName,
    /// `only`: the functions that are wanted, kebab-case. Others are passed over. Absent: all.
    pub only: Option<Vec<String>>,
    /// `from`: which events the service gets when it subscribes for the first time.
    pub from: StartFrom,
    /// `attempts`: after how many failed deliveries an event becomes a dead letter. Default 10.
    pub attempts: u32,
    /// `concurrency`: how many deliveries run side by side. Default 16.
    pub concurrency: u32,
    /// `backoff.first`: the pause after the first failure, at most; it doubles with every further one.
    /// Default 500 ms.
    pub backoff_first: Duration,
    /// `backoff.max`: the longest pause. Default 5 min.
    pub backoff_max: Duration,
    /// The line in the file, from 1; 0 for what is not in the file.
    pub line: u32,
}

/// Which events a new subscriber gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartFrom {
    /// Those that are published after its first deploy.
    #[default]
    Now,
    /// All that are kept.
    Start,
}

impl Manifest {
    /// Reads the text of a `service.toml`.
    ///
    /// # Errors
    ///
    /// Every mistake that the text alone shows, in the order of the file. Pointers are
    /// `service.toml:LINE`.
    pub fn parse(text: &str) -> Result<Self, Vec<Mistake>> {
        if text.len() > MANIFEST_BYTES_MAX {
            return Err(vec![Mistake::new(
                "service.toml",
                format!("is larger than {MANIFEST_BYTES_MAX} bytes"),
            )]);
        }
        Reader::read("service.toml", text, sections::manifest)
    }

    /// Whether the service runs without a provider of `import`.
    pub fn is_optional(&self, import: &InterfaceName) -> bool {
        self.calls.iter().any(|call| call.optional && call.names(import))
    }
}

impl SubscriptionSpec {
    /// What holds for a subscription that the manifest does not mention.
    pub fn new(interface: InterfaceName) -> Self {
        Self {
            interface,
            only: None,
            from: StartFrom::Now,
            attempts: 10,
            concurrency: 16,
            backoff_first: Duration::from_millis(500),
            backoff_max: Duration::from_secs(300),
            line: 0,
        }
    }
}

/// The pointer to a line of a manifest.
pub fn pointer(line: u32) -> String {
    format!("service.toml:{line}")
}

/// `; did you mean "x"?`, or nothing.
pub(crate) fn hint<'k>(wrong: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    crate::json::closest(known.into_iter(), wrong)
        .map(|name| format!("; did you mean {name:?}?"))
        .unwrap_or_default()
}
