//! `thali top`: what the services do now, again and again.

mod screen;
mod view;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use crate::args::TopArgs;
use crate::client::Admin;
use crate::commands::print_json;
use crate::error::CliError;
use crate::output::out;

use screen::{Key, Screen};
use view::{Order, View};

/// A host is not asked more often than that.
const EVERY_MIN: Duration = Duration::from_millis(250);

/// Draws until `q`; prints once without a terminal.
pub(crate) fn top(admin: &Admin, args: &TopArgs, json: bool) -> Result<ExitCode, CliError> {
    let first = admin.get("/status")?.body;
    if json {
        return Ok(print_json(&first));
    }
    let terminal = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    if args.once || !terminal {
        let view = View::of(&first, Order::Name);
        view.lines().iter().for_each(|line| out!("{line}"));
        return Ok(ExitCode::SUCCESS);
    }
    draw(admin, args.every.max(EVERY_MIN), first).map_err(CliError::Terminal)?;
    Ok(ExitCode::SUCCESS)
}

fn draw(admin: &Admin, every: Duration, first: serde_json::Value) -> std::io::Result<()> {
    let mut screen = Screen::open()?;
    let (mut status, mut order, mut trouble) = (first, Order::Rate, None);
    loop {
        let mut lines = View::of(&status, order).lines();
        lines.push(String::new());
        lines.push(trouble.unwrap_or_else(|| {
            "q leaves; sort by r requests, e errors, p slowest, m memory, n name".to_owned()
        }));
        screen.draw(&lines)?;
        match screen.key(every)? {
            Some(Key::Leave) => return Ok(()),
            Some(Key::Letter(letter)) => order = Order::by(letter).unwrap_or(order),
            None => {}
        }
        // A host that is being replaced is back in a moment.
        trouble = match admin.get("/status") {
            Ok(answer) => {
                status = answer.body;
                None
            }
            Err(error) => Some(format!("{error}; trying again")),
        };
    }
}
