//! What types are called in the document: `Orders.NewOrder`.

use std::collections::{HashMap, HashSet};

use super::ServiceDoc;
use crate::ty::{Type, TypeName};

/// The names of one service's types. The service is part of the name, so two services never clash.
#[derive(Default)]
pub(super) struct TypeNames(HashMap<TypeName, String>);

impl TypeNames {
    /// The names of all types that the routes of a service read or write.
    pub(super) fn of(service: &ServiceDoc<'_>, name: &str) -> Self {
        let mut found = Vec::new();
        for route in service.routes {
            if let Some((_, function)) = service.contract.function(route.function()) {
                function.params.iter().for_each(|param| collect(&param.ty, &mut found));
            }
            let payloads = route.errors().iter().filter_map(|case| case.payload.as_ref());
            route.success().into_iter().chain(payloads).for_each(|ty| collect(ty, &mut found));
        }
        Self::assign(name, &found)
    }

    fn assign(service: &str, found: &[&TypeName]) -> Self {
        let mut names = HashMap::new();
        let mut taken = HashSet::new();
        for &ty in found {
            if names.contains_key(ty) {
                continue;
            }
            let is_unique = found.iter().all(|other| other.name != ty.name || *other == ty);
            let name = match is_unique {
                true => format!("{}.{}", pascal(service), pascal(&ty.name)),
                false => {
                    let interface = pascal(&ty.interface.interface);
                    format!("{}.{interface}{}", pascal(service), pascal(&ty.name))
                }
            };
            let name = free(name, &taken);
            taken.insert(name.clone());
            names.insert(ty.clone(), name);
        }
        Self(names)
    }

    /// The name of a type.
    pub(super) fn get(&self, ty: &TypeName) -> Option<&str> {
        self.0.get(ty).map(String::as_str)
    }
}

/// The name, with a number behind it when it is taken.
pub(super) fn free(name: String, taken: &HashSet<String>) -> String {
    if !taken.contains(&name) {
        return name;
    }
    (2_u32..).map(|n| format!("{name}{n}")).find(|name| !taken.contains(name)).unwrap_or(name)
}

/// Every named type inside a type, itself first.
fn collect<'a>(ty: &'a Type, found: &mut Vec<&'a TypeName>) {
    if let Some(name) = ty.name() {
        if found.contains(&name) {
            return;
        }
        found.push(name);
    }
    match ty {
        Type::List(inner) | Type::FixedList(inner, _) | Type::Option(inner) => {
            collect(inner, found)
        }
        Type::Map(key, value) => {
            collect(key, found);
            collect(value, found);
        }
        Type::Tuple(types) => types.iter().for_each(|ty| collect(ty, found)),
        Type::Record(record) => record.fields.iter().for_each(|field| collect(&field.ty, found)),
        Type::Variant(variant) => {
            variant
                .cases
                .iter()
                .filter_map(|case| case.ty.as_ref())
                .for_each(|ty| collect(ty, found));
        }
        Type::Result(result) => {
            result.ok.iter().chain(&result.err).for_each(|ty| collect(ty, found));
        }
        _ => {}
    }
}

/// `new-order` becomes `NewOrder`. Different names stay different: what has no capital keeps a mark.
fn pascal(kebab: &str) -> String {
    let mut out = String::with_capacity(kebab.len());
    for word in kebab.split('-') {
        let mut chars = word.chars();
        match chars.next() {
            Some(first) if first.is_ascii_alphabetic() => out.push(first.to_ascii_uppercase()),
            Some(first) => out.extend(['_', first]),
            None => out.push('_'),
        }
        out.push_str(chars.as_str());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(interface: &str, name: &str) -> TypeName {
        TypeName { interface: interface.parse().unwrap(), name: name.into() }
    }

    #[test]
    fn names_are_short_unless_two_interfaces_share_one() {
        let types = [
            name("thali:orders/ordering@1.0.0", "new-order"),
            name("thali:orders/ordering@1.0.0", "error"),
            name("thali:orders/kitchen@1.0.0", "error"),
            name("other:orders/kitchen", "error"),
        ];
        let found: Vec<_> = types.iter().collect();
        let names = TypeNames::assign("order-desk", &found);
        let assigned: Vec<_> = types.iter().map(|ty| names.get(ty).unwrap()).collect();
        assert_eq!(
            assigned,
            [
                "OrderDesk.NewOrder",
                "OrderDesk.OrderingError",
                "OrderDesk.KitchenError",
                "OrderDesk.KitchenError2",
            ]
        );
    }

    #[test]
    fn different_services_stay_different() {
        let names = ["ab", "a-b", "a1", "a-1", "a-", "a--1", "a--", "a"];
        let spelled: HashSet<_> = names.iter().map(|name| pascal(name)).collect();
        assert_eq!(spelled.len(), names.len(), "{spelled:?}");
    }
}
