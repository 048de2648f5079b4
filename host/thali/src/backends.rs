//! Puts together what the capabilities stand on, from the host's file and the environment, and what the
//! file says of calls between services.

use std::sync::Arc;

use thali_control::{DataFolder, Policies};
use thali_platform::Backends;
use thali_platform::config::{Environment, Overrides, Secret, SecretSource};
use thali_platform::mail::{MailConfig, Mailer};
use thali_platform::outbound::{Outbound, PrivateTargets};
use thali_platform::sms::{SmsConfig, Texter};
use thali_platform::sql::{Databases, SqlLimits};

use crate::error::CliError;
use crate::host_file::{HostFile, MailTable, OutboundTable, SmsTable};

/// What the capabilities of this host stand on, and how services call each other.
pub(crate) fn open(file: HostFile, data: &DataFolder) -> Result<(Backends, Policies), CliError> {
    let environment = Environment::of_process();
    let databases = Databases::open(data.paths().databases.clone(), SqlLimits::default())
        .map_err(CliError::chain)?;
    let mailer = file.mail.map(|table| mailer(table, &environment)).transpose()?;
    let texter = file.sms.map(|table| texter(table, &environment)).transpose()?;
    let outbound = outbound(file.outbound.unwrap_or_default())?;
    let overrides = Overrides::new(file.services, environment);
    for warning in overrides.warnings() {
        tracing::warn!("{warning}");
    }
    let backends = Backends {
        overrides: Arc::new(overrides),
        mailer: Arc::new(mailer.unwrap_or_default()),
        texter: Arc::new(texter.unwrap_or_default()),
        outbound: Arc::new(outbound),
        ..Backends::from(databases)
    };
    Ok((backends, file.policies))
}

fn mailer(table: MailTable, environment: &Environment) -> Result<Mailer, CliError> {
    let MailTable { url, from, timeout } = table;
    let url = secret("mail.url", &url, environment)?;
    let config = MailConfig { url, from, timeout };
    Mailer::smtp(&config).map_err(CliError::chain)
}

fn texter(table: SmsTable, environment: &Environment) -> Result<Texter, CliError> {
    let SmsTable { url, token, timeout } = table;
    let token = token.map(|token| secret("sms.token", &token, environment)).transpose()?;
    let config = SmsConfig { url, token, timeout };
    Texter::http(&config).map_err(CliError::chain)
}

fn outbound(table: OutboundTable) -> Result<Outbound, CliError> {
    let OutboundTable { private, ca, limits } = table;
    let outbound = Outbound::new(limits, PrivateTargets::new(private));
    match ca {
        None => Ok(outbound),
        Some(path) => outbound.with_ca(&path).map_err(CliError::chain),
    }
}

/// The host's own secrets have to be there: a host that sends no mail should not look as if it did.
fn secret(
    name: &str,
    source: &SecretSource,
    environment: &Environment,
) -> Result<Secret, CliError> {
    source.read(environment).map_err(|error| CliError::start(format!("{name}: {error}")))
}
