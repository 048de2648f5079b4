//! `thali:platform/mail` as components import it.

use std::sync::Arc;

use thali_contract::name::InterfaceName;
use thali_runtime::{Capability, State};
use wasmtime::component::{HasSelf, Linker};

use super::bindings::thali::platform::mail as wit;
use super::{Mailer, Message};
use crate::messaging::{self, SendError};

/// Lends every service the host's [`Mailer`], which is among the extensions of its revision. Without
/// one, messages go to the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct MailCapability;

impl Capability for MailCapability {
    fn interface(&self) -> InterfaceName {
        crate::interface("mail")
    }

    fn link(&self, linker: &mut Linker<State>) -> wasmtime::Result<()> {
        wit::add_to_linker::<State, HasSelf<State>>(linker, |state| state)
    }
}

fn mailer(state: &State) -> Arc<Mailer> {
    state.extension::<Mailer>().unwrap_or_default()
}

impl wit::Host for State {
    fn provider(&mut self) -> String {
        mailer(self).provider().to_owned()
    }

    async fn send(&mut self, message: Message) -> Result<(), wit::Error> {
        let span = messaging::span(self, "send mail");
        let (mailer, service) = (mailer(self), self.service().clone());
        let sent = messaging::sent(span, mailer.send(&service, message).await);
        sent.map_err(|error| match error {
            SendError::Rejected(detail) => wit::Error::Rejected(detail),
            SendError::Unavailable(detail) => wit::Error::Unavailable(detail),
        })
    }
}
