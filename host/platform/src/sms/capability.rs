//! `thali:platform/sms` as components import it.

use std::sync::Arc;

use thali_contract::name::InterfaceName;
use thali_runtime::{Capability, State};
use wasmtime::component::{HasSelf, Linker};

use super::bindings::thali::platform::sms as wit;
use super::{Message, Texter};
use crate::messaging::{self, SendError};

/// Lends every service the host's [`Texter`], which is among the extensions of its revision. Without
/// one, messages go to the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct SmsCapability;

impl Capability for SmsCapability {
    fn interface(&self) -> InterfaceName {
        crate::interface("sms")
    }

    fn link(&self, linker: &mut Linker<State>) -> wasmtime::Result<()> {
        wit::add_to_linker::<State, HasSelf<State>>(linker, |state| state)
    }
}

fn texter(state: &State) -> Arc<Texter> {
    state.extension::<Texter>().unwrap_or_default()
}

impl wit::Host for State {
    fn provider(&mut self) -> String {
        texter(self).provider().to_owned()
    }

    async fn send(&mut self, message: Message) -> Result<(), wit::Error> {
        let span = messaging::span(self, "send text message");
        let (texter, service) = (texter(self), self.service().clone());
        let sent = messaging::sent(span, texter.send(&service, message).await);
        sent.map_err(|error| match error {
            SendError::Rejected(detail) => wit::Error::Rejected(detail),
            SendError::Unavailable(detail) => wit::Error::Unavailable(detail),
        })
    }
}
