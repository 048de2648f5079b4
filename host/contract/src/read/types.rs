//! wasmparser's types become [`Type`]s.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use wasmparser::PrimitiveValType;
use wasmparser::component_types::{
    ComponentAnyTypeId, ComponentDefinedType, ComponentDefinedTypeId, ComponentEntityType,
    ComponentFuncTypeId, ComponentInstanceTypeId, ComponentValType, ResourceId,
};
use wasmparser::types::Types;

use super::ReadError;
use super::docs::{Docs, TypeDocs};
use crate::contract::{Function, Interface};
use crate::name::InterfaceName;
use crate::ty::{
    Case, Enum, Field, Flags, Label, Opaque, Record, ResultType, Type, TypeName, Variant,
};

/// The most nodes of all functions' types together, each counted as often as it is reached. Types are
/// shared, so a small component can describe a tree that no one could walk.
const NODES_MAX: u64 = 1_000_000;

/// How deep types are nested at most; the validator has the same limit.
const DEPTH_MAX: u32 = 100;

/// Converts the types of one component, each once.
pub(super) struct Converter<'t> {
    types: &'t Types,
    docs: &'t Docs,
    /// The names that interfaces gave to types.
    names: HashMap<ComponentDefinedTypeId, TypeName>,
    /// With the number of nodes of each.
    converted: HashMap<ComponentDefinedTypeId, (Type, u64)>,
    resources: HashSet<ResourceId>,
    nodes: u64,
}

/// Whether a type is a resource.
pub(super) fn is_resource(ty: ComponentAnyTypeId) -> bool {
    matches!(ty, ComponentAnyTypeId::Resource(_))
}

impl<'t> Converter<'t> {
    pub(super) fn new(types: &'t Types, docs: &'t Docs) -> Self {
        Self {
            types,
            docs,
            names: HashMap::new(),
            converted: HashMap::new(),
            resources: HashSet::new(),
            nodes: 0,
        }
    }

    /// Whether an instance has resources, its own or others'.
    pub(super) fn has_resources(&self, instance: ComponentInstanceTypeId) -> bool {
        self.types[instance].exports.values().any(|item| {
            matches!(item.ty, ComponentEntityType::Type { created, .. } if is_resource(created))
        })
    }

    /// Converts an instance. Instances come in the component's order, so that a type's first name is
    /// the one it was declared under.
    pub(super) fn interface(
        &mut self,
        name: InterfaceName,
        instance: ComponentInstanceTypeId,
    ) -> Result<Interface, ReadError> {
        let types = self.types;
        let mut functions = Vec::new();
        let mut resources = Vec::new();
        for (item_name, item) in &types[instance].exports {
            match item.ty {
                ComponentEntityType::Type { referenced, created } => {
                    let is_defined = self.name_type(&name, item_name, referenced, created);
                    resources.extend(is_defined.then(|| item_name.clone()));
                }
                // Methods are `[method]resource.name`.
                ComponentEntityType::Func(id) if !item_name.starts_with('[') => {
                    functions.push(self.function(&name, item_name, id)?);
                }
                _ => {}
            }
        }
        let docs = self.docs.interface(&name);
        Ok(Interface { name, docs, functions, resources })
    }

    /// Remembers the name of a type; answers whether it is a resource that is defined here.
    fn name_type(
        &mut self,
        interface: &InterfaceName,
        name: &str,
        referenced: ComponentAnyTypeId,
        created: ComponentAnyTypeId,
    ) -> bool {
        match created {
            ComponentAnyTypeId::Resource(id) => self.resources.insert(id.resource()),
            ComponentAnyTypeId::Defined(id) => {
                let used = match referenced {
                    ComponentAnyTypeId::Defined(referenced) => self.name_of(referenced).cloned(),
                    _ => None,
                };
                let own = || TypeName { interface: interface.clone(), name: name.to_owned() };
                self.names.insert(id, used.unwrap_or_else(own));
                false
            }
            _ => false,
        }
    }

    /// The name of a type, which it may have through what it is an alias of.
    fn name_of(&self, id: ComponentDefinedTypeId) -> Option<&TypeName> {
        let mut id = id;
        loop {
            if let Some(name) = self.names.get(&id) {
                return Some(name);
            }
            id = self.types.as_ref().peel_alias(id)?;
        }
    }

    fn function(
        &mut self,
        interface: &InterfaceName,
        name: &str,
        id: ComponentFuncTypeId,
    ) -> Result<Function, ReadError> {
        let types = self.types;
        let ty = &types[id];
        let mut params = Vec::with_capacity(ty.params.len());
        for (name, ty) in &ty.params {
            params.push(Field::new(name.as_str(), self.counted(*ty)?));
        }
        let result = ty.result.map(|ty| self.counted(ty)).transpose()?;
        let docs = self.docs.function(interface, name);
        Ok(Function { name: name.to_owned(), docs, params, result, is_async: ty.async_ })
    }

    /// Converts a type that a function names.
    fn counted(&mut self, ty: ComponentValType) -> Result<Type, ReadError> {
        let (ty, nodes) = self.value(ty, 0)?;
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > NODES_MAX {
            return Err(ReadError::TooComplex("its functions' types are too large".into()));
        }
        Ok(ty)
    }

    fn value(&mut self, ty: ComponentValType, depth: u32) -> Result<(Type, u64), ReadError> {
        let id = match ty {
            ComponentValType::Primitive(primitive) => return Ok((self::primitive(primitive), 1)),
            ComponentValType::Type(id) => id,
        };
        if let Some(known) = self.converted.get(&id) {
            return Ok(known.clone());
        }
        if depth > DEPTH_MAX {
            return Err(ReadError::TooComplex("a type is nested too deep".into()));
        }
        let mut walk = Walk { converter: self, depth: depth + 1, nodes: 1 };
        let ty = walk.defined(id)?;
        let converted = (ty, walk.nodes);
        self.converted.insert(id, converted.clone());
        Ok(converted)
    }
}

/// The conversion of one type, which counts what it holds.
struct Walk<'c, 't> {
    converter: &'c mut Converter<'t>,
    depth: u32,
    nodes: u64,
}

impl Walk<'_, '_> {
    fn defined(&mut self, id: ComponentDefinedTypeId) -> Result<Type, ReadError> {
        let types = self.converter.types;
        let name = self.converter.name_of(id).cloned();
        let docs = name.as_ref().and_then(|n| self.converter.docs.ty(&n.interface, &n.name));
        let type_docs = docs.and_then(TypeDocs::docs);
        let item_docs = |item: &str| docs.and_then(|docs| docs.item(item));
        let label = |name: &str| Label { docs: item_docs(name), ..Label::new(name) };
        Ok(match &types[id] {
            ComponentDefinedType::Primitive(primitive) => self::primitive(*primitive),
            ComponentDefinedType::Record(record) => {
                let mut fields = Vec::with_capacity(record.fields.len());
                for (name, ty) in &record.fields {
                    let ty = self.inner(*ty)?;
                    fields.push(Field {
                        docs: item_docs(name.as_str()),
                        ..Field::new(name.as_str(), ty)
                    });
                }
                Type::Record(Arc::new(Record { name, docs: type_docs, fields }))
            }
            ComponentDefinedType::Variant(variant) => {
                let mut cases = Vec::with_capacity(variant.cases.len());
                for (name, case) in &variant.cases {
                    let ty = case.ty.map(|ty| self.inner(ty)).transpose()?;
                    cases.push(Case {
                        docs: item_docs(name.as_str()),
                        ..Case::new(name.as_str(), ty)
                    });
                }
                Type::Variant(Arc::new(Variant { name, docs: type_docs, cases }))
            }
            ComponentDefinedType::Enum(cases) => {
                self.count(cases.len());
                let cases = cases.iter().map(|name| label(name.as_str())).collect();
                Type::Enum(Arc::new(Enum { name, docs: type_docs, cases }))
            }
            ComponentDefinedType::Flags(flags) => {
                self.count(flags.len());
                let flags = flags.iter().map(|name| label(name.as_str())).collect();
                Type::Flags(Arc::new(Flags { name, docs: type_docs, flags }))
            }
            ComponentDefinedType::List { element, .. } => Type::List(self.shared(*element)?),
            ComponentDefinedType::FixedLengthList { element, length, .. } => {
                Type::FixedList(self.shared(*element)?, *length)
            }
            ComponentDefinedType::Map { key, value, .. } => {
                Type::Map(self.shared(*key)?, self.shared(*value)?)
            }
            ComponentDefinedType::Tuple(tuple) => {
                Type::Tuple(tuple.types.iter().map(|ty| self.inner(*ty)).collect::<Result<_, _>>()?)
            }
            ComponentDefinedType::Option { ty, .. } => Type::Option(self.shared(*ty)?),
            ComponentDefinedType::Result { ok, err, .. } => {
                let ok = ok.map(|ty| self.inner(ty)).transpose()?;
                let err = err.map(|ty| self.inner(ty)).transpose()?;
                Type::Result(Arc::new(ResultType { ok, err }))
            }
            ComponentDefinedType::Own(_) | ComponentDefinedType::Borrow(_) => {
                Type::Opaque(Opaque::Resource)
            }
            ComponentDefinedType::Future { .. } => Type::Opaque(Opaque::Future),
            ComponentDefinedType::Stream { .. } => Type::Opaque(Opaque::Stream),
        })
    }

    fn inner(&mut self, ty: ComponentValType) -> Result<Type, ReadError> {
        let (ty, nodes) = self.converter.value(ty, self.depth)?;
        self.nodes = self.nodes.saturating_add(nodes);
        Ok(ty)
    }

    fn shared(&mut self, ty: ComponentValType) -> Result<Arc<Type>, ReadError> {
        Ok(Arc::new(self.inner(ty)?))
    }

    fn count(&mut self, nodes: usize) {
        self.nodes = self.nodes.saturating_add(nodes as u64);
    }
}

fn primitive(ty: PrimitiveValType) -> Type {
    match ty {
        PrimitiveValType::Bool => Type::Bool,
        PrimitiveValType::S8 => Type::S8,
        PrimitiveValType::U8 => Type::U8,
        PrimitiveValType::S16 => Type::S16,
        PrimitiveValType::U16 => Type::U16,
        PrimitiveValType::S32 => Type::S32,
        PrimitiveValType::U32 => Type::U32,
        PrimitiveValType::S64 => Type::S64,
        PrimitiveValType::U64 => Type::U64,
        PrimitiveValType::F32 => Type::F32,
        PrimitiveValType::F64 => Type::F64,
        PrimitiveValType::Char => Type::Char,
        PrimitiveValType::String => Type::String,
        PrimitiveValType::ErrorContext => Type::Opaque(Opaque::ErrorContext),
    }
}
