//! Whether what a provider exports serves what a consumer imports: semver plus structure.
//!
//! A provider of `1.3.0` serves a consumer of `1.1.0` when every function that the consumer imports is
//! there with equal types. Names of types do not count, names of fields, cases and parameters do.

mod difference;

#[cfg(test)]
mod tests;

use std::fmt;

use semver::{Comparator, Op, Version};

use crate::contract::{Function, Interface};
use difference::difference;

/// Why an export does not serve an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// `interface.function`; `None` when the whole interface does not fit.
    pub function: Option<String>,
    /// What the consumer expects and what the provider has.
    pub detail: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.function {
            Some(function) => write!(f, "{function}: {}", self.detail),
            None => f.write_str(&self.detail),
        }
    }
}

/// Whether the export `provider` serves the import `consumer`.
///
/// # Errors
///
/// Everything that does not fit.
pub fn satisfies(provider: &Interface, consumer: &Interface) -> Result<(), Vec<Mismatch>> {
    let whole = |detail: String| Err(vec![Mismatch { function: None, detail }]);
    if !provider.name.same_interface(&consumer.name)
        || !version_serves(provider.name.version.as_ref(), consumer.name.version.as_ref())
    {
        let detail = format!("consumer expects {}, provider has {}", consumer.name, provider.name);
        return whole(detail);
    }
    if let Some(resource) = consumer.resources.first() {
        return whole(format!(
            "{} has the resource {resource}, and resources cannot cross from one service to another",
            consumer.name
        ));
    }
    let mismatches: Vec<_> = consumer
        .functions
        .iter()
        .filter_map(|expected| {
            let had = provider.functions.iter().find(|function| function.name == expected.name);
            let detail = compare(expected, had)?;
            let function = Some(format!("{}.{}", consumer.name.interface, expected.name));
            Some(Mismatch { function, detail })
        })
        .collect();
    if mismatches.is_empty() { Ok(()) } else { Err(mismatches) }
}

/// Whether a subscriber that exports `subscriber` can be told what a publisher that imports `publisher`
/// announces. Functions that both have must have equal types. Either may have some that the other does
/// not: a component's import has only what it uses, and a subscriber need not listen to everything.
///
/// # Errors
///
/// Every function that differs. The publisher is the provider of the event, the subscriber consumes it.
pub fn hears(subscriber: &Interface, publisher: &Interface) -> Result<(), Vec<Mismatch>> {
    let shared = subscriber.functions.iter().filter_map(|expected| {
        let had = publisher.functions.iter().find(|function| function.name == expected.name)?;
        let detail = compare(expected, Some(had))?;
        let function = Some(format!("{}.{}", subscriber.name.interface, expected.name));
        Some(Mismatch { function, detail })
    });
    let mismatches: Vec<_> = shared.collect();
    if mismatches.is_empty() { Ok(()) } else { Err(mismatches) }
}

/// Whether a provider of one version serves consumers of another: the same or a newer one that is
/// compatible by semver. An interface without a version is served by one without a version.
pub fn version_serves(provider: Option<&Version>, consumer: Option<&Version>) -> bool {
    match (provider, consumer) {
        (None, None) => true,
        (Some(provider), Some(consumer)) => Comparator {
            op: Op::Caret,
            major: consumer.major,
            minor: Some(consumer.minor),
            patch: Some(consumer.patch),
            pre: consumer.pre.clone(),
        }
        .matches(provider),
        _ => false,
    }
}

/// What keeps the provider's function from serving as the consumer's.
fn compare(expected: &Function, had: Option<&Function>) -> Option<String> {
    let Some(had) = had else {
        return Some(format!(
            "consumer expects {}, provider has no such function",
            signature(expected)
        ));
    };
    if opaque(expected) || opaque(had) {
        return Some(format!(
            "{} holds a resource, stream or future, which cannot cross from one service to another",
            signature(if opaque(expected) { expected } else { had })
        ));
    }
    let first = first_difference(expected, had)?;
    Some(format!(
        "consumer expects {}, provider has {} ({first})",
        signature(expected),
        signature(had)
    ))
}

/// The first part of the signatures that differs.
fn first_difference(expected: &Function, had: &Function) -> Option<String> {
    if expected.is_async != had.is_async {
        return Some(one_sided("async", expected.is_async));
    }
    let names = |function: &Function| -> Vec<String> {
        function.params.iter().map(|param| param.name.clone()).collect()
    };
    let (wanted, there) = (names(expected), names(had));
    if wanted != there {
        let list = |names: &[String]| format!("({})", names.join(", "));
        return Some(format!(
            "parameters: consumer expects {}, provider has {}",
            list(&wanted),
            list(&there)
        ));
    }
    let params = expected.params.iter().zip(&had.params);
    for (wanted, there) in params {
        if let Some(found) = difference(&wanted.name, &wanted.ty, &there.ty) {
            return Some(found);
        }
    }
    match (&expected.result, &had.result) {
        (Some(wanted), Some(there)) => difference("result", wanted, there),
        (None, None) => None,
        (wanted, _) => Some(one_sided("a result", wanted.is_some())),
    }
}

fn one_sided(what: &str, consumer_has: bool) -> String {
    match consumer_has {
        true => format!("consumer expects {what}, provider has none"),
        false => format!("consumer expects no {}, provider has one", what.trim_start_matches("a ")),
    }
}

fn opaque(function: &Function) -> bool {
    let params = function.params.iter().map(|param| &param.ty);
    params.chain(&function.result).any(|ty| ty.opaque().is_some())
}

/// The function as WIT writes it: `func(lines: list<line>) -> result<quote, error>`.
pub fn signature(function: &Function) -> String {
    let params: Vec<_> =
        function.params.iter().map(|param| format!("{}: {}", param.name, param.ty)).collect();
    let prefix = if function.is_async { "async " } else { "" };
    let params = params.join(", ");
    match &function.result {
        Some(result) => format!("{prefix}func({params}) -> {result}"),
        None => format!("{prefix}func({params})"),
    }
}
