//! What the host offers to components as imports.

use thali_contract::name::InterfaceName;
use wasmtime::component::Linker;

use crate::state::State;

/// One interface that the host itself implements, such as `thali:platform/sql`.
pub trait Capability: Send + Sync {
    /// The interface, with its version.
    fn interface(&self) -> InterfaceName;

    /// Puts the functions into the linker that every revision starts from.
    ///
    /// # Errors
    ///
    /// When a function of that name is in the linker already.
    fn link(&self, linker: &mut Linker<State>) -> wasmtime::Result<()>;
}
