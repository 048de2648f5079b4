//! `thali:platform/config` as components import it.

use std::sync::Arc;

use thali_contract::name::InterfaceName;
use thali_runtime::{Capability, State};
use wasmtime::component::{HasSelf, Linker};

use super::Settings;
use super::bindings::thali::platform::config as wit;

/// Lends a service its [`Settings`], which are among the extensions of its revision.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConfigCapability;

impl Capability for ConfigCapability {
    fn interface(&self) -> InterfaceName {
        crate::interface("config")
    }

    fn link(&self, linker: &mut Linker<State>) -> wasmtime::Result<()> {
        wit::add_to_linker::<State, HasSelf<State>>(linker, |state| state)
    }
}

fn settings(state: &State) -> Arc<Settings> {
    state.extension::<Settings>().unwrap_or_default()
}

impl wit::Host for State {
    fn get(&mut self, key: String) -> Option<String> {
        settings(self).get(&key).map(str::to_owned)
    }

    fn all(&mut self) -> Vec<(String, String)> {
        let settings = settings(self);
        settings.config().map(|(key, setting)| (key.to_string(), setting.value.clone())).collect()
    }

    fn secret(&mut self, key: String) -> Option<String> {
        settings(self).secret(&key).map(|secret| secret.expose().to_owned())
    }
}
