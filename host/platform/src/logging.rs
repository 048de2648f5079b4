//! `wasi:logging/logging`: messages with a level, for components whose language or library logs that way.
//!
//! The proposal has no release yet. What tools bind is its draft, with that version or, in older ones, with none; both
//! are the same function.

use semver::{BuildMetadata, Prerelease, Version};
use thali_contract::name::InterfaceName;
use thali_runtime::{Capability, Severity, State};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker};

/// `wasi:logging/logging@0.1.0-draft`
#[derive(Clone, Copy, Debug, Default)]
pub struct WasiLogging;

/// `wasi:logging/logging`
#[derive(Clone, Copy, Debug, Default)]
pub struct WasiLoggingUnversioned;

impl Capability for WasiLogging {
    fn interface(&self) -> InterfaceName {
        let pre = Prerelease::new("draft").unwrap_or_default();
        interface(Some(Version { major: 0, minor: 1, patch: 0, pre, build: BuildMetadata::EMPTY }))
    }

    fn link(&self, linker: &mut Linker<State>) -> wasmtime::Result<()> {
        link(linker, &self.interface())
    }
}

impl Capability for WasiLoggingUnversioned {
    fn interface(&self) -> InterfaceName {
        interface(None)
    }

    fn link(&self, linker: &mut Linker<State>) -> wasmtime::Result<()> {
        link(linker, &self.interface())
    }
}

fn interface(version: Option<Version>) -> InterfaceName {
    InterfaceName {
        namespace: "wasi".to_owned(),
        package: "logging".to_owned(),
        interface: "logging".to_owned(),
        version,
    }
}

/// The `level` of the WIT, in its order.
#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "what is lifted is made by its number")]
enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
    #[component(name = "critical")]
    Critical,
}

impl From<Level> for Severity {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::Trace,
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
            Level::Critical => Self::Critical,
        }
    }
}

fn link(linker: &mut Linker<State>, interface: &InterfaceName) -> wasmtime::Result<()> {
    let log = |store: StoreContextMut<'_, State>,
               (level, context, message): (Level, String, String)| {
        store.data().log(level.into(), &context, &message);
        Ok(())
    };
    linker.instance(&interface.to_string())?.func_wrap("log", log)
}
