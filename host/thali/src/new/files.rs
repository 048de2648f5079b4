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

/// A service to begin with.
pub(super) struct Kind {
    /// How it is asked for.
    pub(super) name: &'static str,
    /// What it shows.
    pub(super) about: &'static str,
    /// What the service says of itself.
    description: &'static str,
    /// The files of its crate.
    pub(super) files: &'static [Template],
    contract: &'static str,
    /// The contract of somebody else, and how its package is called.
    pub(super) publisher: Option<(&'static str, &'static str)>,
    /// Whether it makes ids.
    has_ids: bool,
}

/// What there is to begin with, the usual one first.
pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "minimal",
        about: "notes: a table, three routes, an event that commits with what it tells",
        description: "Notes: short texts that are kept, found again and told about.",
        files: templates!("templates/service":
            "service.toml", "world.wit", "migrations/0001_init.sql",
            "src/lib.rs", "src/notes.rs", "src/shelf.rs",
        ),
        contract: include_str!("../../templates/service/contract.wit"),
        publisher: None,
        has_ids: true,
    },
    Kind {
        name: "crud",
        about: "things that are created (idempotently), listed by pages, changed and deleted",
        description: "Things to do: added, listed, changed and taken away.",
        files: templates!("templates/crud":
            "service.toml", "world.wit", "migrations/0001_init.sql",
            "src/lib.rs", "src/rules.rs", "src/table.rs",
        ),
        contract: include_str!("../../templates/crud/contract.wit"),
        publisher: None,
        has_ids: true,
    },
    Kind {
        name: "subscriber",
        about: "hears the events of `notes`, and handles each once",
        description: "Which words are written in notes, and how often.",
        files: templates!("templates/subscriber":
            "service.toml", "world.wit", "migrations/0001_init.sql", "src/lib.rs",
        ),
        contract: include_str!("../../templates/subscriber/contract.wit"),
        publisher: Some(("notes", include_str!("../../templates/subscriber/publisher.wit"))),
        has_ids: false,
    },
    Kind {
        name: "schedule",
        about: "does something by the clock, in a transaction, and shows when it was",
        description: "What is done by the clock, and when it was.",
        files: templates!("templates/schedule":
            "service.toml", "world.wit", "migrations/0001_init.sql", "src/lib.rs",
        ),
        contract: include_str!("../../templates/schedule/contract.wit"),
        publisher: None,
        has_ids: false,
    },
];

/// What makes ids, in a `Cargo.toml`.
const UUID: &str =
    "uuid = { version = \"1\", default-features = false, features = [\"std\", \"v4\", \"v7\"] }\n";

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
    kind: &'static Kind,
    name: String,
    namespace: &'static str,
    /// From the crate to the folder of contracts.
    wit: String,
}

impl Words {
    /// Refuses names that a service may have, but no crate or no WIT package.
    pub(super) fn new(
        kind: &'static Kind,
        name: &ServiceName,
        namespace: &'static str,
        wit: String,
    ) -> Result<Self, NewError> {
        let words = Self { kind, name: name.to_string(), namespace, wit };
        let reserved = |reason: String| NewError::Reserved { name: name.to_string(), reason };
        if RUST.contains(&name.as_str()) {
            return Err(reserved("it is a word of Rust, or a crate of its library".into()));
        }
        if kind.publisher.is_some_and(|(publisher, _)| publisher == name.as_str()) {
            return Err(reserved("it is the service that this one hears".into()));
        }
        if TAKEN.contains(&name.as_str()) {
            return Err(reserved(format!("the platform has the package thali:{name}")));
        }
        match UnresolvedPackageGroup::parse("contract.wit", &words.fill(kind.contract)) {
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
        vec![(format!("{}.wit", self.name), self.kind.contract)]
    }

    pub(super) fn fill(&self, template: &str) -> String {
        template
            .replace("{{uuid}}\n", if self.kind.has_ids { UUID } else { "" })
            .replace("{{description}}", self.kind.description)
            .replace("{{name}}", &self.name)
            .replace("{{module}}", &self.name.replace('-', "_"))
            .replace("{{namespace}}", self.namespace)
            .replace("{{wit}}", &self.wit)
    }
}
