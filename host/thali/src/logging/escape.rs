//! Text of others on a line of ours: it must not begin a line of its own, nor tell the terminal what to do.

use std::fmt::{self, Display, Write};

/// Shows a text with what is no plain character as an escape.
pub(crate) struct Escaped<T>(pub(crate) T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

/// Passes on what is plain and escapes the rest.
pub(super) struct Escaping<W>(pub(super) W);

impl<W: Write> Write for Escaping<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut plain = 0;
        for (at, char) in text.char_indices().filter(|(_, char)| !is_plain(*char)) {
            self.0.write_str(text.get(plain..at).unwrap_or_default())?;
            write!(self.0, "{}", char.escape_default())?;
            plain = at + char.len_utf8();
        }
        self.0.write_str(text.get(plain..).unwrap_or_default())
    }
}

/// Not a control character, not the end of a line or paragraph, and nothing that turns the direction of text around.
fn is_plain(char: char) -> bool {
    !(char.is_control()
        || matches!(char, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_begin_a_line_or_move_the_cursor() {
        let forged = "ok\n2026-11-22T00:00:00Z ERROR forged\r\u{1b}[2J\u{9b}1m\u{202e}äöü\tend";
        assert_eq!(
            Escaped(forged).to_string(),
            "ok\\n2026-11-22T00:00:00Z ERROR forged\\r\\u{1b}[2J\\u{9b}1m\\u{202e}äöü\\tend"
        );
    }
}
