//! `[identity]`: which services may make tokens.

use thali_contract::access::Scope;
use thali_contract::manifest::entries::{Entry, Keys};
use thali_contract::name::ServiceName;
use thali_platform::identity::MintGrants;

use super::Tables;

const IDENTITY: Keys = Keys { known: &["mint"], later: &[] };

impl Tables<'_, '_> {
    /// `mint = { users = ["orders:read"] }`: the scopes that each service may give, at most.
    pub(super) fn identity(&mut self, section: Entry<'_>) -> MintGrants {
        let mut grants = MintGrants::new();
        for entry in self.reader.table(section).unwrap_or_default() {
            match entry.key {
                "mint" => {
                    let services = self.reader.table(entry).unwrap_or_default();
                    grants.extend(services.into_iter().filter_map(|entry| self.grant(entry)));
                }
                _ => self.reader.unknown(entry, &IDENTITY),
            }
        }
        grants
    }

    fn grant(&mut self, entry: Entry<'_>) -> Option<(ServiceName, Vec<Scope>)> {
        let name = entry.key.parse::<ServiceName>();
        let name = name.map_err(|error| self.reader.mistake(entry.at, error.to_string()));
        let scopes = self.reader.strings(entry)?;
        let parsed: Result<Vec<Scope>, _> = scopes.iter().map(|scope| scope.parse()).collect();
        let scopes = parsed.map_err(|error| self.reader.mistake(entry.at, error.to_string()));
        Some((name.ok()?, scopes.ok()?))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::HostFile;

    fn parse(text: &str) -> Result<HostFile, Vec<String>> {
        HostFile::parse("thali.toml", text, Path::new(""))
            .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn grants_name_services_and_scopes() {
        let file = parse("[identity]\nmint = { users = [\"a\", \"b:c\"], guests = [] }\n").unwrap();
        assert_eq!(file.identity["users"].len(), 2);
        assert!(file.identity["guests"].is_empty());
        let mistakes = parse(
            "[identity]\nmints = 1\n[identity.mint]\nUsers = []\nusers = [\"a b\"]\nothers = 1\n",
        )
        .unwrap_err();
        let says = [
            ":2: unknown key \"mints\"",
            ":4: \"Users\" is not",
            ":5: \"a b\" is not a scope",
            ":6: ",
        ];
        assert_eq!(mistakes.len(), says.len(), "{mistakes:?}");
        for (mistake, says) in mistakes.iter().zip(says) {
            assert!(mistake.contains(says), "{mistake}");
        }
    }
}
