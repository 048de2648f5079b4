//! Whether a change of the live services would break a contract between two of them.
//!
//! An interface without functions only names types: everybody may export it, and a contract does not
//! list it among the imports.

mod events;

use std::fmt;

use thali_contract::compat;
use thali_contract::contract::{Contract, Interface, Origin};
use thali_contract::name::{InterfaceName, ServiceName};
use thali_contract::problem::Mistake;

/// One side of a contract.
#[derive(Clone, Copy)]
pub(crate) struct Party<'a> {
    pub(crate) name: &'a ServiceName,
    pub(crate) contract: &'a Contract,
    /// Imports that the service can do without.
    pub(crate) optional: &'a [InterfaceName],
}

/// A service that is about to change, among others that are not.
pub(crate) struct Change<'a> {
    /// Its live revision, if it has one.
    pub(crate) before: Option<Party<'a>>,
    /// What shall be live in its place.
    pub(crate) after: Party<'a>,
    /// Every other live service.
    pub(crate) others: &'a [Party<'a>],
}

/// A call that could not be made any more, or an event that could not be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Breach {
    pub(crate) binding: Binding,
    pub(crate) consumer: ServiceName,
    pub(crate) provider: ServiceName,
    pub(crate) interface: InterfaceName,
    /// `interface.function`; `None` when the whole interface is at fault.
    pub(crate) function: Option<String>,
    pub(crate) detail: String,
}

/// What binds the two sides of a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binding {
    /// The consumer calls the provider.
    Call,
    /// The provider publishes, the consumer subscribes.
    Event,
}

/// Two services that export the same interface: which of them should be called?
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rivalry {
    pub(crate) interface: InterfaceName,
    pub(crate) other: ServiceName,
}

/// A live service that calls an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dependent {
    pub(crate) consumer: ServiceName,
    pub(crate) interface: InterfaceName,
    pub(crate) optional: bool,
}

impl Change<'_> {
    /// The interfaces that another service exports already.
    pub(crate) fn rivalries(&self) -> Vec<Rivalry> {
        let exports = self.after.contract.exports.iter().filter(|export| is_exclusive(export));
        exports
            .flat_map(|export| {
                let others = self.others.iter().filter(|other| {
                    other.contract.exports.iter().any(|theirs| rivals(export, theirs))
                });
                others.map(|other| Rivalry {
                    interface: export.name.clone(),
                    other: other.name.clone(),
                })
            })
            .collect()
    }

    /// Every call and every subscription that this change would break, in both directions.
    pub(crate) fn breaches(&self) -> Vec<Breach> {
        let mut breaches = self.own_calls();
        for consumer in self.others {
            breaches.extend(self.calls_of(consumer));
        }
        breaches.extend(events::breaches(self));
        breaches
    }

    /// Calls of other services that they can do without and that nobody would answer any more.
    pub(crate) fn optional_losses(&self) -> Vec<Dependent> {
        let Some(before) = self.before else { return Vec::new() };
        let lost = dependents(before, self.others).filter(|dependent| {
            dependent.optional && offer(&[self.after], &dependent.interface).is_none()
        });
        lost.collect()
    }

    /// What the changed service calls must fit what is there. What is not there, it waits for.
    fn own_calls(&self) -> Vec<Breach> {
        let mut providers = self.others.to_vec();
        // A service may call itself: the call goes to its live revision, and the depth of calls is
        // limited.
        providers.push(self.after);
        needed(self.after.contract)
            .filter(|import| !is_satisfied(import, &providers))
            .filter_map(|import| Some((import, offer(&providers, &import.name)?)))
            .flat_map(|(import, offer)| mismatches(self.after.name, import, offer))
            .collect()
    }

    /// What another service calls must still fit.
    fn calls_of(&self, consumer: &Party<'_>) -> Vec<Breach> {
        let needed = needed(consumer.contract);
        let broken = needed.filter(|import| {
            !is_satisfied(import, self.others) && !is_satisfied(import, &[self.after])
        });
        broken.flat_map(|import| self.breaches_of_call(consumer, import)).collect()
    }

    fn breaches_of_call(&self, consumer: &Party<'_>, import: &Interface) -> Vec<Breach> {
        let was_satisfied = self.before.is_some_and(|before| is_satisfied(import, &[before]));
        match offer(&[self.after], &import.name) {
            Some(offer) if was_satisfied || serves(offer.export, &import.name) => {
                mismatches(consumer.name, import, offer)
            }
            None if was_satisfied && !is_optional(consumer, &import.name) => {
                vec![Breach {
                    binding: Binding::Call,
                    consumer: consumer.name.clone(),
                    provider: self.after.name.clone(),
                    interface: import.name.clone(),
                    function: None,
                    detail: "the interface is not exported any more".into(),
                }]
            }
            _ => Vec::new(),
        }
    }
}

/// The services among `others` that call `provider` and find nobody else to call.
pub(crate) fn dependents<'a>(
    provider: Party<'a>,
    others: &'a [Party<'a>],
) -> impl Iterator<Item = Dependent> + 'a {
    others.iter().flat_map(move |consumer| {
        let calls = needed(consumer.contract).filter(move |import| {
            is_satisfied(import, &[provider]) && !is_satisfied(import, others)
        });
        calls.map(|import| Dependent {
            consumer: consumer.name.clone(),
            interface: import.name.clone(),
            optional: is_optional(consumer, &import.name),
        })
    })
}

/// The imports that another service has to provide.
pub(crate) fn needed(contract: &Contract) -> impl Iterator<Item = &Interface> {
    contract.service_imports().map(|(_, import)| import)
}

/// An export of the right name, whether it fits or not.
struct Offer<'a> {
    provider: &'a ServiceName,
    export: &'a Interface,
}

/// The best offer for an interface: one whose version serves it, else any.
fn offer<'a>(providers: &[Party<'a>], wanted: &InterfaceName) -> Option<Offer<'a>> {
    let offers = || {
        providers.iter().flat_map(|provider| {
            let exports = provider.contract.exports.iter();
            exports
                .filter(|export| export.name.same_interface(wanted))
                .map(|export| Offer { provider: provider.name, export })
        })
    };
    offers().find(|offer| serves(offer.export, wanted)).or_else(|| offers().next())
}

fn mismatches(consumer: &ServiceName, import: &Interface, offer: Offer<'_>) -> Vec<Breach> {
    let found = compat::satisfies(offer.export, import).err().unwrap_or_default();
    let breach = |mismatch: compat::Mismatch| Breach {
        binding: Binding::Call,
        consumer: consumer.clone(),
        provider: offer.provider.clone(),
        interface: import.name.clone(),
        function: mismatch.function,
        detail: mismatch.detail,
    };
    found.into_iter().map(breach).collect()
}

fn is_satisfied(import: &Interface, providers: &[Party<'_>]) -> bool {
    providers.iter().flat_map(|provider| &provider.contract.exports).any(|export| {
        export.name.same_interface(&import.name) && compat::satisfies(export, import).is_ok()
    })
}

fn is_optional(consumer: &Party<'_>, import: &InterfaceName) -> bool {
    consumer.optional.iter().any(|optional| optional.same_interface(import))
}

/// Whether only one service may export this interface.
fn is_exclusive(export: &Interface) -> bool {
    export.name.origin() == Origin::Service
        && !export.name.is_events()
        && !export.functions.is_empty()
}

/// Whether a consumer could be served by either. Versions that are incompatible are two interfaces.
fn rivals(a: &Interface, b: &Interface) -> bool {
    a.name.same_interface(&b.name) && (serves(a, &b.name) || serves(b, &a.name))
}

fn serves(export: &Interface, wanted: &InterfaceName) -> bool {
    compat::version_serves(export.name.version.as_ref(), wanted.version.as_ref())
}

impl Breach {
    /// For a problem document.
    pub(crate) fn mistake(&self) -> Mistake {
        Mistake::new(self.interface.to_string(), self.to_string())
    }

    /// For whoever forced the change.
    pub(crate) fn warning(&self) -> String {
        match self.binding {
            Binding::Call => format!("{self}; the call fails until this is mended"),
            Binding::Event => format!("{self}; such events fail until this is mended"),
        }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { binding, consumer, provider, interface, function, detail } = self;
        let does = match binding {
            Binding::Call => "calls",
            Binding::Event => "subscribes to",
        };
        match function {
            Some(function) => write!(f, "{consumer} {does} {function} of {provider}: {detail}"),
            None => write!(f, "{consumer} {does} {interface} of {provider}: {detail}"),
        }
    }
}

impl Dependent {
    /// For a problem document.
    pub(crate) fn mistake(&self) -> Mistake {
        Mistake::new(self.interface.to_string(), self.to_string())
    }

    /// For whoever made the change nevertheless.
    pub(crate) fn warning(&self) -> String {
        match self.optional {
            true => format!("{self}, which nobody provides any more; it goes on without"),
            false => format!("{self}, which nobody provides any more; it waits for it"),
        }
    }
}

impl fmt::Display for Dependent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} calls {}", self.consumer, self.interface)
    }
}

#[cfg(test)]
mod tests;
