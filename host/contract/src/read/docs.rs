//! The documentation in packed WIT packages.
//!
//! An encoded package keeps its doc comments as JSON in the custom section `package-docs`
//! (wit-component's own format). It is read from there and not through `wit_parser::decoding`, which
//! trusts its input: a package that only pretends to be one would panic it.

use std::collections::HashMap;

use serde::Deserialize;
use wasmparser::{ComponentType, ComponentTypeDeclaration, Parser, Payload};

use super::ReadError;
use super::nesting::check_nesting;
use super::scan::invalid;
use crate::name::InterfaceName;
use crate::pack::{PackError, SECTION_WIT, wit_sections};

/// The section with the doc comments, and the versions of it that are understood.
const SECTION_DOCS: &str = "package-docs";
const VERSIONS: std::ops::RangeInclusive<u8> = 0..=1;

/// Doc comments by interface.
#[derive(Default)]
pub(super) struct Docs {
    interfaces: HashMap<String, InterfaceDocs>,
}

#[derive(Default, Deserialize)]
struct PackageDocs {
    #[serde(default)]
    interfaces: HashMap<String, InterfaceDocs>,
}

#[derive(Default, Deserialize)]
struct InterfaceDocs {
    docs: Option<String>,
    #[serde(default)]
    funcs: HashMap<String, FunctionDocs>,
    #[serde(default)]
    types: HashMap<String, TypeDocs>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum FunctionDocs {
    Text(String),
    Parts { docs: Option<String> },
}

/// The doc comments of a type and of its fields or cases.
#[derive(Default, Deserialize)]
pub(super) struct TypeDocs {
    docs: Option<String>,
    #[serde(default)]
    items: HashMap<String, String>,
}

impl Docs {
    /// Reads every packed WIT package of a component.
    pub(super) fn read(component: &[u8]) -> Result<Self, ReadError> {
        let mut all = Self::default();
        for package in wit_sections(component)? {
            all.add(package).map_err(|error| match error {
                ReadError::Parts(error) => ReadError::Parts(error),
                other => malformed(other),
            })?;
        }
        Ok(all)
    }

    fn add(&mut self, package: &[u8]) -> Result<(), ReadError> {
        let mut member = None;
        let mut docs = None;
        for payload in Parser::new(0).parse_all(package) {
            match payload.map_err(invalid)? {
                Payload::ComponentTypeSection(section) => {
                    check_nesting(package.get(section.range()).unwrap_or_default())?;
                    for ty in section {
                        member = member.or(exported_name(&ty.map_err(invalid)?));
                    }
                }
                Payload::CustomSection(section) if section.name() == SECTION_DOCS => {
                    docs = Some(parse(section.data())?);
                }
                _ => {}
            }
        }
        // Any member names the package; one without members has nothing to document.
        if let (Some(member), Some(docs)) = (member, docs) {
            for (name, interface) in docs.interfaces {
                let name = InterfaceName { interface: name, ..member.clone() };
                self.interfaces.insert(name.to_string(), interface);
            }
        }
        Ok(())
    }

    pub(super) fn interface(&self, name: &InterfaceName) -> Option<String> {
        self.find(name)?.docs.clone()
    }

    pub(super) fn function(&self, interface: &InterfaceName, function: &str) -> Option<String> {
        match self.find(interface)?.funcs.get(function)? {
            FunctionDocs::Text(docs) => Some(docs.clone()),
            FunctionDocs::Parts { docs } => docs.clone(),
        }
    }

    pub(super) fn ty(&self, interface: &InterfaceName, name: &str) -> Option<&TypeDocs> {
        self.find(interface)?.types.get(name)
    }

    fn find(&self, name: &InterfaceName) -> Option<&InterfaceDocs> {
        self.interfaces.get(&name.to_string())
    }
}

impl TypeDocs {
    pub(super) fn docs(&self) -> Option<String> {
        self.docs.clone()
    }

    pub(super) fn item(&self, name: &str) -> Option<String> {
        self.items.get(name).cloned()
    }
}

/// The full name under which a type of an encoded package exports an interface or a world.
fn exported_name(ty: &ComponentType<'_>) -> Option<InterfaceName> {
    let ComponentType::Component(declarations) = ty else { return None };
    declarations.iter().find_map(|declaration| match declaration {
        ComponentTypeDeclaration::Export { name, .. } => name.name.parse().ok(),
        _ => None,
    })
}

fn parse(data: &[u8]) -> Result<PackageDocs, ReadError> {
    match data.split_first() {
        Some((version, json)) if VERSIONS.contains(version) => {
            serde_json::from_slice(json).map_err(malformed)
        }
        _ => Err(malformed("an unknown version of package-docs")),
    }
}

fn malformed(reason: impl ToString) -> ReadError {
    let reason = reason.to_string();
    ReadError::Parts(PackError::Malformed { section: SECTION_WIT, reason })
}
