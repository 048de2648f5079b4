//! The token of the admin API: the host asks for it, the command line sends it.

use std::path::Path;

use thali_platform::config::{Environment, Secret, SecretSource};

use crate::error::CliError;

/// The variable that holds the token itself. There is no option for it: everybody on a machine can read
/// the arguments of a process.
const VARIABLE: &str = "THALI_ADMIN_TOKEN";

/// The token of the file, else of the variable; `None` when there is neither.
pub(crate) fn read(file: Option<&Path>) -> Result<Option<Secret>, CliError> {
    let environment = Environment::of_process();
    let (what, source) = match file {
        Some(file) => {
            (format!("--admin-token-file {}", file.display()), SecretSource::File(file.to_owned()))
        }
        None if environment.get(VARIABLE).is_some() => {
            (VARIABLE.to_owned(), SecretSource::Environment(VARIABLE.into()))
        }
        None => return Ok(None),
    };
    let secret = source.read(&environment);
    secret.map(Some).map_err(|error| CliError::start(format!("{what}: {error}")))
}
