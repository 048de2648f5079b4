//! What can be said of a component's events from its contract and its manifest.

use crate::compat::signature;
use crate::contract::{Contract, Function, Interface};
use crate::events::EVENTS;
use crate::manifest::{Manifest, SubscriptionSpec, hint, pointer};
use crate::name::InterfaceName;
use crate::problem::Mistake;
use crate::route::is_scalar;
use crate::ty::Type;

/// Checks that every event function has the form that one must have, and that `[events]` and
/// `[subscriptions]` speak of interfaces and functions of the component.
///
/// # Errors
///
/// Every mistake; the pointer is the function's name, or the line of the manifest.
pub fn check(manifest: &Manifest, contract: &Contract) -> Result<(), Vec<Mistake>> {
    let mut mistakes = functions(contract);
    if let Some(events) = manifest.events.as_ref().filter(|_| contract.publishes().next().is_none())
    {
        let detail =
            format!("[events] is for publishers: the component imports no interface {EVENTS:?}");
        mistakes.push(Mistake::new(pointer(events.line), detail));
    }
    for subscription in &manifest.subscriptions {
        let found = check_subscription(subscription, contract);
        mistakes
            .extend(found.into_iter().map(|what| Mistake::new(pointer(subscription.line), what)));
    }
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
}

fn functions(contract: &Contract) -> Vec<Mistake> {
    let imports = contract.publishes().map(|(_, import)| import);
    let exports = contract.subscribes().map(|(_, export)| export);
    let mut mistakes: Vec<Mistake> = Vec::new();
    for interface in imports.chain(exports) {
        mistakes.extend(
            interface_mistakes(interface)
                .filter(|found| !mistakes.contains(found))
                .collect::<Vec<_>>(),
        );
    }
    mistakes
}

fn interface_mistakes(interface: &Interface) -> impl Iterator<Item = Mistake> {
    let resources = interface.resources.iter().map(|resource| {
        let what = format!("the resource {resource} cannot be part of an event");
        Mistake::new(interface.name.to_string(), what)
    });
    let functions = interface.functions.iter().filter_map(|function| {
        let name = format!("{}.{}", interface.name, function.name);
        Some(Mistake::new(name, not_an_event(function)?))
    });
    resources.chain(functions)
}

/// Why the function cannot be an event.
fn not_an_event(function: &Function) -> Option<String> {
    let because =
        |why: &str| Some(format!("cannot be an event: {why}, got {}", signature(function)));
    if function.is_async {
        return because("it must not be async");
    }
    match function.params.first() {
        Some(key) if is_scalar(&key.ty) => {}
        _ => {
            return because(
                "its first parameter is the key, which must be a string, number, bool or enum",
            );
        }
    }
    if let Some(opaque) = function.params.iter().find_map(|param| param.ty.opaque()) {
        return because(&format!("a {opaque} has no JSON form"));
    }
    match &function.result {
        None => None,
        Some(Type::Result(result)) if result.ok.is_none() && result.err == Some(Type::String) => {
            None
        }
        Some(_) => because("it must return nothing, or result<_, string>"),
    }
}

fn check_subscription(spec: &SubscriptionSpec, contract: &Contract) -> Vec<String> {
    let subscribes: Vec<_> = contract.subscribes().map(|(_, export)| export).collect();
    let Some(export) = subscribes.iter().find(|export| spec.names(&export.name)) else {
        return vec![no_such_export(&spec.interface, &subscribes)];
    };
    let known = || export.functions.iter().map(|function| function.name.as_str());
    let unknown = spec.only.iter().flatten().filter(|name| !known().any(|known| known == *name));
    unknown
        .map(|name| {
            let hint = match hint(name, known()) {
                none if none.is_empty() => {
                    format!("; it has {}", known().collect::<Vec<_>>().join(", "))
                }
                hint => hint,
            };
            format!("{} has no function {name:?}{hint}", export.name)
        })
        .collect()
}

fn no_such_export(wanted: &InterfaceName, subscribes: &[&Interface]) -> String {
    if !wanted.is_events() {
        return format!("{wanted} is no event interface: its last name must be {EVENTS:?}");
    }
    let known: Vec<_> = subscribes.iter().map(|export| export.name.unversioned()).collect();
    let hint = match hint(&wanted.unversioned(), known.iter().map(String::as_str)) {
        none if none.is_empty() && known.is_empty() => ": it exports no event interface".to_owned(),
        none if none.is_empty() => format!(": it exports {}", known.join(", ")),
        hint => hint,
    };
    format!("the component does not export {wanted}{hint}")
}

impl SubscriptionSpec {
    /// Whether this entry speaks of `export`.
    pub fn names(&self, export: &InterfaceName) -> bool {
        self.interface.same_interface(export)
            && (self.interface.version.is_none() || self.interface.version == export.version)
    }
}
