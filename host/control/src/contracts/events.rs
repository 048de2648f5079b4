//! Whether publishers and subscribers understand each other.

use thali_contract::compat;
use thali_contract::events::Topic;

use super::{Binding, Breach, Change, Party};

/// Every event that could not be delivered after the change: what the changed service publishes, and
/// what it subscribes to, itself included.
pub(super) fn breaches(change: &Change<'_>) -> Vec<Breach> {
    let changed = change.after;
    let mut breaches = of_pair(changed, changed);
    for other in change.others {
        breaches.extend(of_pair(changed, *other));
        breaches.extend(of_pair(*other, changed));
    }
    breaches
}

fn of_pair(publisher: Party<'_>, subscriber: Party<'_>) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (_, import) in publisher.contract.publishes() {
        let topic = Topic::of(&import.name);
        let exports = subscriber.contract.subscribes().map(|(_, export)| export);
        for export in exports.filter(|export| Topic::of(&export.name) == topic) {
            let found = compat::hears(export, import).err().unwrap_or_default();
            breaches.extend(found.into_iter().map(|mismatch| Breach {
                binding: Binding::Event,
                consumer: subscriber.name.clone(),
                provider: publisher.name.clone(),
                interface: import.name.clone(),
                function: mismatch.function,
                detail: mismatch.detail,
            }));
        }
    }
    breaches
}
