//! A file that says of every setting what it is without the file.

use std::fmt::Write as _;

use super::{ANY, Kind, Setting, Usual, all};

const HEAD: &str = "\
#:schema ./thali.schema.json
# The line above is for editors; `thali config schema > thali.schema.json` makes the file.
#
# The file of a Thali host: every setting, with what holds without it. Take the `#` away to change one. Flags and
# variables come before it (`thali config show --origin` says who said what), `thali config check` finds mistakes,
# and what is marked [reload] takes effect with `thali config reload` or SIGHUP. docs/configuration.md says more.
";

/// Prints the file. Settings, and tables that are nothing without them, are behind a `#` without a space.
pub(crate) fn example() -> String {
    let mut text = HEAD.to_owned();
    let mut table: &[&str] = &[];
    for setting in all() {
        if setting.tables() != table {
            table = setting.tables();
            // Writing to a String does not fail.
            let _ = writeln!(text, "\n#[{}]", named(table).join("."));
        }
        let reload = if setting.takes == super::Takes::Reload { " [reload]" } else { "" };
        let _ = writeln!(text, "# {}{reload}", setting.doc);
        let note = match setting.default {
            Usual::Is(_) => String::new(),
            Usual::Found(words) => format!("  # without it: {words}"),
            Usual::Nothing => "  # without it: none".into(),
            Usual::Needed => "  # needed".into(),
        };
        let name = if setting.name() == ANY { "name" } else { setting.name() };
        let _ = writeln!(text, "#{name} = {}{note}", setting.sample());
    }
    text
}

/// A path with names for those that are up to the operator.
pub(super) fn named(path: &[&'static str]) -> Vec<&'static str> {
    let mut named = Vec::new();
    for (at, name) in path.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| path.get(at)).copied();
        named.push(match (*name, before) {
            (ANY, Some("services")) => "orders",
            (ANY, Some("calls")) => "\"thali:payments/charging\"",
            (ANY, Some("policies")) => "strict",
            (ANY, Some("keys")) => "2026-11",
            (ANY, Some("jwks")) => "issuer",
            (name, _) => name,
        });
    }
    named
}

impl Setting {
    /// A value that it may have: what holds without it, if that can be said.
    pub(super) fn sample(&self) -> String {
        if let Usual::Is(text) = self.default {
            return text.into();
        }
        match self.kind {
            Kind::Text(text) | Kind::Path(text) => format!("{text:?}"),
            Kind::Address => "\"127.0.0.1:8080\"".into(),
            Kind::Flag => "true".into(),
            Kind::Time(..) => "\"2s\"".into(),
            Kind::Size(..) => "\"1MiB\"".into(),
            Kind::Count(least, _) => least.max(2).to_string(),
            Kind::OneOf(names) => format!("{:?}", names.first().copied().unwrap_or_default()),
            Kind::List(list) => list.into(),
            Kind::ListOf(names) => format!("{names:?}"),
            Kind::Scalar => "\"text\"".into(),
            Kind::Secret => "{ env = \"VARIABLE\" }".into(),
            Kind::File => "{ file = \"key.pem\" }".into(),
        }
    }
}
