//! `[policies]` and `[services.NAME.calls]`: how services call each other.

use std::collections::BTreeMap;

use thali_contract::manifest::calls::{named_policy, operators_word};
use thali_contract::manifest::entries::Entry;
use thali_contract::manifest::{PolicySpec, SettingKey};
use thali_contract::name::{InterfaceName, ServiceName};
use thali_control::Policies;

use super::Tables;

/// What is said of the calls of one service to one interface.
pub(super) struct CallTable {
    service: ServiceName,
    interface: InterfaceName,
    policy: PolicySpec,
    /// Where it is said, in bytes.
    at: usize,
}

impl Tables<'_, '_> {
    pub(super) fn policies(&mut self, section: Entry<'_>) -> BTreeMap<SettingKey, PolicySpec> {
        let entries = self.reader.table(section).unwrap_or_default();
        entries.into_iter().filter_map(|entry| named_policy(self.reader, entry)).collect()
    }

    /// Keeps what is said until all policies are known.
    pub(super) fn calls(&mut self, section: Entry<'_>, service: Option<&ServiceName>) {
        for entry in self.reader.table(section).unwrap_or_default() {
            let word = operators_word(self.reader, entry);
            if let (Some(service), Some((interface, policy))) = (service, word) {
                let (service, at) = (service.clone(), entry.at);
                self.calls.push(CallTable { service, interface, policy, at });
            }
        }
    }

    /// Gives what was kept to the policies.
    pub(super) fn give_calls(&mut self, policies: &mut Policies) {
        for CallTable { service, interface, policy, at } in std::mem::take(&mut self.calls) {
            if let Some(name) = &policy.policy
                && !policies.named.contains_key(name)
            {
                self.reader
                    .mistake(at, format!("there is no policy \"{name}\": add [policies.{name}]"));
            }
            policies.services.entry(service).or_default().push((interface, policy));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::super::HostFile;

    fn parse(text: &str) -> Result<HostFile, Vec<String>> {
        HostFile::parse("thali.toml", text, Path::new("/etc/thali"))
            .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn policies_and_what_is_said_of_a_services_calls_are_understood_in_any_order() {
        let file = parse(
            "[services.orders.calls.\"thali:payments/charging\"]\npolicy = \"strict\"\nretries = 0\n\
             [policies.default]\ntimeout = \"2s\"\n[policies.strict]\nbreaker = { failures = 1 }\n",
        )
        .unwrap();
        let (interface, policy) = &file.policies.services["orders"][0];
        assert_eq!(interface.to_string(), "thali:payments/charging");
        assert_eq!((policy.retries, policy.policy.as_ref().unwrap().as_str()), (Some(0), "strict"));
        assert_eq!(file.policies.named["default"].timeout, Some(Duration::from_secs(2)));
        assert_eq!(file.policies.named["strict"].breaker.failures, Some(1));
    }

    #[test]
    fn a_policy_that_is_not_there_and_one_that_names_another_are_mistakes() {
        let mistakes = parse(
            "[services.orders.calls.\"thali:payments/charging\"]\npolicy = \"strict\"\n\
             [policies.Lax]\n[policies.lax]\npolicy = \"strict\"\n",
        );
        assert_eq!(
            mistakes.unwrap_err(),
            [
                "thali.toml:1: there is no policy \"strict\": add [policies.strict]",
                "thali.toml:3: \"Lax\" is not the name of a policy: write lower-case words joined by hyphens",
                "thali.toml:5: unknown key \"policy\": expected timeout, retries, breaker, concurrency, queue",
            ]
        );
    }
}
