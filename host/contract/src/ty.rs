//! WIT types as the host sees them: one structural tree per type, with the names and the
//! documentation that JSON and OpenAPI need.
//!
//! Two types are equal when they have the same *structure* (field and case names count, the names of
//! the types themselves do not): that is what the component model compares when a consumer is linked
//! to a provider.

use std::fmt;
use std::sync::Arc;

use crate::name::InterfaceName;

/// A WIT type.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// `bool`
    Bool,
    /// `s8`
    S8,
    /// `u8`
    U8,
    /// `s16`
    S16,
    /// `u16`
    U16,
    /// `s32`
    S32,
    /// `u32`
    U32,
    /// `s64`
    S64,
    /// `u64`
    U64,
    /// `f32`
    F32,
    /// `f64`
    F64,
    /// `char`
    Char,
    /// `string`
    String,
    /// `list<T>`; `list<u8>` is written as base64 in JSON.
    List(Arc<Type>),
    /// `list<T, N>`
    FixedList(Arc<Type>, u32),
    /// `map<K, V>`
    Map(Arc<Type>, Arc<Type>),
    /// `tuple<..>`
    Tuple(Arc<[Type]>),
    /// `record`
    Record(Arc<Record>),
    /// `variant`
    Variant(Arc<Variant>),
    /// `enum`
    Enum(Arc<Enum>),
    /// `flags`
    Flags(Arc<Flags>),
    /// `option<T>`
    Option(Arc<Type>),
    /// `result<T, E>`
    Result(Arc<ResultType>),
    /// A type whose values cannot leave the store they live in.
    Opaque(Opaque),
}

/// Types whose values cannot cross from one service to another, nor become JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opaque {
    /// An owned or borrowed resource.
    Resource,
    /// `future<T>`
    Future,
    /// `stream<T>`
    Stream,
    /// `error-context`
    ErrorContext,
}

/// Where a named type was defined. Display: `thali:orders/ordering@1.0.0.order`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeName {
    /// The interface that defines the type.
    pub interface: InterfaceName,
    /// The kebab-case name.
    pub name: String,
}

/// The fields of a `record`, in declaration order.
#[derive(Clone, Debug)]
pub struct Record {
    /// The name it was declared under.
    pub name: Option<TypeName>,
    /// Its WIT doc comment.
    pub docs: Option<String>,
    /// The fields in declaration order.
    pub fields: Vec<Field>,
}

/// A field of a record, or a parameter of a function.
#[derive(Clone, Debug)]
pub struct Field {
    /// kebab-case, as in WIT.
    pub name: String,
    /// `snake_case`, as in JSON.
    pub json: String,
    /// Its WIT doc comment.
    pub docs: Option<String>,
    /// The type of its values.
    pub ty: Type,
}

/// The cases of a `variant`, in declaration order.
#[derive(Clone, Debug)]
pub struct Variant {
    /// The name it was declared under.
    pub name: Option<TypeName>,
    /// Its WIT doc comment.
    pub docs: Option<String>,
    /// The cases in declaration order.
    pub cases: Vec<Case>,
}

/// A case of a variant.
#[derive(Clone, Debug)]
pub struct Case {
    /// kebab-case, as in WIT.
    pub name: String,
    /// `snake_case`, as in JSON.
    pub json: String,
    /// Its WIT doc comment.
    pub docs: Option<String>,
    /// The payload, when the case has one.
    pub ty: Option<Type>,
}

/// The cases of an `enum`, in declaration order.
#[derive(Clone, Debug)]
pub struct Enum {
    /// The name it was declared under.
    pub name: Option<TypeName>,
    /// Its WIT doc comment.
    pub docs: Option<String>,
    /// The cases in declaration order.
    pub cases: Vec<Label>,
}

/// The names of a `flags` type, in declaration order.
#[derive(Clone, Debug)]
pub struct Flags {
    /// The name it was declared under.
    pub name: Option<TypeName>,
    /// Its WIT doc comment.
    pub docs: Option<String>,
    /// The flags in declaration order.
    pub flags: Vec<Label>,
}

/// An enum case or a flag.
#[derive(Clone, Debug)]
pub struct Label {
    /// kebab-case, as in WIT.
    pub name: String,
    /// `snake_case`, as in JSON.
    pub json: String,
    /// Its WIT doc comment.
    pub docs: Option<String>,
}

/// Both sides of a `result`.
#[derive(Clone, Debug, PartialEq)]
pub struct ResultType {
    /// What success carries.
    pub ok: Option<Type>,
    /// What failure carries.
    pub err: Option<Type>,
}

impl PartialEq for Record {
    fn eq(&self, other: &Self) -> bool {
        self.fields == other.fields
    }
}

impl PartialEq for Field {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.ty == other.ty
    }
}

impl PartialEq for Variant {
    fn eq(&self, other: &Self) -> bool {
        self.cases == other.cases
    }
}

impl PartialEq for Case {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.ty == other.ty
    }
}

impl PartialEq for Enum {
    fn eq(&self, other: &Self) -> bool {
        self.cases == other.cases
    }
}

impl PartialEq for Flags {
    fn eq(&self, other: &Self) -> bool {
        self.flags == other.flags
    }
}

impl PartialEq for Label {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Field {
    /// A field whose JSON name follows from its WIT name.
    pub fn new(name: impl Into<String>, ty: Type) -> Self {
        let name = name.into();
        Self { json: json_name(&name), name, docs: None, ty }
    }
}

impl Case {
    /// A case whose JSON name follows from its WIT name.
    pub fn new(name: impl Into<String>, ty: Option<Type>) -> Self {
        let name = name.into();
        Self { json: json_name(&name), name, docs: None, ty }
    }
}

impl Label {
    /// A label whose JSON name follows from its WIT name.
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        Self { json: json_name(&name), name, docs: None }
    }
}

/// The JSON spelling of a WIT name: `open-hours` becomes `open_hours`.
pub fn json_name(kebab: &str) -> String {
    kebab.replace('-', "_")
}

impl Type {
    /// The first value inside this type that cannot leave its store, if there is one.
    pub fn opaque(&self) -> Option<Opaque> {
        match self {
            Self::Opaque(opaque) => Some(*opaque),
            Self::List(inner) | Self::FixedList(inner, _) | Self::Option(inner) => inner.opaque(),
            Self::Map(key, value) => key.opaque().or_else(|| value.opaque()),
            Self::Tuple(items) => items.iter().find_map(Self::opaque),
            Self::Record(record) => record.fields.iter().find_map(|field| field.ty.opaque()),
            Self::Variant(variant) => {
                variant.cases.iter().find_map(|case| case.ty.as_ref().and_then(Self::opaque))
            }
            Self::Result(result) => [&result.ok, &result.err]
                .into_iter()
                .find_map(|side| side.as_ref().and_then(Self::opaque)),
            _ => None,
        }
    }

    /// The name the type was declared under, when it has one.
    pub fn name(&self) -> Option<&TypeName> {
        match self {
            Self::Record(record) => record.name.as_ref(),
            Self::Variant(variant) => variant.name.as_ref(),
            Self::Enum(cases) => cases.name.as_ref(),
            Self::Flags(flags) => flags.name.as_ref(),
            _ => None,
        }
    }
}

impl fmt::Display for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resource => "resource",
            Self::Future => "future",
            Self::Stream => "stream",
            Self::ErrorContext => "error-context",
        })
    }
}

impl fmt::Display for TypeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.interface, self.name)
    }
}

/// WIT syntax; named types by their name, so that a message stays one line.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.name() {
            return f.write_str(&name.name);
        }
        match self {
            Self::Bool => f.write_str("bool"),
            Self::S8 => f.write_str("s8"),
            Self::U8 => f.write_str("u8"),
            Self::S16 => f.write_str("s16"),
            Self::U16 => f.write_str("u16"),
            Self::S32 => f.write_str("s32"),
            Self::U32 => f.write_str("u32"),
            Self::S64 => f.write_str("s64"),
            Self::U64 => f.write_str("u64"),
            Self::F32 => f.write_str("f32"),
            Self::F64 => f.write_str("f64"),
            Self::Char => f.write_str("char"),
            Self::String => f.write_str("string"),
            Self::List(item) => write!(f, "list<{item}>"),
            Self::FixedList(item, len) => write!(f, "list<{item}, {len}>"),
            Self::Map(key, value) => write!(f, "map<{key}, {value}>"),
            Self::Option(inner) => write!(f, "option<{inner}>"),
            Self::Tuple(items) => {
                f.write_str("tuple<")?;
                separated(f, items.iter())?;
                f.write_str(">")
            }
            Self::Record(record) => {
                f.write_str("record { ")?;
                separated(f, record.fields.iter().map(|x| format!("{}: {}", x.name, x.ty)))?;
                f.write_str(" }")
            }
            Self::Variant(variant) => {
                f.write_str("variant { ")?;
                separated(
                    f,
                    variant.cases.iter().map(|case| match &case.ty {
                        Some(ty) => format!("{}({ty})", case.name),
                        None => case.name.clone(),
                    }),
                )?;
                f.write_str(" }")
            }
            Self::Enum(cases) => {
                f.write_str("enum { ")?;
                separated(f, cases.cases.iter().map(|label| &label.name))?;
                f.write_str(" }")
            }
            Self::Flags(flags) => {
                f.write_str("flags { ")?;
                separated(f, flags.flags.iter().map(|label| &label.name))?;
                f.write_str(" }")
            }
            Self::Result(result) => match (&result.ok, &result.err) {
                (None, None) => f.write_str("result"),
                (Some(ok), None) => write!(f, "result<{ok}>"),
                (None, Some(err)) => write!(f, "result<_, {err}>"),
                (Some(ok), Some(err)) => write!(f, "result<{ok}, {err}>"),
            },
            Self::Opaque(opaque) => write!(f, "{opaque}"),
        }
    }
}

fn separated<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    items: impl Iterator<Item = T>,
) -> fmt::Result {
    for (i, item) in items.enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}
