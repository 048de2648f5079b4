//! How services call each other: what operators say, what manifests say, and what holds otherwise.
//!
//! Who says it later in this list says it louder: the host's own defaults, `[policies.default]` of the
//! host's file, the policy that the manifest names, the manifest, the policy that the operator names for
//! these calls, the operator.

use std::collections::BTreeMap;

use thali_contract::contract::Contract;
use thali_contract::manifest::{CallSpec, Manifest, PolicySpec, SettingKey};
use thali_contract::name::{InterfaceName, ServiceName};
use thali_contract::problem::Mistake;
use thali_runtime::{BreakerPolicy, CallPolicies, CallPolicy};

/// The policy that holds for every call, where nobody says anything else.
const DEFAULT: &str = "default";

/// What operators say of calls between services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policies {
    /// `[policies.NAME]`. The one called `default` holds for every call.
    pub named: BTreeMap<SettingKey, PolicySpec>,
    /// `[services.NAME.calls]`
    pub services: BTreeMap<ServiceName, Vec<(InterfaceName, PolicySpec)>>,
}

impl Policies {
    /// How a service calls others.
    pub(crate) fn of(&self, manifest: &Manifest, contract: &Contract) -> CallPolicies {
        let imports = contract.service_imports().map(|(_, import)| &import.name);
        let named = imports.map(|import| (import.clone(), policy(self.spec(manifest, import))));
        CallPolicies::new(policy(self.usual()), named.collect())
    }

    /// Every policy that a manifest names and this host does not have.
    pub(crate) fn check(&self, manifest: &Manifest) -> Result<(), Vec<Mistake>> {
        let mistakes: Vec<_> =
            manifest.calls.iter().filter_map(|call| self.missing(call)).collect();
        if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
    }

    /// What operators say of calls that the service does not make.
    pub(crate) fn idle(&self, manifest: &Manifest, contract: &Contract) -> Vec<String> {
        let name = &manifest.service.name;
        let overrides = self.services.get(name).map_or(&[][..], Vec::as_slice);
        let is_made = |interface: &InterfaceName| {
            contract.service_imports().any(|(_, import)| speaks_of(interface, &import.name))
        };
        let idle = overrides.iter().filter(|(interface, _)| !is_made(interface));
        let warning = |(interface, _): &(InterfaceName, PolicySpec)| {
            format!(
                "[services.{name}.calls] says how it calls {interface}, which it does not import"
            )
        };
        idle.map(warning).collect()
    }

    fn missing(&self, call: &CallSpec) -> Option<Mistake> {
        let name = call.policy.policy.as_ref().filter(|name| !self.named.contains_key(*name))?;
        let known: Vec<_> = self.named.keys().map(SettingKey::as_str).collect();
        let known = match known[..] {
            [] => "none".to_owned(),
            _ => known.join(", "),
        };
        Some(Mistake::new(
            format!("service.toml:{}", call.line),
            format!(
                "this host has no policy {:?}: add [policies.{name}] to its thali.toml, or name one of \
                 those it has: {known}",
                name.as_str()
            ),
        ))
    }

    fn spec(&self, manifest: &Manifest, import: &InterfaceName) -> PolicySpec {
        let overrides = self.services.get(&manifest.service.name).map_or(&[][..], Vec::as_slice);
        let operator = overrides.iter().find(|(interface, _)| speaks_of(interface, import));
        let operator = operator.map(|(_, spec)| spec.clone()).unwrap_or_default();
        let own = manifest.calls.iter().find(|call| call.names(import));
        let own = own.map(|call| call.policy.clone()).unwrap_or_default();
        let (by_operator, by_manifest) = (self.named(&operator), self.named(&own));
        operator.or(&by_operator).or(&own).or(&by_manifest).or(&self.usual())
    }

    /// The policy that a specification names. One that is gone from the host's file since the deploy says
    /// nothing.
    fn named(&self, spec: &PolicySpec) -> PolicySpec {
        let named = spec.policy.as_ref().and_then(|name| self.named.get(name));
        named.cloned().unwrap_or_default()
    }

    fn usual(&self) -> PolicySpec {
        self.named.get(DEFAULT).cloned().unwrap_or_default()
    }
}

fn speaks_of(interface: &InterfaceName, import: &InterfaceName) -> bool {
    interface.same_interface(import)
        && (interface.version.is_none() || interface.version == import.version)
}

/// What a specification comes to.
fn policy(spec: PolicySpec) -> CallPolicy {
    let usual = CallPolicy::default();
    let breaker = usual.breaker;
    let reset = spec.breaker.reset.unwrap_or(breaker.reset);
    CallPolicy {
        timeout: spec.timeout.or(usual.timeout),
        retries: spec.retries.unwrap_or(usual.retries),
        breaker: BreakerPolicy {
            failures: spec.breaker.failures.unwrap_or(breaker.failures),
            reset,
            reset_max: spec.breaker.reset_max.unwrap_or(breaker.reset_max).max(reset),
            jitter_percent: spec.breaker.jitter_percent.unwrap_or(breaker.jitter_percent),
        },
        concurrency: spec.concurrency.or(usual.concurrency),
        queue: spec.queue.or(usual.queue),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use thali_contract::contract::Interface;

    use super::*;

    const IMPORT: &str = "thali:payments/charging@1.0.0";

    fn contract() -> Contract {
        let interface = |name: &str| Interface {
            name: name.parse().unwrap(),
            docs: None,
            functions: Vec::new(),
            resources: Vec::new(),
        };
        let imports = [IMPORT, "thali:delivery/dispatch@1.0.0"];
        Contract { exports: Vec::new(), imports: imports.map(interface).into() }
    }

    fn manifest(calls: &str) -> Manifest {
        let text = format!("[service]\nname = \"orders\"\nversion = \"1.0.0\"\n{calls}");
        Manifest::parse(&text).unwrap()
    }

    fn retries(count: u32) -> PolicySpec {
        PolicySpec { retries: Some(count), ..PolicySpec::default() }
    }

    fn resolved(policies: &Policies, calls: &str) -> CallPolicy {
        policies.of(&manifest(calls), &contract()).of(&IMPORT.parse().unwrap()).clone()
    }

    #[test]
    fn whoever_speaks_last_is_heard() {
        let mut policies = Policies::default();
        let own = "[calls.\"thali:payments/charging\"]\npolicy = \"strict\"\n";
        let louder = format!("{own}retries = 4\n");
        assert_eq!(resolved(&policies, ""), CallPolicy::default());
        policies.named.insert("default".parse().unwrap(), retries(1));
        assert_eq!(resolved(&policies, "").retries, 1);
        let strict = PolicySpec { queue: Some(9), ..retries(3) };
        policies.named.insert("strict".parse().unwrap(), strict);
        assert_eq!(resolved(&policies, own).retries, 3);
        assert_eq!(resolved(&policies, &louder).retries, 4);
        let import = "thali:payments/charging".parse().unwrap();
        policies.named.insert("lax".parse().unwrap(), retries(5));
        let lax = PolicySpec { policy: Some("lax".parse().unwrap()), ..PolicySpec::default() };
        policies.services.insert("orders".parse().unwrap(), vec![(import, lax.clone())]);
        assert_eq!(resolved(&policies, &louder).retries, 5);
        let import = "thali:payments/charging".parse().unwrap();
        let lax = PolicySpec { retries: Some(0), ..lax };
        policies.services.insert("orders".parse().unwrap(), vec![(import, lax)]);
        let policy = resolved(&policies, &louder);
        assert_eq!((policy.retries, policy.queue), (0, Some(9)), "and the rest still holds");
    }

    #[test]
    fn a_pause_is_never_longer_than_the_longest() {
        let calls = "[calls.\"thali:payments/charging\"]\nbreaker = { reset = \"10m\" }\n";
        let breaker = resolved(&Policies::default(), calls).breaker;
        assert_eq!((breaker.reset, breaker.reset_max), (Duration::from_secs(600), breaker.reset));
    }

    #[test]
    fn a_policy_that_the_host_does_not_have_is_named_with_its_line() {
        let mut policies = Policies::default();
        policies.named.insert("lax".parse().unwrap(), retries(5));
        let calls = "[calls.\"thali:payments/charging\"]\npolicy = \"strict\"\n";
        let mistakes = policies.check(&manifest(calls)).unwrap_err();
        let expected = "service.toml:4: this host has no policy \"strict\": add [policies.strict] to its \
                        thali.toml, or name one of those it has: lax";
        assert_eq!(mistakes.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
    }

    #[test]
    fn what_is_said_of_calls_that_are_not_made_is_warned_of() {
        let mut policies = Policies::default();
        let overrides = ["thali:payments/charging", "thali:payments/charging@2.0.0"];
        let overrides = overrides.map(|name| (name.parse().unwrap(), retries(0)));
        policies.services.insert("orders".parse().unwrap(), overrides.into());
        let warnings = policies.idle(&manifest(""), &contract());
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("thali:payments/charging@2.0.0"));
    }
}
