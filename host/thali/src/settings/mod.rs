//! Every setting of a host: where it stands in `thali.toml`, what it may be, and what it is without.
//!
//! One table of rows, for everything that is made of it: `thali config show`, the JSON schema, the example and the
//! reference in `docs/configuration.md`. The tables of the file are read by [`host_file`](crate::host_file), and
//! a test holds the two against each other, key by key.

mod example;
mod file;
mod find;
mod reference;
mod rows;
mod schema;
mod shown;

#[cfg(test)]
mod tests;

pub(crate) use example::example;
pub(crate) use file::Leaf;
pub(crate) use find::{belongs_to, find};
#[cfg(test)]
pub(crate) use reference::reference;
pub(crate) use schema::schema;
pub(crate) use shown::{Given, Shown, shown};

/// One key of the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// Its tables and its name, with `*` for a name that is the operator's choice.
    pub(crate) path: &'static [&'static str],
    /// What its values are.
    pub(crate) kind: Kind,
    /// What holds without it.
    pub(crate) default: Usual,
    /// When a change of it takes effect.
    pub(crate) takes: Takes,
    /// Its flag of `thali up` and its variable; either may be empty.
    pub(crate) instead: (&'static str, &'static str),
    /// What it is for, in a sentence.
    pub(crate) doc: &'static str,
}

/// What the values of a setting are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text, such as this.
    Text(&'static str),
    /// The path of a file or folder, which begins at the file's folder, such as this.
    Path(&'static str),
    /// An address to listen on.
    Address,
    /// True or false.
    Flag,
    /// A time, at least and at most.
    Time(&'static str, &'static str),
    /// A number of bytes, at least and at most.
    Size(&'static str, &'static str),
    /// A whole number, at least and at most.
    Count(u32, u32),
    /// One of these.
    OneOf(&'static [&'static str]),
    /// A list of texts, such as this one.
    List(&'static str),
    /// A list of some of these.
    ListOf(&'static [&'static str]),
    /// Text, a number, true or false.
    Scalar,
    /// Text that nobody may see: itself, `{ file = ".." }` or `{ env = ".." }`.
    Secret,
    /// `{ file = ".." }`
    File,
}

/// What holds when a setting is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usual {
    /// This, as the file would say it.
    Is(&'static str),
    /// What the host finds out, in words.
    Found(&'static str),
    /// Nothing.
    Nothing,
    /// Its table cannot be without it.
    Needed,
}

/// When a change of a setting takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// With `thali config reload`, or SIGHUP.
    Reload,
    /// With the next start.
    Restart,
}

impl Setting {
    const fn new(path: &'static [&'static str], kind: Kind, doc: &'static str) -> Self {
        let (default, takes) = (Usual::Nothing, Takes::Restart);
        Self { path, kind, default, takes, instead: ("", ""), doc }
    }

    const fn usual(self, default: &'static str) -> Self {
        Self { default: Usual::Is(default), ..self }
    }

    const fn found(self, words: &'static str) -> Self {
        Self { default: Usual::Found(words), ..self }
    }

    const fn needed(self) -> Self {
        Self { default: Usual::Needed, ..self }
    }

    const fn reloads(self) -> Self {
        Self { takes: Takes::Reload, ..self }
    }

    const fn instead(self, flag: &'static str, variable: &'static str) -> Self {
        Self { instead: (flag, variable), ..self }
    }

    /// `gateway.listen`
    pub(crate) fn key(&self) -> String {
        self.path.join(".")
    }

    /// Whether a name in its path is the operator's choice.
    pub(crate) fn is_wild(&self) -> bool {
        self.path.contains(&ANY)
    }

    /// The tables that it is in.
    pub(crate) fn tables(&self) -> &'static [&'static str] {
        self.path.split_last().map_or(&[], |(_, tables)| tables)
    }

    /// Its own name.
    pub(crate) fn name(&self) -> &'static str {
        self.path.last().copied().unwrap_or_default()
    }
}

/// Stands in a path for a name that is the operator's choice.
pub(crate) const ANY: &str = "*";

/// Every setting, in the order of the reference.
pub(crate) fn all() -> impl Iterator<Item = &'static Setting> {
    rows::TABLES.iter().flat_map(|table| table.iter())
}
