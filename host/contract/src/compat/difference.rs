//! Where two types differ first.

use crate::ty::{Label, Type};

/// The first place where the types differ, as `place: consumer expects X, provider has Y`; `None` when
/// they are equal. Places read like `lines[].quantity`.
pub(super) fn difference(place: &str, expected: &Type, had: &Type) -> Option<String> {
    if expected == had {
        return None;
    }
    Some(inside(place, expected, had).unwrap_or_else(|| told(place, expected, had)))
}

/// The difference within two types of the same kind.
fn inside(place: &str, expected: &Type, had: &Type) -> Option<String> {
    match (expected, had) {
        (Type::List(a), Type::List(b)) => difference(&format!("{place}[]"), a, b),
        (Type::FixedList(a, n), Type::FixedList(b, m)) if n == m => {
            difference(&format!("{place}[]"), a, b)
        }
        (Type::Option(a), Type::Option(b)) => difference(&format!("{place}?"), a, b),
        (Type::Map(k, a), Type::Map(l, b)) => difference(&format!("{place}{{key}}"), k, l)
            .or_else(|| difference(&format!("{place}{{}}"), a, b)),
        (Type::Tuple(a), Type::Tuple(b)) if a.len() == b.len() => (0..)
            .zip(a.iter().zip(b.iter()))
            .find_map(|(i, (a, b)): (u32, _)| difference(&format!("{place}.{i}"), a, b)),
        (Type::Record(a), Type::Record(b)) => {
            let names = |fields: &[crate::ty::Field]| -> Vec<String> {
                fields.iter().map(|field| field.name.clone()).collect()
            };
            members(place, "field", &names(&a.fields), &names(&b.fields)).or_else(|| {
                let mut fields = a.fields.iter().zip(&b.fields);
                fields.find_map(|(a, b)| difference(&format!("{place}.{}", a.name), &a.ty, &b.ty))
            })
        }
        (Type::Variant(a), Type::Variant(b)) => {
            let names = |cases: &[crate::ty::Case]| -> Vec<String> {
                cases.iter().map(|case| case.name.clone()).collect()
            };
            members(place, "case", &names(&a.cases), &names(&b.cases)).or_else(|| {
                let mut cases = a.cases.iter().zip(&b.cases);
                cases.find_map(|(a, b)| side(&format!("{place}.{}", a.name), &a.ty, &b.ty))
            })
        }
        (Type::Enum(a), Type::Enum(b)) => {
            members(place, "case", &labels(&a.cases), &labels(&b.cases))
        }
        (Type::Flags(a), Type::Flags(b)) => {
            members(place, "flag", &labels(&a.flags), &labels(&b.flags))
        }
        (Type::Result(a), Type::Result(b)) => side(&format!("{place}.ok"), &a.ok, &b.ok)
            .or_else(|| side(&format!("{place}.err"), &a.err, &b.err)),
        _ => None,
    }
}

/// The difference of two payloads that may be absent.
fn side(place: &str, expected: &Option<Type>, had: &Option<Type>) -> Option<String> {
    match (expected, had) {
        (Some(a), Some(b)) => difference(place, a, b),
        (None, None) => None,
        (Some(a), None) => Some(format!("{place}: consumer expects {a}, provider has nothing")),
        (None, Some(b)) => Some(format!("{place}: consumer expects nothing, provider has {b}")),
    }
}

/// The first name that only one of them has, or that is elsewhere.
fn members(place: &str, kind: &str, expected: &[String], had: &[String]) -> Option<String> {
    if expected == had {
        return None;
    }
    if let Some(name) = expected.iter().find(|name| !had.contains(name)) {
        return Some(format!("{place}: consumer expects the {kind} {name}, provider has none"));
    }
    if let Some(name) = had.iter().find(|name| !expected.contains(name)) {
        return Some(format!("{place}: consumer expects no {kind} {name}, provider has one"));
    }
    let (a, b) = (expected.join(", "), had.join(", "));
    Some(format!("{place}: consumer expects the {kind}s in the order {a}, provider has {b}"))
}

fn labels(labels: &[Label]) -> Vec<String> {
    labels.iter().map(|label| label.name.clone()).collect()
}

/// Both types by name. Named types of different kinds could be called the same.
fn told(place: &str, expected: &Type, had: &Type) -> String {
    let (a, b) = (expected.to_string(), had.to_string());
    let (a, b) = if a == b {
        (format!("{} {a}", kind(expected)), format!("{} {b}", kind(had)))
    } else {
        (a, b)
    };
    format!("{place}: consumer expects {a}, provider has {b}")
}

fn kind(ty: &Type) -> &'static str {
    match ty {
        Type::Record(_) => "record",
        Type::Variant(_) => "variant",
        Type::Enum(_) => "enum",
        Type::Flags(_) => "flags",
        _ => "type",
    }
}
