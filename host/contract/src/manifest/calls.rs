//! `[calls]`: how a service calls others, and `[functions]`: how others may call it. The host's own file
//! says the same of calls in the same words.

use std::time::Duration;

use super::entries::{Entry, Keys, Reader, quoted};
use super::{SettingKey, pointer, units};
use crate::contract::{Contract, FunctionRef};
use crate::name::InterfaceName;
use crate::problem::Mistake;

const CALL: Keys = Keys {
    known: &["optional", "policy", "timeout", "retries", "breaker", "concurrency", "queue"],
    later: &[],
};
const OPERATOR: Keys = Keys {
    known: &["policy", "timeout", "retries", "breaker", "concurrency", "queue"],
    later: &[],
};
const POLICY: Keys =
    Keys { known: &["timeout", "retries", "breaker", "concurrency", "queue"], later: &[] };
const BREAKER: Keys =
    Keys { known: &["failures", "reset", "reset-max", "jitter-percent"], later: &[] };
const FUNCTIONS: Keys = Keys { known: &["idempotent"], later: &[] };

/// The longest pause of a breaker, and the longest time of a call: no request lasts longer.
const RESET_MAX: Duration = Duration::from_secs(24 * 3600);
const TIMEOUT_MAX: Duration = Duration::from_secs(3600);

/// The most retries of one call: each doubles the pause before it.
const RETRIES_MAX: u32 = 5;

/// One entry of `[calls]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallSpec {
    /// The imported interface; without a version it means every version.
    pub interface: InterfaceName,
    /// The service runs without a provider of it.
    pub optional: bool,
    /// How it is called.
    pub policy: PolicySpec,
    /// The line in the file, from 1.
    pub line: u32,
}

/// What is said of how calls are made. What is absent is for others to say, the host last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicySpec {
    /// `policy`: a policy of the host's file, which holds where nothing else is said here.
    pub policy: Option<SettingKey>,
    /// `timeout`: the longest time of one attempt.
    pub timeout: Option<Duration>,
    /// `retries`: attempts after the first one, 0 to 5.
    pub retries: Option<u32>,
    /// `breaker`
    pub breaker: BreakerSpec,
    /// `concurrency`: calls at the same time.
    pub concurrency: Option<u32>,
    /// `queue`: calls that may wait for those.
    pub queue: Option<u32>,
}

/// `breaker = { failures = 5, reset = "60s" }`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BreakerSpec {
    /// `failures`: failures in a row that open it.
    pub failures: Option<u32>,
    /// `reset`: how long it stays open before one call may probe.
    pub reset: Option<Duration>,
    /// `reset-max`: the longest that doubling leads to.
    pub reset_max: Option<Duration>,
    /// `jitter-percent`: the part of that time that is added at random.
    pub jitter_percent: Option<u32>,
}

/// A function that the manifest says something of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionSpec {
    /// The exported interface: its last name, or in full.
    pub interface: String,
    /// The function, kebab-case.
    pub function: String,
    /// The line in the file, from 1.
    pub line: u32,
}

impl CallSpec {
    /// Whether this entry speaks of `import`.
    pub fn names(&self, import: &InterfaceName) -> bool {
        self.interface.same_interface(import)
            && (self.interface.version.is_none() || self.interface.version == import.version)
    }
}

impl PolicySpec {
    /// What this says, and where it says nothing what `other` does. The name of a policy stays this one's.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        let BreakerSpec { failures, reset, reset_max, jitter_percent } = self.breaker;
        Self {
            policy: self.policy,
            timeout: self.timeout.or(other.timeout),
            retries: self.retries.or(other.retries),
            breaker: BreakerSpec {
                failures: failures.or(other.breaker.failures),
                reset: reset.or(other.breaker.reset),
                reset_max: reset_max.or(other.breaker.reset_max),
                jitter_percent: jitter_percent.or(other.breaker.jitter_percent),
            },
            concurrency: self.concurrency.or(other.concurrency),
            queue: self.queue.or(other.queue),
        }
    }

    /// Reads one `key = value` of a policy. Answers whether it is one.
    fn read(&mut self, reader: &mut Reader<'_>, entry: Entry<'_>) -> bool {
        match entry.key {
            "policy" => {
                self.policy =
                    reader.parsed(entry, |text| text.parse().map_err(|_| no_policy(text)));
            }
            "timeout" => self.timeout = duration(reader, entry, TIMEOUT_MAX),
            "retries" => self.retries = reader.integer(entry, 0..=RETRIES_MAX),
            "breaker" => self.breaker = breaker(reader, entry),
            "concurrency" => self.concurrency = reader.integer(entry, 1..=1_000_000),
            "queue" => self.queue = reader.integer(entry, 0..=1_000_000),
            _ => return false,
        }
        true
    }
}

/// `[calls]` of a manifest.
pub(super) fn calls(reader: &mut Reader<'_>, section: Entry<'_>) -> Vec<CallSpec> {
    let entries = reader.table(section).unwrap_or_default();
    entries.into_iter().filter_map(|entry| call(reader, entry)).collect()
}

fn call(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<CallSpec> {
    let interface = interface(reader, entry);
    let (mut optional, mut policy) = (None, PolicySpec::default());
    for member in reader.table(entry).unwrap_or_default() {
        if member.key == "optional" {
            optional = reader.bool(member);
        } else if !policy.read(reader, member) {
            reader.unknown(member, &CALL);
        }
    }
    let line = reader.line(entry.at);
    Some(CallSpec { interface: interface?, optional: optional.unwrap_or(false), policy, line })
}

/// One entry of `[services.NAME.calls]` of the host's file.
pub fn operators_word(
    reader: &mut Reader<'_>,
    entry: Entry<'_>,
) -> Option<(InterfaceName, PolicySpec)> {
    let interface = interface(reader, entry);
    let mut policy = PolicySpec::default();
    for member in reader.table(entry)? {
        if !policy.read(reader, member) {
            reader.unknown(member, &OPERATOR);
        }
    }
    Some((interface?, policy))
}

/// One entry of `[policies]` of the host's file. It names no other.
pub fn named_policy(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<(SettingKey, PolicySpec)> {
    let name = entry.key.parse::<SettingKey>();
    let name = name.map_err(|_| reader.mistake(entry.at, no_policy(entry.key))).ok();
    let mut policy = PolicySpec::default();
    for member in reader.table(entry)? {
        if member.key == "policy" || !policy.read(reader, member) {
            reader.unknown(member, &POLICY);
        }
    }
    Some((name?, policy))
}

fn interface(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<InterfaceName> {
    let name = entry.key.parse::<InterfaceName>();
    name.map_err(|error| reader.mistake(entry.at, error.to_string())).ok()
}

fn breaker(reader: &mut Reader<'_>, section: Entry<'_>) -> BreakerSpec {
    let mut breaker = BreakerSpec::default();
    for entry in reader.table(section).unwrap_or_default() {
        match entry.key {
            "failures" => breaker.failures = reader.integer(entry, 1..=10_000),
            "reset" => breaker.reset = duration(reader, entry, RESET_MAX),
            "reset-max" => breaker.reset_max = duration(reader, entry, RESET_MAX),
            "jitter-percent" => breaker.jitter_percent = reader.integer(entry, 0..=100),
            _ => reader.unknown(entry, &BREAKER),
        }
    }
    if let (Some(reset), Some(reset_max)) = (breaker.reset, breaker.reset_max)
        && reset > reset_max
    {
        reader.mistake(section.at, "\"reset\" is longer than \"reset-max\"");
    }
    breaker
}

fn duration(reader: &mut Reader<'_>, entry: Entry<'_>, max: Duration) -> Option<Duration> {
    reader.parsed(entry, |text| {
        let time = units::duration(text).filter(|time| *time <= max);
        let hours = max.as_secs() / 3600;
        time.ok_or_else(|| {
            let text = quoted(text);
            format!("{text} is not a time of at most {hours}h: write it like \"800ms\" or \"60s\"")
        })
    })
}

fn no_policy(text: &str) -> String {
    format!(
        "{} is not the name of a policy: write lower-case words joined by hyphens",
        quoted(text)
    )
}

/// `[functions]`: `idempotent = ["charging.find"]`
pub(super) fn idempotent(reader: &mut Reader<'_>, section: Entry<'_>) -> Vec<FunctionSpec> {
    let mut idempotent = Vec::new();
    for entry in reader.table(section).unwrap_or_default() {
        if entry.key != "idempotent" {
            reader.unknown(entry, &FUNCTIONS);
            continue;
        }
        for name in reader.strings(entry).unwrap_or_default() {
            match name.rsplit_once('.').filter(|(i, f)| !i.is_empty() && !f.is_empty()) {
                Some((interface, function)) => idempotent.push(FunctionSpec {
                    interface: interface.to_owned(),
                    function: function.to_owned(),
                    line: reader.line(entry.at),
                }),
                None => {
                    let detail =
                        format!("{} is not a function: write interface.function", quoted(&name));
                    reader.mistake(entry.at, detail);
                }
            }
        }
    }
    idempotent
}

/// The functions that `[functions]` says are idempotent.
///
/// # Errors
///
/// Every name that is no exported function, with its line.
pub fn idempotent_functions(
    specs: &[FunctionSpec],
    contract: &Contract,
) -> Result<Vec<FunctionRef>, Vec<Mistake>> {
    let (mut found, mut mistakes) = (Vec::new(), Vec::new());
    for spec in specs {
        match contract.find(&spec.interface, &spec.function) {
            Some(at) => found.push(at),
            None => mistakes.push(Mistake::new(pointer(spec.line), not_exported(spec, contract))),
        }
    }
    if mistakes.is_empty() { Ok(found) } else { Err(mistakes) }
}

fn not_exported(spec: &FunctionSpec, contract: &Contract) -> String {
    let name = format!("{}.{}", spec.interface, spec.function);
    let functions = contract.exports.iter().flat_map(|export| {
        let interface = &export.name.interface;
        export.functions.iter().map(move |function| format!("{interface}.{}", function.name))
    });
    let known: Vec<_> = functions.collect();
    let hint = super::hint(&name, known.iter().map(String::as_str));
    format!("the component does not export {name}{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Manifest;

    fn parse(text: &str) -> Result<Manifest, Vec<String>> {
        let text = format!("[service]\nname = \"a\"\nversion = \"1.0.0\"\n{text}");
        Manifest::parse(&text).map_err(|all| all.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_whole_policy_is_understood() {
        let manifest = parse(
            "[calls.\"thali:payments/charging\"]\noptional = true\npolicy = \"strict\"\n\
             timeout = \"800ms\"\nretries = 0\nconcurrency = 16\nqueue = 0\n\
             breaker = { failures = 5, reset = \"60s\", reset-max = \"10m\", jitter-percent = 0 }\n\
             [functions]\nidempotent = [\"charging.find\", \"thali:a/charging@1.0.0.charge\"]\n",
        )
        .unwrap();
        let expected = PolicySpec {
            policy: Some("strict".parse().unwrap()),
            timeout: Some(Duration::from_millis(800)),
            retries: Some(0),
            breaker: BreakerSpec {
                failures: Some(5),
                reset: Some(Duration::from_secs(60)),
                reset_max: Some(Duration::from_secs(600)),
                jitter_percent: Some(0),
            },
            concurrency: Some(16),
            queue: Some(0),
        };
        assert_eq!((&manifest.calls[0].policy, manifest.calls[0].optional), (&expected, true));
        assert_eq!(manifest.idempotent[1].interface, "thali:a/charging@1.0.0");
        assert_eq!(manifest.idempotent[1].function, "charge");
    }

    #[test]
    fn what_is_said_holds_and_the_rest_is_for_others_to_say() {
        let said = PolicySpec { retries: Some(0), ..PolicySpec::default() };
        let other = PolicySpec {
            policy: Some("strict".parse().unwrap()),
            retries: Some(3),
            queue: Some(7),
            ..PolicySpec::default()
        };
        let both = said.or(&other);
        assert_eq!((both.policy, both.retries, both.queue), (None, Some(0), Some(7)));
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let mistakes = parse(
            "[calls.\"a:b/c\"]\npolicy = \"Strict\"\ntimeout = \"2h\"\nretries = 6\n\
             concurrency = 0\nqueu = 1\n\
             breaker = { failures = 0, reset = \"1m\", reset-max = \"1s\", jitter = 1 }\n\
             [functions]\nidempotent = [\"find\"]\nsafe = []\n",
        );
        assert_eq!(
            mistakes.unwrap_err(),
            [
                "service.toml:5: \"Strict\" is not the name of a policy: write lower-case words joined by \
                 hyphens",
                "service.toml:6: \"2h\" is not a time of at most 1h: write it like \"800ms\" or \"60s\"",
                "service.toml:7: \"retries\" must be 0 to 5, got 6",
                "service.toml:8: \"concurrency\" must be 1 to 1000000, got 0",
                "service.toml:9: unknown key \"queu\"; did you mean \"queue\"?",
                "service.toml:10: \"reset\" is longer than \"reset-max\"",
                "service.toml:10: \"failures\" must be 1 to 10000, got 0",
                "service.toml:10: unknown key \"jitter\": expected failures, reset, reset-max, \
                 jitter-percent",
                "service.toml:12: \"find\" is not a function: write interface.function",
                "service.toml:13: unknown key \"safe\": expected idempotent",
            ]
        );
    }

    #[test]
    fn only_functions_that_are_exported_can_be_idempotent() {
        let manifest = parse("[functions]\nidempotent = [\"charging.fnd\"]\n").unwrap();
        let mistakes = idempotent_functions(&manifest.idempotent, &Contract::default());
        let mistakes: Vec<_> = mistakes.unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(mistakes, ["service.toml:5: the component does not export charging.fnd"]);
    }
}
