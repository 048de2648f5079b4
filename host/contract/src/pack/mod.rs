//! One file per service: the manifest, the migrations, the seed data and the WIT packages travel in
//! custom sections at the end of the component, where every other tool skips them.

mod sections;

#[cfg(test)]
pub(crate) mod tests;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use wasm_encoder::{CustomSection, Encode as _};

use crate::manifest::MANIFEST_BYTES_MAX;
use sections::{Custom, custom_sections};

/// The section that holds the text of `service.toml`.
pub const SECTION_MANIFEST: &str = "thali:manifest";
/// The section that holds the migrations, as JSON.
pub const SECTION_MIGRATIONS: &str = "thali:migrations";
/// The section that holds the seed data, as SQL.
pub const SECTION_SEED: &str = "thali:seed";
/// The sections that hold one encoded WIT package each.
pub const SECTION_WIT: &str = "thali:wit";
/// What the linker calls the parts of a component: for debuggers, and left out. It is a twentieth of a service.
const SECTION_NAMES: &str = "component-name";

/// The most bytes of all migrations.
pub const MIGRATIONS_BYTES_MAX: usize = 4 << 20;
/// The most bytes of the seed data.
pub const SEED_BYTES_MAX: usize = 4 << 20;
/// The most bytes of one encoded WIT package.
pub const WIT_BYTES_MAX: usize = 1 << 20;
/// The most WIT packages.
pub const WIT_PACKAGES_MAX: usize = 64;
/// The longest name of a migration, in bytes.
pub const MIGRATION_NAME_BYTES_MAX: usize = 200;

/// What travels inside a component.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// The text of `service.toml`.
    pub manifest: String,
    /// In the order they are applied.
    pub migrations: Vec<Migration>,
    /// SQL that a host with `--seed` runs once.
    pub seed: Option<String>,
    /// WIT packages as `wit_component::encode` writes them, for their documentation.
    pub wit: Vec<Vec<u8>>,
}

/// One step of a database's schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Migration {
    /// The file's name, such as `0001_orders.sql`.
    pub name: String,
    /// What it does.
    pub sql: String,
}

/// Why parts cannot be packed or unpacked.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PackError {
    /// The bytes do not begin like a component.
    #[error("not a WebAssembly component")]
    NotAComponent,
    /// A section ends after the file does.
    #[error("the component is broken: its sections do not fit into the file")]
    Broken,
    /// The component was not made by `thali build`.
    #[error("the component carries no manifest: pack it with `thali build`")]
    NoManifest,
    /// A section holds something else than it should.
    #[error("the section {section} is malformed: {reason}")]
    Malformed {
        /// The section's name.
        section: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A section is too large.
    #[error("the section {section} is larger than {bytes_max} bytes")]
    TooLarge {
        /// The section's name.
        section: &'static str,
        /// The most bytes it may have.
        bytes_max: usize,
    },
}

/// Adds the parts to a component, in place of those it has. The same input makes the same bytes.
///
/// # Errors
///
/// The bytes are no component, or a part is too large.
pub fn pack(component: &[u8], parts: &Parts) -> Result<Vec<u8>, PackError> {
    let mut out = without_parts(component)?;
    limit(SECTION_MANIFEST, &parts.manifest, MANIFEST_BYTES_MAX)?;
    append(&mut out, SECTION_MANIFEST, parts.manifest.as_bytes());
    if !parts.migrations.is_empty() {
        check_migrations(&parts.migrations)?;
        let json = serde_json::to_vec(&parts.migrations)
            .map_err(|error| malformed(SECTION_MIGRATIONS, error))?;
        limit(SECTION_MIGRATIONS, &json, MIGRATIONS_BYTES_MAX)?;
        append(&mut out, SECTION_MIGRATIONS, &json);
    }
    if let Some(seed) = &parts.seed {
        limit(SECTION_SEED, seed, SEED_BYTES_MAX)?;
        append(&mut out, SECTION_SEED, seed.as_bytes());
    }
    check_wit_count(parts.wit.len())?;
    for package in &parts.wit {
        limit(SECTION_WIT, package, WIT_BYTES_MAX)?;
        append(&mut out, SECTION_WIT, package);
    }
    Ok(out)
}

/// The parts that a component carries.
///
/// # Errors
///
/// The bytes are no component, carry no manifest, or a section is malformed or too large.
pub fn unpack(component: &[u8]) -> Result<Parts, PackError> {
    let mut parts = Parts::default();
    let (mut manifest, mut migrations) = (None, None);
    for custom in custom_sections(component)? {
        match custom.name {
            SECTION_MANIFEST => {
                set_once(
                    SECTION_MANIFEST,
                    &mut manifest,
                    text(SECTION_MANIFEST, &custom, MANIFEST_BYTES_MAX)?,
                )?;
            }
            SECTION_MIGRATIONS => {
                limit(SECTION_MIGRATIONS, custom.data, MIGRATIONS_BYTES_MAX)?;
                set_once(SECTION_MIGRATIONS, &mut migrations, read_migrations(custom.data)?)?;
            }
            SECTION_SEED => {
                set_once(
                    SECTION_SEED,
                    &mut parts.seed,
                    text(SECTION_SEED, &custom, SEED_BYTES_MAX)?,
                )?;
            }
            SECTION_WIT => {
                limit(SECTION_WIT, custom.data, WIT_BYTES_MAX)?;
                parts.wit.push(custom.data.to_vec());
                check_wit_count(parts.wit.len())?;
            }
            _ => {}
        }
    }
    parts.manifest = manifest.ok_or(PackError::NoManifest)?;
    parts.migrations = migrations.unwrap_or_default();
    Ok(parts)
}

/// The encoded WIT packages that a component carries.
pub(crate) fn wit_sections(component: &[u8]) -> Result<Vec<&[u8]>, PackError> {
    let customs = custom_sections(component)?;
    let packages: Vec<_> = customs
        .into_iter()
        .filter(|custom| custom.name == SECTION_WIT)
        .map(|custom| custom.data)
        .collect();
    check_wit_count(packages.len())?;
    packages.iter().try_for_each(|package| limit(SECTION_WIT, package, WIT_BYTES_MAX))?;
    Ok(packages)
}

/// The component without the sections that Thali adds.
fn without_parts(component: &[u8]) -> Result<Vec<u8>, PackError> {
    let ours = [SECTION_MANIFEST, SECTION_MIGRATIONS, SECTION_SEED, SECTION_WIT, SECTION_NAMES];
    let mut out = Vec::with_capacity(component.len() + (64 << 10));
    let mut kept_to = 0;
    for custom in custom_sections(component)? {
        if ours.contains(&custom.name) {
            out.extend_from_slice(component.get(kept_to..custom.whole.start).unwrap_or_default());
            kept_to = custom.whole.end;
        }
    }
    out.extend_from_slice(component.get(kept_to..).unwrap_or_default());
    Ok(out)
}

fn append(out: &mut Vec<u8>, name: &str, data: &[u8]) {
    out.push(0); // the id of custom sections
    CustomSection { name: name.into(), data: data.into() }.encode(out);
}

fn read_migrations(data: &[u8]) -> Result<Vec<Migration>, PackError> {
    let migrations: Vec<Migration> =
        serde_json::from_slice(data).map_err(|error| malformed(SECTION_MIGRATIONS, error))?;
    check_migrations(&migrations)?;
    Ok(migrations)
}

/// Names are unique and in order: they say what was applied already.
fn check_migrations(migrations: &[Migration]) -> Result<(), PackError> {
    let refuse = |reason: String| Err(malformed(SECTION_MIGRATIONS, reason));
    for Migration { name, .. } in migrations {
        let is_plain =
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if name.is_empty() || name.len() > MIGRATION_NAME_BYTES_MAX || !is_plain {
            let name: String = name.chars().take(MIGRATION_NAME_BYTES_MAX).collect();
            return refuse(format!(
                "{name:?} is not a migration's name: use letters, digits, \"-\", \"_\" and \".\""
            ));
        }
    }
    for pair in migrations.windows(2) {
        if let [first, second] = pair
            && first.name >= second.name
        {
            return refuse(format!("{:?} must not come after {:?}", second.name, first.name));
        }
    }
    Ok(())
}

fn check_wit_count(packages: usize) -> Result<(), PackError> {
    if packages > WIT_PACKAGES_MAX {
        return Err(malformed(
            SECTION_WIT,
            format!("it is there more than {WIT_PACKAGES_MAX} times"),
        ));
    }
    Ok(())
}

fn limit(section: &'static str, data: impl AsRef<[u8]>, bytes_max: usize) -> Result<(), PackError> {
    if data.as_ref().len() > bytes_max {
        return Err(PackError::TooLarge { section, bytes_max });
    }
    Ok(())
}

fn text(section: &'static str, custom: &Custom<'_>, bytes_max: usize) -> Result<String, PackError> {
    limit(section, custom.data, bytes_max)?;
    let text =
        std::str::from_utf8(custom.data).map_err(|_| malformed(section, "it is not UTF-8"))?;
    Ok(text.to_owned())
}

fn set_once<T>(section: &'static str, place: &mut Option<T>, value: T) -> Result<(), PackError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(malformed(section, "it is there twice")),
    }
}

fn malformed(section: &'static str, reason: impl ToString) -> PackError {
    PackError::Malformed { section, reason: reason.to_string() }
}
