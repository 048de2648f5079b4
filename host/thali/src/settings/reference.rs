//! The tables of `docs/configuration.md`.
#![cfg(test)]

use std::fmt::Write as _;

use super::{Kind, Setting, Takes, Usual, rows};

/// One Markdown table for each group of settings.
pub(crate) fn reference() -> String {
    let mut text = String::new();
    for table in rows::TABLES {
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            "\n| key | value | default | reload | what it is |\n|---|---|---|---|---|"
        );
        for setting in *table {
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | {} | {}{} |",
                setting.key().replace('*', "NAME"),
                setting.kind.words(),
                setting.default.words(),
                if setting.takes == Takes::Reload { "yes" } else { "no" },
                setting.doc.replace('|', "\\|"),
                setting.also(),
            );
        }
    }
    text
}

impl Setting {
    /// Its flag and its variable.
    fn also(&self) -> String {
        match self.instead {
            ("", _) => String::new(),
            (flag, "") => format!(" `{flag}`"),
            (flag, variable) => format!(" `{flag}`, `{variable}`"),
        }
    }
}

impl Kind {
    fn words(self) -> String {
        match self {
            Self::Text(_) => "text".into(),
            Self::Path(_) => "path".into(),
            Self::Address => "address".into(),
            Self::Flag => "`true` or `false`".into(),
            Self::Time(least, most) => format!("time, {least} to {most}"),
            Self::Size(least, most) => format!("size, {least} to {most}"),
            Self::Count(least, most) => format!("{least} to {most}"),
            Self::OneOf(names) => names.join(", "),
            Self::List(_) => "list".into(),
            Self::ListOf(names) => format!("list of {}", names.join(", ")),
            Self::Scalar => "text, number, `true` or `false`".into(),
            Self::Secret => "secret".into(),
            Self::File => "`{ file = \"..\" }`".into(),
        }
    }
}

impl Usual {
    fn words(self) -> String {
        match self {
            Self::Is(text) => format!("`{}`", text.trim_matches('"')),
            Self::Found(words) => words.into(),
            Self::Nothing => "none".into(),
            Self::Needed => "needed".into(),
        }
    }
}
