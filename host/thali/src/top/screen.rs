//! The terminal while something is drawn on it again and again.

use std::io::{self, Stdout, Write};
use std::time::Duration;

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::style::Print;
use crossterm::terminal::{
    self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode,
};
use crossterm::{execute, queue};

/// The terminal. What was on it before is back when this is dropped.
pub(super) struct Screen(Stdout);

/// What was pressed.
pub(super) enum Key {
    Leave,
    Letter(char),
}

impl Screen {
    pub(super) fn open() -> io::Result<Self> {
        enable_raw_mode()?;
        // From here on dropping it puts everything back.
        let mut screen = Self(io::stdout());
        execute!(screen.0, EnterAlternateScreen, Hide)?;
        Ok(screen)
    }

    /// Draws these lines from the top, cut to what fits.
    pub(super) fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        let (width, height) = terminal::size()?;
        for (line, row) in lines.iter().zip(0..height) {
            let cut: String = line.chars().take(width.into()).collect();
            queue!(self.0, MoveTo(0, row), Print(cut), Clear(ClearType::UntilNewLine))?;
        }
        let end = u16::try_from(lines.len()).unwrap_or(u16::MAX);
        if end < height {
            queue!(self.0, MoveTo(0, end), Clear(ClearType::FromCursorDown))?;
        }
        self.0.flush()
    }

    /// Waits for a key. Raw mode makes Ctrl-C one.
    pub(super) fn key(&mut self, longest: Duration) -> io::Result<Option<Key>> {
        if !event::poll(longest)? {
            return Ok(None);
        }
        let Event::Key(key) = event::read()? else { return Ok(None) };
        let with_control = key.modifiers.contains(KeyModifiers::CONTROL);
        Ok(match key.code {
            _ if key.kind == KeyEventKind::Release => None,
            KeyCode::Char('q') | KeyCode::Esc => Some(Key::Leave),
            KeyCode::Char('c' | 'd') if with_control => Some(Key::Leave),
            KeyCode::Char(letter) => Some(Key::Letter(letter)),
            _ => None,
        })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Best effort: a terminal that has gone away needs nothing put back.
        let _ = execute!(self.0, Show, LeaveAlternateScreen);
        let _ = disable_raw_mode();
    }
}
