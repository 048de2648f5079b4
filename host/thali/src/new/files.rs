//! The files of a new service, and the words that are filled in.

use thali_contract::name::ServiceName;
use wit_parser::UnresolvedPackageGroup;

use super::NewError;

/// A file: its path below the folder it goes to, and its text.
pub(super) type Template = (&'static str, &'static str);

/// A template's file, under the same path in the new service.
macro_rules! templates {
    ($folder:literal: $($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../", $folder, "/", $path)))),*]
    };
}

/// What every service has.
pub(super) const SERVICE: &[Template] = templates!("templates/service":
    "service.toml", "world.wit", "migrations/0001_init.sql",
    "src/lib.rs", "src/notes.rs", "src/shelf.rs",
);

/// What a crate of its own has beside that.
pub(super) const ALONE: &[Template] = &[
    ("Cargo.toml", include_str!("../../templates/alone/Cargo.toml")),
    ("rustfmt.toml", include_str!("../../templates/alone/rustfmt.toml")),
    // Under its own name it would hold for this repository.
    (".gitignore", include_str!("../../templates/alone/gitignore")),
];

/// What a member of the workspace has beside that.
pub(super) const MEMBER: &[Template] = templates!("templates/member": "Cargo.toml");

/// What the host offers.
pub(super) const PLATFORM: &[Template] = templates!("../../wit/platform":
    "cache.wit", "config.wit", "context.wit", "health.wit", "http.wit", "identity.wit",
    "messaging.wit", "platform.wit",
);

/// The service's contract.
const CONTRACT: &str = include_str!("../../templates/service/contract.wit");

/// Names that rustc has for other things: its words, and the crates that are always there.
const RUST: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

/// The packages whose contracts are beside the new one.
const TAKEN: &[&str] = &["platform", "types"];

/// What is filled in for `{{..}}`.
pub(super) struct Words {
    name: String,
    namespace: &'static str,
    /// From the crate to the folder of contracts.
    wit: String,
}

impl Words {
    /// Refuses names that a service may have, but no crate or no WIT package.
    pub(super) fn new(
        name: &ServiceName,
        namespace: &'static str,
        wit: String,
    ) -> Result<Self, NewError> {
        let words = Self { name: name.to_string(), namespace, wit };
        let reserved = |reason: String| NewError::Reserved { name: name.to_string(), reason };
        if RUST.contains(&name.as_str()) {
            return Err(reserved("it is a word of Rust, or a crate of its library".into()));
        }
        if TAKEN.contains(&name.as_str()) {
            return Err(reserved(format!("the platform has the package thali:{name}")));
        }
        match UnresolvedPackageGroup::parse("contract.wit", &words.fill(CONTRACT)) {
            Ok(_) => Ok(words),
            Err(_) => Err(reserved(
                "no WIT package can be called that: it is a word of WIT, or a part between hyphens is \
                 missing or begins with a digit"
                    .into(),
            )),
        }
    }

    /// The contract, under the name that the other packages have theirs.
    pub(super) fn contract(&self) -> Vec<(String, &'static str)> {
        vec![(format!("{}.wit", self.name), CONTRACT)]
    }

    pub(super) fn fill(&self, template: &str) -> String {
        template
            .replace("{{name}}", &self.name)
            .replace("{{module}}", &self.name.replace('-', "_"))
            .replace("{{namespace}}", self.namespace)
            .replace("{{wit}}", &self.wit)
    }
}
