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
    /// Anything else, or the terminal has another size now.
    Other,
}

impl Screen {
    pub(super) fn open() -> io::Result<Self> {
        enable_raw_mode()?;
        // From here on dropping it puts everything back.
        let mut screen = Self(io::stdout());
        execute!(screen.0, EnterAlternateScreen, Hide)?;
        Ok(screen)
    }

    /// How many characters fit beside each other.
    pub(super) fn width() -> io::Result<usize> {
        Ok(terminal::size()?.0.into())
    }

    /// Draws these lines from the top, cut to what fits, and the foot on the last line.
    pub(super) fn draw(&mut self, lines: &[String], foot: &str) -> io::Result<()> {
        let (width, height) = terminal::size()?;
        let (width, room) = (usize::from(width), height.saturating_sub(1));
        for (line, row) in lines.iter().zip(0..room) {
            self.line(row, line, width)?;
        }
        let end = u16::try_from(lines.len()).unwrap_or(u16::MAX);
        if end < room {
            queue!(self.0, MoveTo(0, end), Clear(ClearType::FromCursorDown))?;
        }
        let foot = match lines.len().saturating_sub(room.into()) {
            0 => foot.to_owned(),
            more => format!("{more} more; {foot}"),
        };
        self.line(room, &foot, width)?;
        self.0.flush()
    }

    /// Cleared before it is written: after a line that fills it, the cursor may stand on its last character.
    fn line(&mut self, row: u16, text: &str, width: usize) -> io::Result<()> {
        let cut: String = text.chars().take(width).collect();
        queue!(self.0, MoveTo(0, row), Clear(ClearType::UntilNewLine), Print(cut))
    }

    /// Waits for a key, so long at the longest. Raw mode makes Ctrl-C one.
    pub(super) fn key(&mut self, longest: Duration) -> io::Result<Option<Key>> {
        if !event::poll(longest)? {
            return Ok(None);
        }
        let Event::Key(key) = event::read()? else { return Ok(Some(Key::Other)) };
        let with_control = key.modifiers.contains(KeyModifiers::CONTROL);
        Ok(Some(match key.code {
            _ if key.kind == KeyEventKind::Release => Key::Other,
            KeyCode::Char('q') | KeyCode::Esc => Key::Leave,
            KeyCode::Char('c' | 'd') if with_control => Key::Leave,
            KeyCode::Char(letter) => Key::Letter(letter),
            _ => Key::Other,
        }))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Best effort: a terminal that has gone away needs nothing put back.
        let _ = execute!(self.0, Show, LeaveAlternateScreen);
        let _ = disable_raw_mode();
    }
}
