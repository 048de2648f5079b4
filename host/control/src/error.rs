//! Why a change was refused, and how that is told: a problem document for the client, the chain of
//! causes for the log.

use std::error::Error;
use std::io;

use thali_contract::name::{InvalidServiceName, ServiceName};
use thali_contract::pack::PackError;
use thali_contract::problem::{Mistake, Problem};
use thali_contract::read::ReadError;
use thali_contract::route::RouteConflict;
use thali_platform::sql::{MigrateError, SeedError, SqlError, Unavailable};
use thali_runtime::{CompileError, PrepareError};
use thiserror::Error;

use crate::compiling::ChildError;
use crate::contracts::{Breach, Dependent, Rivalry};
use crate::rollout::RolloutError;

/// Seconds until a busy host is worth another try: about two compilations of a small component.
const RETRY_AFTER_SECONDS: u32 = 2;

/// Why a deploy, a rollback or a removal did not happen. Everything is as it was before.
///
/// The texts are for the log; [`DeployError::problem`] is for the client.
#[derive(Debug, Error)]
pub enum DeployError {
    /// More bytes than a component may have.
    #[error("the component has {bytes} bytes, at most {bytes_max} are allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Something else than a component.
    #[error("not a component: {0}")]
    NotAComponent(String),
    /// A component that does not hold together.
    #[error("invalid component: {0}")]
    InvalidComponent(String),
    /// A component that was not packed.
    #[error("the component has no manifest")]
    NoManifest,
    /// A manifest with mistakes, or one that does not fit its component.
    #[error("invalid manifest: {}", listed(.0))]
    InvalidManifest(Vec<Mistake>),
    /// Functions that cannot be events, or a manifest that speaks of events that are not there.
    #[error("invalid events: {}", listed(.0))]
    InvalidEvents(Vec<Mistake>),
    /// A name that no service can have.
    #[error(transparent)]
    InvalidName(#[from] InvalidServiceName),
    /// A name that means something else in a URL.
    #[error("the name {0} is reserved")]
    ReservedName(ServiceName),
    /// An import that this host does not offer.
    #[error("import not granted: {0}")]
    NotGranted(String),
    /// Addresses that only an operator can grant.
    #[error("outbound requests not granted: {}", listed(.0))]
    OutboundNotGranted(Vec<Mistake>),
    /// A component beyond the limits of what is looked at.
    #[error("{0}")]
    TooComplex(String),
    /// A component that begins with more than its own limits allow.
    #[error("{0}")]
    LimitTooLow(String),
    /// Compiling the component takes more than it may.
    #[error("{0}")]
    CompileBudget(String),
    /// The engine does not take the component.
    #[error("does not compile: {0}")]
    Compile(String),
    /// The engine does not link the component.
    #[error("does not link: {0}")]
    Link(String),
    /// A migration, or the seed data, failed.
    #[error("migration failed: {0}")]
    Migration(String),
    /// The service's database cannot be used.
    #[error("the database cannot be used: {0}")]
    Database(Unavailable),
    /// Calls or events between services would break.
    #[error("contract mismatch: {}", listed(.0))]
    ContractMismatch(Vec<Mistake>),
    /// Another service exports the same interface.
    #[error("provider conflict: {}", listed(.0))]
    ProviderConflict(Vec<Mistake>),
    /// Another service has the same route.
    #[error("route conflict: {0}")]
    RouteConflict(String),
    /// Other services call the one to be removed.
    #[error("{service} has dependents: {}", listed(.dependents))]
    HasDependents {
        /// The service to be removed.
        service: ServiceName,
        /// Who calls what of it.
        dependents: Vec<Mistake>,
    },
    /// Nothing was live before.
    #[error("{0} has no earlier revision to go back to")]
    NothingBefore(ServiceName),
    /// The new revision does not come up.
    #[error("the new revision does not come up: {0}")]
    Smoke(String),
    /// A rollout is in the way, or is not as it should be.
    #[error(transparent)]
    Rollout(Box<RolloutError>),
    /// No service of this name.
    #[error("there is no service {0}")]
    Unknown(ServiceName),
    /// Too many deploys at once.
    #[error("busy: {0}")]
    Busy(&'static str),
    /// The stored component of a revision is gone or damaged.
    #[error("revision {number} of {service} cannot be used: {reason}; deploy it again")]
    DamagedRevision {
        /// The service.
        service: ServiceName,
        /// The revision.
        number: u32,
        /// What is wrong with it.
        reason: String,
    },
    /// The data folder cannot be read or written.
    #[error("{action} failed")]
    Storage {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The host's own fault.
    #[error("internal: {0}")]
    Internal(String),
}

impl DeployError {
    /// What the client is told: what is wrong with what it sent, and nothing of the host's insides.
    pub fn problem(&self) -> Problem {
        let problem = Problem::new(self.status(), self.code(), self.title());
        match self {
            Self::InvalidManifest(errors)
            | Self::InvalidEvents(errors)
            | Self::OutboundNotGranted(errors)
            | Self::ContractMismatch(errors)
            | Self::ProviderConflict(errors) => problem.errors(errors.clone()),
            Self::HasDependents { dependents, .. } => {
                problem.detail("Remove them first, or force the removal.").errors(dependents.clone())
            }
            Self::Busy(what) => problem.detail(*what).retry_after(RETRY_AFTER_SECONDS),
            Self::Storage { .. } | Self::Internal(_) => problem,
            Self::NoManifest => problem.detail(
                "Pack it with `thali build`, which puts service.toml, the migrations and the WIT docs into it.",
            ),
            Self::NotAComponent(what)
            | Self::InvalidComponent(what)
            | Self::NotGranted(what)
            | Self::TooComplex(what)
            | Self::LimitTooLow(what)
            | Self::CompileBudget(what)
            | Self::Compile(what)
            | Self::Link(what)
            | Self::Migration(what)
            | Self::Smoke(what)
            | Self::RouteConflict(what) => problem.detail(what.as_str()),
            other => problem.detail(other.to_string()),
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Rollout(error) => error.status(),
            Self::InvalidName(_) | Self::ReservedName(_) => 400,
            Self::Unknown(_) => 404,
            Self::ContractMismatch(_)
            | Self::ProviderConflict(_)
            | Self::RouteConflict(_)
            | Self::HasDependents { .. }
            | Self::NothingBefore(_) => 409,
            Self::TooLarge { .. } => 413,
            Self::NotAComponent(_)
            | Self::InvalidComponent(_)
            | Self::NoManifest
            | Self::InvalidManifest(_)
            | Self::InvalidEvents(_)
            | Self::NotGranted(_)
            | Self::TooComplex(_)
            | Self::LimitTooLow(_)
            | Self::CompileBudget(_)
            | Self::OutboundNotGranted(_)
            | Self::Compile(_)
            | Self::Link(_)
            | Self::Migration(_)
            | Self::Smoke(_) => 422,
            Self::Database(Unavailable::DiskFull) => 507,
            Self::Storage { source, .. } if is_full(source) => 507,
            Self::Database(_)
            | Self::DamagedRevision { .. }
            | Self::Internal(_)
            | Self::Storage { .. } => 500,
            Self::Busy(_) => 503,
        }
    }

    /// The stable name of the refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "component_too_large",
            Self::NotAComponent(_) => "not_a_component",
            Self::InvalidComponent(_) => "invalid_component",
            Self::NoManifest => "no_manifest",
            Self::InvalidManifest(_) => "invalid_manifest",
            Self::InvalidEvents(_) => "invalid_events",
            Self::InvalidName(_) => "invalid_name",
            Self::ReservedName(_) => "reserved_name",
            Self::NotGranted(_) => "import_not_granted",
            Self::OutboundNotGranted(_) => "outbound_not_granted",
            Self::TooComplex(_) => "too_complex",
            Self::LimitTooLow(_) => "limit_too_low",
            Self::CompileBudget(_) => "compile_budget",
            Self::Compile(_) => "compile_failed",
            Self::Link(_) => "link_failed",
            Self::Migration(_) => "migration_failed",
            Self::Smoke(_) => "smoke_failed",
            Self::ContractMismatch(_) => "contract_mismatch",
            Self::ProviderConflict(_) => "provider_conflict",
            Self::RouteConflict(_) => "route_conflict",
            Self::HasDependents { .. } => "has_dependents",
            Self::NothingBefore(_) => "nothing_before",
            Self::Rollout(error) => error.code(),
            Self::Unknown(_) => "unknown_service",
            Self::Busy(_) => "busy",
            Self::DamagedRevision { .. } => "damaged_revision",
            Self::Database(Unavailable::DiskFull) => "disk_full",
            Self::Storage { source, .. } if is_full(source) => "disk_full",
            Self::Database(_) => "database_unavailable",
            Self::Storage { .. } => "storage",
            Self::Internal(_) => "internal",
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "The component is too large",
            Self::NotAComponent(_) => "This is not a WebAssembly component",
            Self::InvalidComponent(_) => "The component is invalid",
            Self::NoManifest => "The component has no manifest",
            Self::InvalidManifest(_) => "The manifest does not fit the component",
            Self::InvalidEvents(_) => "The component's events cannot be used",
            Self::InvalidName(_) | Self::ReservedName(_) => "No service can have this name",
            Self::NotGranted(_) => "The component imports what this host does not offer",
            Self::OutboundNotGranted(_) => "The service asks for addresses that are not public",
            Self::TooComplex(_) => "The component is too complex",
            Self::LimitTooLow(_) => "The component needs more than its limits allow",
            Self::CompileBudget(_) => "The component takes too much to compile",
            Self::Compile(_) => "The component does not compile",
            Self::Link(_) => "The component cannot be linked",
            Self::Migration(_) => "A migration failed",
            Self::Smoke(_) => "The new revision does not come up",
            Self::ContractMismatch(_) => "Calls or events between services would break",
            Self::ProviderConflict(_) => "Another service exports the same interface",
            Self::RouteConflict(_) => "Another service has the same route",
            Self::HasDependents { .. } => "Other services call this one",
            Self::NothingBefore(_) => "There is no earlier revision to go back to",
            Self::Rollout(error) => error.title(),
            Self::Unknown(_) => "There is no such service",
            Self::Busy(_) => "The host is busy with other deploys",
            Self::DamagedRevision { .. } => "The stored revision cannot be used",
            Self::Database(Unavailable::DiskFull) => "The disk is full",
            Self::Storage { source, .. } if is_full(source) => "The disk is full",
            Self::Database(_) => "The service's database cannot be used",
            Self::Storage { .. } => "The host could not read or write its data",
            Self::Internal(_) => "The host failed",
        }
    }

    /// Wraps what the file system said.
    pub(crate) fn storage(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Storage { action, source }
    }

    pub(crate) fn mismatch(breaches: &[Breach]) -> Self {
        Self::ContractMismatch(breaches.iter().map(Breach::mistake).collect())
    }

    pub(crate) fn rivalry(rivalries: &[Rivalry]) -> Self {
        let mistake = |Rivalry { interface, other }: &Rivalry| {
            Mistake::new(
                interface.to_string(),
                format!(
                    "{other} exports {interface} already; only one service can be the one that is called"
                ),
            )
        };
        Self::ProviderConflict(rivalries.iter().map(mistake).collect())
    }

    pub(crate) fn has_dependents(service: &ServiceName, dependents: &[Dependent]) -> Self {
        let dependents = dependents.iter().map(Dependent::mistake).collect();
        Self::HasDependents { service: service.clone(), dependents }
    }

    /// Writes it to the log with every cause.
    pub fn log(&self, what: &str) {
        let mut causes = String::new();
        let mut cause = self.source();
        while let Some(error) = cause {
            causes.push_str(": ");
            causes.push_str(&error.to_string());
            cause = error.source();
        }
        if self.status() >= 500 {
            tracing::error!(code = self.code(), "{what} failed: {self}{causes}");
        } else {
            tracing::info!(code = self.code(), "{what} refused: {self}{causes}");
        }
    }
}

impl From<RolloutError> for DeployError {
    fn from(error: RolloutError) -> Self {
        Self::Rollout(Box::new(error))
    }
}

impl From<ReadError> for DeployError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NotWasm | ReadError::NotAComponent => Self::NotAComponent(error.to_string()),
            ReadError::Import { .. } => Self::NotGranted(error.to_string()),
            ReadError::Parts(error) => error.into(),
            ReadError::TooComplex(_) => Self::TooComplex(error.to_string()),
            ReadError::Invalid { .. } => Self::InvalidComponent(error.to_string()),
        }
    }
}

impl From<CompileError> for DeployError {
    fn from(error: CompileError) -> Self {
        Self::Compile(error.0)
    }
}

impl From<ChildError> for DeployError {
    fn from(error: ChildError) -> Self {
        match error {
            ChildError::Refused(reason) => Self::Compile(reason),
            ChildError::Budget(_) => Self::CompileBudget(error.to_string()),
            ChildError::Io(source) => Self::Storage { action: "compiling the component", source },
            ChildError::GivenUp | ChildError::Died { .. } => Self::Internal(error.to_string()),
        }
    }
}

impl From<PackError> for DeployError {
    fn from(error: PackError) -> Self {
        match error {
            PackError::NoManifest => Self::NoManifest,
            other => Self::InvalidComponent(other.to_string()),
        }
    }
}

impl From<PrepareError> for DeployError {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::NotGranted(ref import) => {
                Self::NotGranted(format!("{error}; {}", how_to_grant(import)))
            }
            PrepareError::Link(_) | PrepareError::MissingExport(_) => Self::Link(error.to_string()),
        }
    }
}

impl From<MigrateError> for DeployError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Database(error) => error.into(),
            other => Self::Migration(other.to_string()),
        }
    }
}

impl From<SeedError> for DeployError {
    fn from(error: SeedError) -> Self {
        match error {
            SeedError::Database(error) => error.into(),
            SeedError::Failed(_) => Self::Migration(error.to_string()),
        }
    }
}

impl From<SqlError> for DeployError {
    fn from(error: SqlError) -> Self {
        match error {
            SqlError::Busy => Self::Busy("The service's database is busy."),
            SqlError::Unavailable(unavailable) => Self::Database(unavailable),
            other => Self::Migration(other.to_string()),
        }
    }
}

impl From<RouteConflict> for DeployError {
    fn from(conflict: RouteConflict) -> Self {
        Self::RouteConflict(conflict.to_string())
    }
}

/// What would let a component have what it imports, or what it can use instead.
fn how_to_grant(import: &str) -> &'static str {
    match import.split_once('/').map_or(import, |(package, _)| package) {
        "wasi:http" => {
            "requests go out through thali:platform/http, to the origins in service.toml: [outbound] allow = \
             [\"https://api.example\"]"
        }
        "wasi:sockets" => {
            "nothing grants sockets: HTTP goes out through thali:platform/http with [outbound] allow = [..]"
        }
        "wasi:filesystem" => {
            "nothing grants files: a service keeps what it has to in its database ([database], \
             thali:platform/sql)"
        }
        "thali:platform" => "thali.toml and service.toml cannot add to what this version offers",
        _ => "of WASI a component may import cli, clocks, io and random",
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn listed(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(Mistake::to_string).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_507_and_other_storage_failures_are_500() {
        let of = |kind: io::ErrorKind| {
            let error =
                DeployError::storage("storing the component")(io::Error::new(kind, "/secret/path"));
            (error.status(), error.problem())
        };
        let (status, problem) = of(io::ErrorKind::StorageFull);
        assert_eq!((status, problem.code.as_str()), (507, "disk_full"));
        let (status, problem) = of(io::ErrorKind::PermissionDenied);
        assert_eq!((status, problem.code.as_str()), (500, "storage"));
        assert!(!problem.to_string().contains("secret"), "{problem}");
    }

    #[test]
    fn a_busy_host_says_when_to_try_again() {
        let problem = DeployError::Busy("too many").problem();
        assert_eq!(problem.status, 503);
        assert_eq!(problem.retry_after_seconds, Some(RETRY_AFTER_SECONDS));
    }

    #[test]
    fn each_manifest_mistake_keeps_its_line() {
        let mistakes =
            vec![Mistake::new("service.toml:3", "x"), Mistake::new("service.toml:9", "y")];
        let problem = DeployError::InvalidManifest(mistakes.clone()).problem();
        assert_eq!((problem.status, problem.errors), (422, mistakes));
    }
}
