//! What a component offers and needs, from its bytes.
//!
//! The types come from the component itself: they cannot lie. Documentation does not survive into a
//! component, so it comes by name from the WIT packages that `thali build` packs beside it.
//!
//! Bytes arrive from uploads. Nothing here panics or overflows the stack on any input; function bodies
//! are left to the compiler, which validates them.

mod complexity;
mod docs;
mod nesting;
mod scan;
mod types;

#[cfg(test)]
mod tests;

use thiserror::Error;
use wasmparser::component_types::ComponentEntityType;

use crate::contract::Contract;
use crate::name::InterfaceName;
use crate::pack::PackError;
pub use complexity::{Complexity, Shape};
use docs::Docs;
use scan::{Outline, Side};
use types::Converter;

/// Why bytes have no contract.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ReadError {
    /// WebAssembly, but a core module.
    #[error(
        "this is a core WebAssembly module, not a component: build it for wasm32-wasip2, or wrap it with `wasm-tools component new`"
    )]
    NotAComponent,
    /// Not WebAssembly at all.
    #[error("these bytes are not WebAssembly: they do not begin with \"\\0asm\"")]
    NotWasm,
    /// Cut off, damaged, or using what this host does not support.
    #[error("the component is not valid: {message} (at byte {offset})")]
    Invalid {
        /// What is wrong.
        message: String,
        /// Where.
        offset: usize,
    },
    /// Valid, but beyond a limit.
    #[error("the component is too complex: {0}")]
    TooComplex(String),
    /// It needs something that nobody can provide.
    #[error(
        "the component imports the {kind} {name:?}, which nothing can provide: only interfaces can be imported"
    )]
    Import {
        /// The import's name.
        name: String,
        /// What it is: `function`, `module`.
        kind: &'static str,
    },
    /// What `thali build` packed is malformed.
    #[error(transparent)]
    Parts(#[from] PackError),
}

impl ReadError {
    /// A stable name, for problem documents.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAComponent => "not_a_component",
            Self::NotWasm | Self::Invalid { .. } | Self::Parts(_) => "invalid",
            Self::TooComplex(_) => "too_complex",
            Self::Import { .. } => "import_not_granted",
        }
    }
}

/// Reads what a component exports and imports.
///
/// # Errors
///
/// As [`read`].
pub fn read_contract(component: &[u8]) -> Result<Contract, ReadError> {
    read(component).map(|(contract, _)| contract)
}

/// Reads what a component exports and imports, and what an instance of it takes from the beginning.
///
/// Exports that are no interface are left out: they cannot be called. So are imported interfaces of
/// which the component uses only types: nobody has to provide those.
///
/// # Errors
///
/// The bytes are not a valid component, it is more complex than [`Complexity`] allows, or it imports
/// something that is no interface.
pub fn read(component: &[u8]) -> Result<(Contract, Shape), ReadError> {
    let outline = scan::scan(component)?;
    let docs = Docs::read(component)?;
    let mut converter = Converter::new(&outline.types, &docs);
    let mut contract = Contract::default();
    for (side, name) in &outline.externs {
        match side {
            Side::Import => import(&outline, name, &mut converter, &mut contract)?,
            Side::Export => export(&outline, name, &mut converter, &mut contract)?,
        }
    }
    Ok((contract, outline.shape))
}

fn import(
    outline: &Outline,
    name: &str,
    converter: &mut Converter<'_>,
    contract: &mut Contract,
) -> Result<(), ReadError> {
    let Some(item) = outline.types.as_ref().component_item_for_import(name) else { return Ok(()) };
    let refused = |kind| Err(ReadError::Import { name: name.into(), kind });
    let instance = match item.ty {
        ComponentEntityType::Instance(instance) => instance,
        ComponentEntityType::Func(_) => return refused("function"),
        ComponentEntityType::Module(_) => return refused("module"),
        ComponentEntityType::Component(_) => return refused("component"),
        ComponentEntityType::Value(_) => return refused("value"),
        ComponentEntityType::Type { created, .. } => {
            return if types::is_resource(created) { refused("resource") } else { Ok(()) };
        }
    };
    let parsed = name.parse::<InterfaceName>();
    let is_named = parsed.is_ok();
    let shown = parsed.unwrap_or_else(|_| unnamed(name));
    let interface = converter.interface(shown, instance)?;
    if interface.functions.is_empty() && !converter.has_resources(instance) {
        return Ok(());
    }
    if !is_named {
        return refused("instance");
    }
    contract.imports.push(interface);
    Ok(())
}

fn export(
    outline: &Outline,
    name: &str,
    converter: &mut Converter<'_>,
    contract: &mut Contract,
) -> Result<(), ReadError> {
    let Some(item) = outline.types.as_ref().component_item_for_export(name) else { return Ok(()) };
    if let (ComponentEntityType::Instance(instance), Ok(name)) = (item.ty, name.parse()) {
        let interface = converter.interface(name, instance)?;
        contract.exports.push(interface);
    }
    Ok(())
}

/// What stands for the name of an interface that has none.
fn unnamed(name: &str) -> InterfaceName {
    InterfaceName {
        namespace: "root".into(),
        package: "component".into(),
        interface: name.into(),
        version: None,
    }
}
