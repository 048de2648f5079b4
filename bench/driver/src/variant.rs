//! Components made from built ones: under another name, with other limits, or as another build.

use anyhow::{Context, Result, bail};
use thali_contract::pack::{Parts, pack};

/// The text in the echo component that says which build it is.
const BUILD: &str = "thali-bench-build-000000";

/// How the names of its interfaces begin.
const PACKAGE: &str = "bench:echo/";

/// A packed component and what was packed into it.
pub(crate) struct Built {
    component: Vec<u8>,
    parts: Parts,
}

impl Built {
    pub(crate) fn new(component: Vec<u8>, parts: Parts) -> Self {
        Self { component, parts }
    }

    /// The bytes as they were built.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.component
    }

    /// With instances that are used again.
    pub(crate) fn reused(&self) -> Result<Vec<u8>> {
        self.with_manifest(format!("{}\n[limits]\nreuse = 1000\n", self.parts.manifest))
    }

    /// As a service of another name, with a contract and paths of its own: no two services export the
    /// same interface. Only of the echo component.
    pub(crate) fn renamed(&self, number: usize) -> Result<Vec<u8>> {
        let manifest = &self.parts.manifest;
        let renamed = manifest
            .replace("name = \"bench-echo\"", &format!("name = \"bench-echo-{number}\""))
            .replace(" /bench/", &format!(" /bench/{number}/"));
        if renamed == *manifest {
            bail!("the manifest of bench-echo does not look as expected:\n{manifest}");
        }
        let component = self.with_manifest(renamed)?;
        // Of the same length, so that every name stays where it is.
        replaced(component, PACKAGE, &format!("bench:e{number:03}/"))
    }

    /// As another build: the same code but for the number that it answers.
    pub(crate) fn rebuilt(&self, number: u32) -> Result<Vec<u8>> {
        replaced(self.component.clone(), BUILD, &build_text(number))
    }

    fn with_manifest(&self, manifest: String) -> Result<Vec<u8>> {
        let parts = Parts { manifest, ..self.parts.clone() };
        pack(&self.component, &parts).context("the component cannot be packed again")
    }
}

/// What a build answers about itself.
pub(crate) fn build_text(number: u32) -> String {
    format!("{}{number:06}", BUILD.trim_end_matches('0'))
}

/// Writes `new` over every `old`.
fn replaced(mut bytes: Vec<u8>, old: &str, new: &str) -> Result<Vec<u8>> {
    if old.len() != new.len() {
        bail!("{new:?} is not as long as {old:?}");
    }
    let windows = bytes.windows(old.len()).enumerate();
    let found: Vec<usize> =
        windows.filter(|(_, window)| *window == old.as_bytes()).map(|(at, _)| at).collect();
    if found.is_empty() {
        bail!("the echo component does not hold {old:?}");
    }
    for at in found {
        bytes.iter_mut().skip(at).zip(new.bytes()).for_each(|(byte, new)| *byte = new);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_occurrence_is_replaced_in_place() {
        let bytes = b"1 bench:echo/items bench:echo/orders".to_vec();
        let new = replaced(bytes, PACKAGE, "bench:e042/").unwrap();
        assert_eq!(new, b"1 bench:e042/items bench:e042/orders");
        assert!(replaced(new, PACKAGE, "bench:e042/").is_err());
        assert_eq!(build_text(0), BUILD);
        assert_eq!(build_text(17).len(), BUILD.len());
    }
}
