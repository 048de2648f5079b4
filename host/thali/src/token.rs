//! `thali token`: tokens for development, and for whoever has the key.

use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use thali_contract::access::{InvalidScope, Scope};
use thali_contract::manifest::units;
use thali_platform::identity::{Signer, TTL_MAX};

use crate::args::TokenArgs;
use crate::commands::print_json;
use crate::error::CliError;
use crate::identity::KeySource;
use crate::output::out;

/// Prints a token of the host's own key: the one that `[auth] sign` names, or the one of `--dev`.
pub(crate) fn token(args: &TokenArgs, json: bool) -> Result<ExitCode, CliError> {
    let source = KeySource { config: args.config.clone(), data: args.data.clone(), dev: false };
    let keys = source.read()?;
    let signer = match keys.signer {
        Some(signer) => signer,
        None => dev_signer(source)?,
    };
    let token = signer.sign(&args.sub, &args.scope.0, args.ttl).map_err(CliError::start)?;
    if json {
        return Ok(print_json(&serde_json::json!({
            "token": token.text.expose(),
            "expires_at": token.expires_at_s,
        })));
    }
    out!("{}", token.text.expose());
    Ok(ExitCode::SUCCESS)
}

fn dev_signer(source: KeySource) -> Result<Signer, CliError> {
    let none = || CliError::Start {
        what: format!("{} has no key that signs tokens", source.data.display()),
        help: Some(
            "start the host once with `thali up --dev`, or name the key that signs in thali.toml: \
             [auth] sign = \"KID\""
                .into(),
        ),
    };
    if !source.has_dev_key() {
        return Err(none());
    }
    let with_dev = KeySource { dev: true, ..source.clone() };
    with_dev.read()?.signer.ok_or_else(none)
}

/// Scopes, as an option has them: separated by spaces or commas.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scopes(Vec<Scope>);

impl FromStr for Scopes {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        let words = text.split([' ', ',']).filter(|word| !word.is_empty());
        words.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

/// `15m`, `12h`: how long a token lives.
pub(crate) fn ttl(text: &str) -> Result<Duration, String> {
    let time = units::duration(text).filter(|time| *time <= TTL_MAX);
    time.ok_or_else(|| format!("{text:?} is not a time of at most 720h: write 15m or 12h"))
}
