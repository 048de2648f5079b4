//! Where one service may send requests to, after its manifest, its settings and the host's file.

use thali_contract::manifest::{OutboundSection, OutboundTarget, SettingKey};
use thali_contract::origin::{HttpOrigin, HttpUrl};

use super::private::PrivateTargets;
use crate::config::{Origin as SetBy, Settings};

/// An origin that a service may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The origin.
    pub origin: HttpOrigin,
    /// The setting that names it; `None` when the manifest does.
    pub setting: Option<SettingKey>,
    /// Whether an operator said that it may have an address that is not public.
    pub any_address: bool,
}

/// An origin that the manifest asks for and that only an operator can grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ungranted {
    /// The origin.
    pub origin: HttpOrigin,
    /// The setting whose default names it.
    pub setting: Option<SettingKey>,
    /// What its address is for.
    pub range: &'static str,
}

/// What a manifest asks for, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// What the service gets.
    pub granted: Vec<Grant>,
    /// What it does not get: addresses that are not public.
    pub ungranted: Vec<Ungranted>,
}

impl Grants {
    /// What `[outbound]` comes to on this host.
    ///
    /// A setting with an address that is not public counts when an operator has set it: that is the
    /// operator's word. A name that an operator sets still has to lead to public addresses, because who
    /// answers for the name may be somebody else.
    pub fn of(section: &OutboundSection, settings: &Settings, private: &PrivateTargets) -> Self {
        let mut grants = Self::default();
        for target in &section.allow {
            let Some((origin, setting, by_operator)) = resolve(target, settings) else { continue };
            let range = private.refuses_origin(&origin);
            let any_address = private.has(&origin) || (by_operator && range.is_some());
            match range {
                Some(range) if !any_address => {
                    grants.ungranted.push(Ungranted { origin, setting, range });
                }
                _ => grants.granted.push(Grant { origin, setting, any_address }),
            }
        }
        grants
    }
}

/// The origin, the setting that names it, and whether an operator has set that.
fn resolve(
    target: &OutboundTarget,
    settings: &Settings,
) -> Option<(HttpOrigin, Option<SettingKey>, bool)> {
    match target {
        OutboundTarget::Origin(origin) => Some((origin.clone(), None, false)),
        OutboundTarget::Setting(key) => {
            let (_, setting) = settings.config().find(|(name, _)| *name == key)?;
            // An empty setting names nothing, and one that is no URL was passed over before.
            let url = setting.value.parse::<HttpUrl>().ok()?;
            Some((url.origin, Some(key.clone()), setting.origin != SetBy::Manifest))
        }
    }
}

impl Ungranted {
    /// What is wrong, and the lines that set it right.
    pub fn detail(&self) -> String {
        let Self { origin, setting, range } = self;
        let grant = format!("[outbound] private = [\"{origin}\"]");
        match setting {
            None => format!(
                "{origin} is not a public address ({range}): an operator can grant it in thali.toml: {grant}"
            ),
            Some(key) => format!(
                "the default of the setting {key} is not a public address ({range}): an operator can \
                 set another, or grant it in thali.toml: {grant}"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use thali_contract::manifest::Manifest;

    use super::*;
    use crate::config::{Environment, Overrides};

    const MANIFEST: &str = "[service]\nname = \"payments\"\nversion = \"1.0.0\"\n\
        [config]\nprovider = \"https://pay.example/v1\"\n\
        [outbound]\nallow = [\"config:provider\"]";

    /// What comes of the setting `provider` when an operator sets it, and of its default otherwise.
    fn grants(set: Option<&str>, private: &[&str]) -> Grants {
        let manifest = Manifest::parse(MANIFEST).unwrap();
        let variable = |text: &str| ("THALI_CONFIG_PAYMENTS__PROVIDER".to_owned(), text.to_owned());
        let environment = Environment::new(set.map(variable));
        let settings = Overrides::new([].into(), environment).settings(&manifest);
        let private = private.iter().map(|target| target.parse().unwrap()).collect();
        Grants::of(&manifest.outbound.unwrap(), &settings, &PrivateTargets::new(private))
    }

    fn granted(set: Option<&str>, private: &[&str]) -> (String, bool) {
        let grants = grants(set, private);
        assert_eq!(grants.ungranted, []);
        let [grant] = &grants.granted[..] else { panic!("one grant, got {grants:?}") };
        (grant.origin.to_string(), grant.any_address)
    }

    #[test]
    fn an_address_that_an_operator_sets_is_granted_and_a_name_must_still_be_public() {
        assert_eq!(granted(None, &[]), ("https://pay.example".into(), false));
        let local = "http://127.0.0.1:9000/v1";
        assert_eq!(granted(Some(local), &[]), ("http://127.0.0.1:9000".into(), true));
        let local = "http://localhost:9000";
        assert_eq!(granted(Some(local), &[]), (local.into(), true));
        let name = "https://pay.internal";
        assert_eq!(granted(Some(name), &[]), (name.into(), false));
        assert_eq!(granted(Some(name), &[name]), (name.into(), true));
    }

    #[test]
    fn a_setting_that_names_nothing_grants_nothing() {
        assert_eq!(grants(Some(""), &[]), Grants::default());
        // What is no URL is passed over for the default, with a warning.
        assert_eq!(granted(Some("nonsense"), &[]).0, "https://pay.example");
    }
}
