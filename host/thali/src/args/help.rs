//! The commands in groups, as `thali --help` lists them.

use clap::{Command, CommandFactory};

use super::Args;

/// The groups and their commands. A test keeps it complete.
const GROUPS: &[(&str, &[&str])] = &[
    ("Develop", &["dev", "new", "build"]),
    ("Run", &["up", "doctor", "config", "auth", "token"]),
    ("Deploy", &["deploy", "traffic", "promote", "rollback", "remove"]),
    ("Look", &["services", "show", "top", "graph", "logs", "traces", "trace", "openapi", "audit"]),
    ("Operate", &["call", "db", "events", "schedules", "breakers"]),
    ("This program", &["completions", "help"]),
];

/// Columns of the widest command and the space behind it.
const NAME_WIDTH: usize = 13;

/// The command line with its help in groups.
pub(crate) fn command() -> Command {
    let mut command = without_values(Args::command());
    command.build();
    let groups = groups(&command);
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{groups}\n\nOptions:\n{{options}}{{after-help}}"
    ))
}

/// The same, which shows the names of variables and not what they hold.
fn without_values(mut command: Command) -> Command {
    command = command.mut_args(|arg| arg.hide_env_values(true));
    command.mut_subcommands(without_values)
}

fn groups(command: &Command) -> String {
    let mut text = String::new();
    for (title, names) in GROUPS {
        text.push_str(&format!("\n{title}:\n"));
        for known in names.iter().filter_map(|name| command.find_subcommand(name)) {
            let about = known.get_about().map(ToString::to_string).unwrap_or_default();
            // The first sentence; the command's own help has the rest.
            let about = about.split(['.', ':', ';']).next().unwrap_or_default();
            text.push_str(&format!("  {:NAME_WIDTH$}{about}\n", known.get_name()));
        }
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_in_one_group() {
        let command = command();
        let grouped: Vec<_> = GROUPS.iter().flat_map(|(_, names)| names.iter()).collect();
        for known in command.get_subcommands().filter(|known| !known.is_hide_set()) {
            let count = grouped.iter().filter(|name| **name == &known.get_name()).count();
            assert_eq!(count, 1, "{} is in {count} groups of args/help.rs", known.get_name());
        }
    }

    #[test]
    fn every_command_says_what_it_does_and_shows_an_example() {
        fn check(command: &Command, path: &str) {
            for known in command.get_subcommands().filter(|known| !known.is_hide_set()) {
                let path = format!("{path} {}", known.get_name());
                assert!(known.get_about().is_some(), "{path} says nothing");
                let is_group = known.has_subcommands();
                let example = known.get_after_help().map(ToString::to_string).unwrap_or_default();
                let nested = path.split(' ').count() > 2;
                assert!(
                    nested || known.get_name() == "help" || example.contains("thali "),
                    "{path} has no example"
                );
                if is_group && known.get_name() != "help" {
                    check(known, &path);
                }
            }
        }
        check(&command(), "thali");
    }

    #[test]
    fn the_help_lists_the_groups() {
        let help = command().render_help().to_string();
        assert!(help.contains("\nDevelop:\n  dev          Run a host"), "{help}");
    }
}
