//! The workspace that a new service becomes a member of.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::NewError;
use super::error::io;

/// A cargo workspace with the contracts of the platform.
#[derive(Debug)]
pub(super) struct Workspace {
    pub(super) root: PathBuf,
    text: String,
    members: Spanned<Vec<Spanned<String>>>,
}

#[derive(Deserialize)]
struct CargoToml {
    workspace: Option<Table>,
}

#[derive(Deserialize)]
struct Table {
    members: Option<Spanned<Vec<Spanned<String>>>>,
    #[serde(default)]
    dependencies: BTreeMap<String, toml::Value>,
}

impl Workspace {
    /// The workspace around a folder, if it is one for services: it has the contracts of the platform in
    /// `wit/platform`, and the generator of bindings among its dependencies.
    pub(super) fn around(dir: &Path) -> Result<Option<Self>, NewError> {
        for root in dir.ancestors() {
            let path = root.join("Cargo.toml");
            if !path.is_file() {
                continue;
            }
            let text = fs::read_to_string(&path).map_err(io("read", &path))?;
            let parsed = toml::from_str::<CargoToml>(&text);
            let wrong = |error: toml::de::Error| error.message().to_owned();
            let parsed = parsed.map_err(|error| NewError::Workspace {
                path: path.clone(),
                reason: wrong(error),
            })?;
            let Some(table) = parsed.workspace else { continue };
            let for_services = root.join("wit/platform").is_dir()
                && table.dependencies.contains_key("wit-bindgen");
            return Ok(match table.members {
                Some(members) if for_services => {
                    Some(Self { root: root.to_owned(), text, members })
                }
                _ => None,
            });
        }
        Ok(None)
    }

    /// From a crate in `parent` to the folder of contracts: `../../wit`.
    pub(super) fn wit_from(&self, parent: &Path) -> String {
        let depth = parent.strip_prefix(&self.root).map_or(0, |below| below.components().count());
        format!("{}wit", "../".repeat(depth + 1))
    }

    /// Writes the crate in `path` among the members, unless a pattern has it already.
    pub(super) fn add(&self, path: &Path) -> Result<(), NewError> {
        let below = path.strip_prefix(&self.root).unwrap_or(path);
        let Some(text) = self.with_member(below) else { return Ok(()) };
        let file = self.root.join("Cargo.toml");
        let aside = self.root.join(format!(".Cargo.toml.{}", std::process::id()));
        let written = fs::write(&aside, text)
            .map_err(io("write", &aside))
            .and_then(|()| fs::rename(&aside, &file).map_err(io("write", &file)));
        if written.is_err() {
            // Best effort: what failed already is the error to tell.
            let _ = fs::remove_file(&aside);
        }
        written
    }

    /// The text of `Cargo.toml` with one more member: behind the last of the same folder, else at the
    /// end, and on a line of its own where the others are.
    fn with_member(&self, below: &Path) -> Option<String> {
        let siblings = below.parent().unwrap_or(Path::new(""));
        let is_sibling = |member: &&Spanned<String>| {
            Path::new(member.as_ref().as_str()).parent() == Some(siblings)
        };
        let members = self.members.as_ref();
        let pattern = siblings.join("*");
        if members.iter().any(|member| Path::new(member.as_ref().as_str()) == pattern) {
            return None;
        }
        let member = format!("\"{}\"", below.display());
        let mut text = self.text.clone();
        match members.iter().rfind(is_sibling).or(members.last()) {
            Some(before) => {
                let span = before.span();
                let line = self.text.get(..span.start)?.rsplit('\n').next()?;
                let gap = if line.trim().is_empty() { format!("\n{line}") } else { " ".into() };
                text.insert_str(span.end, &format!(",{gap}{member}"));
            }
            None => text.insert_str(self.members.span().start + 1, &member),
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The workspace of this text, with a member in `components`.
    fn with(members: &str, below: &str) -> Option<String> {
        let text = format!("[workspace]\nmembers = {members}\n");
        let parsed: CargoToml = toml::from_str(&text).unwrap();
        let members = parsed.workspace.unwrap().members.unwrap();
        let workspace = Workspace { root: "/w".into(), text, members };
        let changed = workspace.with_member(Path::new(below))?;
        Some(changed.strip_prefix("[workspace]\nmembers = ").unwrap().trim_end().to_owned())
    }

    #[test]
    fn a_member_stands_behind_its_siblings() {
        for (before, after) in [
            (r#"[]"#, r#"["components/n"]"#),
            (r#"["a"]"#, r#"["a", "components/n"]"#),
            (r#"["components/a", "b"]"#, r#"["components/a", "components/n", "b"]"#),
            ("[\n    \"a\",\n]", "[\n    \"a\",\n    \"components/n\",\n]"),
        ] {
            assert_eq!(with(before, "components/n").as_deref(), Some(after));
        }
    }

    #[test]
    fn a_member_that_a_pattern_has_is_not_written() {
        assert_eq!(with(r#"["a", "components/*"]"#, "components/n"), None);
        assert!(with(r#"["other/*"]"#, "components/n").is_some());
    }
}
