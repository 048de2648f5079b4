//! `thali top`: what the services do now, again and again.

mod screen;
mod view;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::args::TopArgs;
use crate::client::Admin;
use crate::commands::print_json;
use crate::error::CliError;
use crate::output::out;

use screen::{Key, Screen};
use view::{Order, View};

/// A host is not asked more often than that.
const EVERY_MIN: Duration = Duration::from_millis(250);

const KEYS: &str = "q leaves; sort by r requests, e errors, p slowest, m memory, n name";

/// Draws until `q`; prints once without a terminal.
pub(crate) fn top(admin: &Admin, args: &TopArgs, json: bool) -> Result<ExitCode, CliError> {
    let first = admin.get("/status")?.body;
    if json {
        return Ok(print_json(&first));
    }
    let terminal = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    if args.once || !terminal {
        let width = if terminal { Screen::width().unwrap_or(usize::MAX) } else { usize::MAX };
        View::of(&first, Order::Name).lines(width).iter().for_each(|line| out!("{line}"));
        return Ok(ExitCode::SUCCESS);
    }
    draw(admin, args.every.max(EVERY_MIN), first).map_err(CliError::Terminal)?;
    Ok(ExitCode::SUCCESS)
}

fn draw(admin: &Admin, every: Duration, first: serde_json::Value) -> std::io::Result<()> {
    let mut screen = Screen::open()?;
    let (mut status, mut order, mut trouble) = (first, Order::Rate, None);
    let mut asked = Instant::now();
    loop {
        let foot = trouble.as_deref().unwrap_or(KEYS);
        screen.draw(&View::of(&status, order).lines(Screen::width()?), foot)?;
        match screen.key(every.saturating_sub(asked.elapsed()))? {
            Some(Key::Leave) => return Ok(()),
            Some(Key::Letter(letter)) => order = Order::by(letter).unwrap_or(order),
            Some(Key::Other) => {}
            None => {
                asked = Instant::now();
                // A host that is being replaced is back in a moment.
                match admin.get("/status") {
                    Ok(answer) => (status, trouble) = (answer.body, None),
                    Err(error) => trouble = Some(format!("trying again: {error}")),
                }
            }
        }
    }
}
