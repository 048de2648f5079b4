//! Whom TLS believes.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;

/// The certificates that servers are checked against: the system's, and those of a file. Read when the
/// first service wants them.
#[derive(Default)]
pub(super) struct Trust {
    own: Vec<CertificateDer<'static>>,
    config: OnceLock<Result<Arc<ClientConfig>, String>>,
}

/// Why the certificates of a file cannot be used.
#[derive(Debug, Error)]
pub enum CaError {
    /// The file cannot be read, or is not PEM.
    #[error("outbound.ca: the certificates of {path} cannot be read: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// There is no certificate in it.
    #[error(
        "outbound.ca: {0} has no certificate in it; it must be PEM, like an export of the authority"
    )]
    Empty(String),
}

impl Trust {
    /// Trusts the authorities of a PEM file beside the system's.
    pub(super) fn with(path: &Path) -> Result<Self, CaError> {
        let name = || path.display().to_string();
        let unreadable = |error: rustls::pki_types::pem::Error| CaError::Unreadable {
            path: name(),
            reason: error.to_string(),
        };
        let certificates = CertificateDer::pem_file_iter(path).map_err(unreadable)?;
        let own: Vec<_> = certificates.collect::<Result<_, _>>().map_err(unreadable)?;
        match own.is_empty() {
            true => Err(CaError::Empty(name())),
            false => Ok(Self { own, config: OnceLock::new() }),
        }
    }

    /// What connections are made with. Reads files the first time.
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, String> {
        self.config.get_or_init(|| self.read()).clone()
    }

    fn read(&self) -> Result<Arc<ClientConfig>, String> {
        let mut roots = RootCertStore::empty();
        let native = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(native.certs);
        let (added, _) = roots.add_parsable_certificates(self.own.iter().cloned());
        if added < self.own.len() {
            tracing::warn!("{} certificates of outbound.ca cannot be used", self.own.len() - added);
        }
        if roots.is_empty() {
            let reasons: Vec<_> = native.errors.iter().map(ToString::to_string).collect();
            return Err(format!(
                "this machine has no certificates to check servers against{}{}",
                if reasons.is_empty() { "" } else { ": " },
                reasons.join("; ")
            ));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
    }
}
