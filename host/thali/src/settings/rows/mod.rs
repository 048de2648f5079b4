//! The rows, a file for each kind of table.

mod auth;
mod gateway;
mod host;
mod limits;
mod services;

use super::Setting;

/// The tables of the file, in the order of the reference.
pub(super) const TABLES: &[&[Setting]] = &[
    host::HOST,
    gateway::GATEWAY,
    gateway::RATE,
    host::ADMIN,
    host::LOGS,
    host::TELEMETRY,
    limits::LIMITS,
    limits::OUTBOUND,
    services::SERVICES,
    services::POLICIES,
    services::MESSAGES,
    auth::AUTH,
];
