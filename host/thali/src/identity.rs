//! The keys of a host: from its file, and the one of `--dev`.

use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thali_contract::access::Scope;
use thali_contract::name::ServiceName;
use thali_gateway::{Auth, AuthConfig, FailureLimits, KeyConfig, KeyMaterial};
use thali_platform::config::{Environment, Secret, SecretSource};
use thali_platform::identity::{Identity, MintGrants, Signer, SigningKey, Token, TokenAlgorithm};

use crate::error::CliError;
use crate::host_file::{AuthKey, AuthTable, CheckWith, HostFile};

/// The issuer of tokens on a host whose file does not name one.
const DEV_ISSUER: &str = "https://thali.local";

/// Whom they are for, there.
const DEV_AUDIENCE: &str = "thali";

/// The name of the key of `--dev`, and of its file in the data folder.
const DEV_KID: &str = "dev";
const DEV_FILE: &str = "dev.key";

/// The service of this name may make tokens on a host of `--dev` whose file does not say what it may: it
/// signs people in, administrators too.
const DEV_MINTER: &str = "users";

/// What allows everything.
const ADMIN: &str = "admin";

/// How long the token lives that `--dev` prints.
const DEV_TTL: Duration = Duration::from_secs(12 * 60 * 60);

/// Where the keys of a host come from, so that they can be read again.
#[derive(Clone, Debug)]
pub(crate) struct KeySource {
    /// The host's file, when it was named.
    pub(crate) config: Option<PathBuf>,
    /// The data folder.
    pub(crate) data: PathBuf,
    /// Whether the key of `--dev` counts.
    pub(crate) dev: bool,
}

/// The keys of a host, as they are now.
pub(crate) struct Keys {
    /// What tokens are checked by.
    pub(crate) auth: Option<AuthConfig>,
    /// What makes tokens.
    pub(crate) signer: Option<Signer>,
    /// Which services may have it make some.
    pub(crate) grants: MintGrants,
}

impl KeySource {
    /// Reads the keys. It blocks, shortly.
    pub(crate) fn read(&self) -> Result<Keys, CliError> {
        let file = HostFile::load(self.config.as_deref())?;
        file.warn_of_readers();
        self.of_file(&file)
    }

    /// The keys that a file names, and the one of `--dev`. It blocks, shortly.
    pub(crate) fn of_file(&self, file: &HostFile) -> Result<Keys, CliError> {
        let (table, mut grants) = (file.auth.clone(), file.identity.clone());
        let dev = if self.dev { Some(dev_key(&self.data)?) } else { None };
        if self.dev {
            grant_dev_minter(&mut grants)?;
        }
        if table.is_none() && dev.is_none() {
            return Ok(Keys { auth: None, signer: None, grants });
        }
        let environment = Environment::of_process();
        let table = table.unwrap_or_else(AuthTable::of_dev);
        let mut keys = Vec::new();
        for key in &table.keys {
            keys.push(key.read(&environment)?);
        }
        let signing = match table.signing_key() {
            Some(key) => Some(key.signing(&environment)?),
            None => dev.clone().map(|key| SigningKey {
                kid: Some(DEV_KID.into()),
                algorithm: TokenAlgorithm::Hs256,
                key,
            }),
        };
        keys.extend(dev.map(|secret| KeyConfig {
            kid: Some(DEV_KID.into()),
            algorithm: TokenAlgorithm::Hs256,
            material: KeyMaterial::Secret(secret),
            scopes: None,
        }));
        let (issuer, audience) = (table.issuer, table.audience);
        let signer = signing.map(|key| Signer::new(&key, &issuer, &audience)).transpose();
        let signer = signer.map_err(|error| CliError::start(format!("[auth] sign: {error}")))?;
        let (leeway, jwks) = (table.leeway, table.jwks);
        let auth = AuthConfig { issuer, audience, leeway, keys, jwks };
        Ok(Keys { auth: Some(auth), signer, grants })
    }

    /// Whether there is a key of `--dev`.
    pub(crate) fn has_dev_key(&self) -> bool {
        self.data.join(DEV_FILE).exists()
    }

    /// Reads the keys of a host that starts, and says in the log when there are none.
    pub(crate) fn open(&self, file: &HostFile) -> Result<(Arc<Auth>, Arc<Identity>), CliError> {
        let keys = self.of_file(file)?;
        if keys.auth.is_none() {
            tracing::info!(
                "this host has no keys to check tokens by: routes with a scope answer 401. For \
                 development start it with --dev, else give thali.toml a table [auth] (docs/auth.md)"
            );
        }
        let auth = Auth::new(keys.auth, FailureLimits::default()).map_err(CliError::chain)?;
        let identity = Arc::new(Identity::default());
        identity.replace(keys.signer, keys.grants);
        let (source, minting) = (self.clone(), Arc::clone(&identity));
        auth.on_reload(move |auth| {
            let keys = source.read().map_err(|error| error.to_string())?;
            auth.replace(keys.auth).map_err(|error| error.to_string())?;
            minting.replace(keys.signer, keys.grants);
            Ok(())
        });
        Ok((auth, identity))
    }
}

/// A token for whoever develops on this host.
pub(crate) fn dev_token(identity: &Identity) -> Result<Token, CliError> {
    identity.sign("dev", &[admin()?], DEV_TTL).map_err(CliError::chain)
}

fn admin() -> Result<Scope, CliError> {
    ADMIN.parse().map_err(CliError::chain)
}

fn grant_dev_minter(grants: &mut MintGrants) -> Result<(), CliError> {
    let name: ServiceName = DEV_MINTER.parse().map_err(CliError::chain)?;
    grants.entry(name).or_insert(vec![admin()?]);
    Ok(())
}

impl AuthTable {
    /// What holds on a host that has nothing but the key of `--dev`.
    fn of_dev() -> Self {
        Self {
            issuer: DEV_ISSUER.into(),
            audience: DEV_AUDIENCE.into(),
            leeway: AuthConfig::LEEWAY,
            sign: None,
            keys: Vec::new(),
            jwks: Vec::new(),
        }
    }

    fn signing_key(&self) -> Option<&AuthKey> {
        let sign = self.sign.as_deref()?;
        self.keys.iter().find(|key| key.kid == sign)
    }
}

impl AuthKey {
    fn read(&self, environment: &Environment) -> Result<KeyConfig, CliError> {
        let material = match &self.check {
            CheckWith::Secret(secret) => KeyMaterial::Secret(self.secret(secret, environment)?),
            CheckWith::Public(file) => {
                let pem = self.secret(&SecretSource::File(file.clone()), environment)?;
                KeyMaterial::PublicPem(pem.expose().to_owned())
            }
        };
        Ok(KeyConfig {
            kid: Some(self.kid.clone()),
            algorithm: self.algorithm,
            material,
            scopes: self.scopes.clone(),
        })
    }

    fn signing(&self, environment: &Environment) -> Result<SigningKey, CliError> {
        let key = match (&self.private, &self.check) {
            (Some(file), _) => self.secret(&SecretSource::File(file.clone()), environment)?,
            (None, CheckWith::Secret(secret)) => self.secret(secret, environment)?,
            (None, CheckWith::Public(_)) => {
                let what = format!("auth.keys.{}: it has no private half to sign with", self.kid);
                return Err(CliError::start(what));
            }
        };
        Ok(SigningKey { kid: Some(self.kid.clone()), algorithm: self.algorithm, key })
    }

    fn secret(&self, source: &SecretSource, environment: &Environment) -> Result<Secret, CliError> {
        let named = |error| CliError::start(format!("auth.keys.{}: {error}", self.kid));
        source.read(environment).map_err(named)
    }
}

/// The key of `--dev` in a data folder, which is made with the first use of it. Only the owner can read
/// the file.
fn dev_key(data: &Path) -> Result<Secret, CliError> {
    let path = data.join(DEV_FILE);
    let failed = |error: &dyn std::fmt::Display| CliError::Start {
        what: format!("the key of --dev in {} cannot be used: {error}", path.display()),
        help: Some("remove the file, and the next `thali up --dev` makes another".into()),
    };
    if !path.exists() {
        make_dev_key(&path).map_err(|error| failed(&error))?;
    }
    let mut text = String::new();
    let file = std::fs::File::open(&path).map_err(|error| failed(&error))?;
    file.take(1024).read_to_string(&mut text).map_err(|error| failed(&error))?;
    Ok(Secret::new(text.trim_end()))
}

/// Whole, or not at all: a name that is taken already is left alone.
fn make_dev_key(path: &Path) -> std::io::Result<()> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let aside = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&aside, path);
    std::fs::remove_file(&aside)?;
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_of_dev_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let first = dev_key(folder.path()).unwrap();
        assert_eq!(first.expose().len(), 64);
        assert_eq!(dev_key(folder.path()).unwrap(), first);
        let file = folder.path().join(DEV_FILE);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        std::fs::remove_file(&file).unwrap();
        assert_ne!(dev_key(folder.path()).unwrap(), first);
    }

    #[test]
    fn users_may_make_tokens_with_dev_and_only_what_the_file_says_if_it_does() {
        let folder = tempfile::tempdir().unwrap();
        let grants = |dev, text: &str| {
            let file = folder.path().join("thali.toml");
            std::fs::write(&file, text).unwrap();
            let source = KeySource { config: Some(file), data: folder.path().into(), dev };
            let grants = source.read().unwrap().grants.into_iter();
            let names = |(name, scopes): (ServiceName, Vec<Scope>)| {
                (name.to_string(), scopes.iter().map(Scope::to_string).collect::<Vec<_>>())
            };
            grants.map(names).collect::<Vec<_>>()
        };
        let users = |scopes: &[&str]| {
            vec![("users".to_owned(), scopes.iter().map(ToString::to_string).collect::<Vec<_>>())]
        };
        assert_eq!(grants(false, ""), []);
        assert_eq!(grants(true, ""), users(&["admin"]));
        assert_eq!(grants(true, "[identity]\nmint = { users = [] }\n"), users(&[]));
    }
}
