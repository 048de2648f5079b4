//! What a component exports and imports.

use crate::name::InterfaceName;
use crate::ty::{Field, Type};

/// Everything a component offers and needs, read from its bytes.
#[derive(Clone, Debug, Default)]
pub struct Contract {
    /// The interfaces it exports, in the component's order.
    pub exports: Vec<Interface>,
    /// The interfaces it imports, in the component's order: other services', the platform's, WASI's.
    pub imports: Vec<Interface>,
}

/// An interface with its functions.
#[derive(Clone, Debug, PartialEq)]
pub struct Interface {
    /// Its full name.
    pub name: InterfaceName,
    /// Its WIT doc comment.
    pub docs: Option<String>,
    /// Its functions, in the component's order. Methods of resources are not among them.
    pub functions: Vec<Function>,
    /// The resources it defines; an interface that has any cannot be called from another service.
    pub resources: Vec<String>,
}

/// A function of an interface.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// kebab-case, as in WIT.
    pub name: String,
    /// Its WIT doc comment.
    pub docs: Option<String>,
    /// Its parameters, in order.
    pub params: Vec<Field>,
    /// What it returns.
    pub result: Option<Type>,
    /// Declared `async func`.
    pub is_async: bool,
}

/// Names one exported function: indices into [`Contract::exports`] and [`Interface::functions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FunctionRef {
    /// Index into [`Contract::exports`].
    pub interface: u32,
    /// Index into [`Interface::functions`].
    pub function: u32,
}

/// Who is asked to satisfy an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `wasi:*`: the host's WASI.
    Wasi,
    /// `thali:platform/*`: the host's capabilities.
    Platform,
    /// Anything else: whichever service exports it.
    Service,
}

impl Contract {
    /// The exported function that `at` names.
    pub fn function(&self, at: FunctionRef) -> Option<(&Interface, &Function)> {
        let interface = self.exports.get(at.interface as usize)?;
        Some((interface, interface.functions.get(at.function as usize)?))
    }

    /// Finds `interface.function` among the exports, as manifests and the command line write it: the
    /// interface by its last name (`ordering.place`), or in full when several share it
    /// (`thali:orders/ordering.place`).
    pub fn find(&self, interface: &str, function: &str) -> Option<FunctionRef> {
        let (i, found) = self.exports.iter().enumerate().find(|(_, export)| {
            export.name.interface == interface
                || export.name.unversioned() == interface
                || export.name.to_string() == interface
        })?;
        let f = found.functions.iter().position(|candidate| candidate.name == function)?;
        Some(FunctionRef { interface: u32::try_from(i).ok()?, function: u32::try_from(f).ok()? })
    }

    /// The imports that other services satisfy, with their index in [`Contract::imports`]. Events are
    /// not among them: publishing needs nobody else.
    pub fn service_imports(&self) -> impl Iterator<Item = (usize, &Interface)> {
        self.imports.iter().enumerate().filter(|(_, import)| {
            import.name.origin() == Origin::Service && !import.name.is_events()
        })
    }
}

impl Function {
    /// The error side of the result, when the function returns `result<_, E>`.
    pub fn error(&self) -> Option<&Type> {
        match self.result.as_ref()? {
            Type::Result(result) => result.err.as_ref(),
            _ => None,
        }
    }

    /// The success side: the `T` of `result<T, E>`, or the whole result.
    pub fn success(&self) -> Option<&Type> {
        match self.result.as_ref()? {
            Type::Result(result) => result.ok.as_ref(),
            other => Some(other),
        }
    }
}

impl InterfaceName {
    /// Who satisfies an import of this interface.
    pub fn origin(&self) -> Origin {
        match (self.namespace.as_str(), self.package.as_str()) {
            ("wasi", _) => Origin::Wasi,
            ("thali", "platform") => Origin::Platform,
            _ => Origin::Service,
        }
    }
}
