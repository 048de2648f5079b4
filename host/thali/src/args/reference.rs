//! `docs/cli-reference.md`: what `--help` says, of every command.

use clap::Command;

use super::help::command;
use crate::documents::current;

/// Columns of the help, whatever the terminal of whoever makes it.
const WIDTH: usize = 100;

const HEAD: &str = "# Reference of the command line\n\n\
    What `thali COMMAND --help` says, of every command. [cli.md](cli.md) has what they have in common, and the exit codes. \
    Made by a test: `THALI_UPDATE_DOCS=1 cargo test --release -p thali current`.\n";

/// The help of every command, one after the other.
fn reference() -> String {
    let mut command = command();
    let mut text = HEAD.to_owned();
    add(&mut command, "thali", &mut text);
    text
}

fn add(command: &mut Command, path: &str, text: &mut String) {
    let mut shown = command.clone().term_width(WIDTH);
    if path != "thali" {
        // What every command takes stands under `thali` alone.
        shown = shown.mut_args(|arg| {
            let is_common = arg.is_global_set() || arg.get_id() == "help";
            if is_common { arg.hide(true) } else { arg }
        });
    }
    let help = shown.render_long_help().to_string();
    let lines: Vec<_> = help.trim().lines().map(str::trim_end).collect();
    text.push_str(&format!("\n## {path}\n\n```text\n{}\n```\n", lines.join("\n")));
    for below in command.get_subcommands_mut() {
        if !below.is_hide_set() && below.get_name() != "help" {
            let path = format!("{path} {}", below.get_name());
            add(below, &path, text);
        }
    }
}

#[test]
fn the_reference_of_the_command_line_is_current() {
    current("docs/cli-reference.md", |_| reference());
}
