//! `thali:platform/identity` as components import it.

use std::sync::Arc;
use std::time::Duration;

use thali_contract::name::InterfaceName;
use thali_runtime::{Capability, State};
use wasmtime::component::{HasSelf, Linker};

use super::bindings::thali::platform::identity as wit;
use super::{Identity, MintError, PasswordError};
use crate::config::Secret;

/// Lends services the host's [`Identity`], which is among the extensions of their revisions.
#[derive(Clone, Copy, Debug, Default)]
pub struct IdentityCapability;

impl Capability for IdentityCapability {
    fn interface(&self) -> InterfaceName {
        crate::interface("identity")
    }

    fn link(&self, linker: &mut Linker<State>) -> wasmtime::Result<()> {
        wit::add_to_linker::<State, HasSelf<State>>(linker, |state| state)
    }
}

fn identity(state: &State) -> Arc<Identity> {
    state.extension::<Identity>().unwrap_or_default()
}

impl wit::Host for State {
    fn mint(&mut self, claims: wit::Claims) -> Result<wit::Token, wit::Error> {
        let wit::Claims { subject, scopes, ttl_seconds } = claims;
        let ttl = Duration::from_secs(ttl_seconds.into());
        let token = identity(self).mint(self.service(), &subject, &scopes, ttl)?;
        let request_id = self.context().request_id;
        tracing::debug!(service = %self.service(), %request_id, "a token is made");
        let text = token.text.expose().to_owned();
        Ok(wit::Token { text, expires_in_seconds: ttl_seconds })
    }

    async fn hash_password(&mut self, password: String) -> Result<String, wit::Error> {
        Ok(identity(self).passwords().hash(Secret::new(password)).await?)
    }

    async fn verify_password(
        &mut self,
        hash: Option<String>,
        password: String,
    ) -> Result<bool, wit::Error> {
        Ok(identity(self).passwords().verify(hash, Secret::new(password)).await?)
    }
}

impl From<MintError> for wit::Error {
    fn from(error: MintError) -> Self {
        let detail = error.to_string();
        match error {
            MintError::NoKey => Self::Unavailable(detail),
            MintError::NotGranted | MintError::Scope(_) => Self::Refused(detail),
            MintError::Sign(_) => Self::Refused(detail),
        }
    }
}

impl From<PasswordError> for wit::Error {
    fn from(error: PasswordError) -> Self {
        let detail = error.to_string();
        match error {
            PasswordError::Busy | PasswordError::Broken(_) => Self::Unavailable(detail),
            PasswordError::Length | PasswordError::Hash => Self::Refused(detail),
        }
    }
}
