//! Cuts a script into statements, so that an error can say which one it was.

/// The statements of a script, each without the semicolon that ends it.
///
/// Knows strings, quoted names and comments. Statements that hold semicolons of their own (triggers)
/// are refused by the guard anyway. A piece that is only space and comments is no statement.
pub fn statements(script: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = script;
    while !rest.is_empty() {
        let (statement, after) = first(rest);
        let statement = skip_blank(statement);
        if !statement.is_empty() {
            found.push(statement.trim_end());
        }
        rest = after;
    }
    found
}

/// The text up to the first semicolon that ends a statement, and what follows it.
fn first(script: &str) -> (&str, &str) {
    let mut at = 0;
    while let Some(rest) = script.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(';') {
            return (script.get(..at).unwrap_or_default(), rest.get(1..).unwrap_or_default());
        }
        at += token(rest);
    }
    (script, "")
}

/// The length of what stands first and can hold a semicolon as a whole: a string, a quoted name, a
/// comment; or else of one character.
fn token(text: &str) -> usize {
    let closing = match text.as_bytes() {
        [b'\'', ..] => "'",
        [b'"', ..] => "\"",
        [b'`', ..] => "`",
        [b'[', ..] => "]",
        [b'-', b'-', ..] => return length(text, 2, "\n"),
        [b'/', b'*', ..] => return length(text, 2, "*/"),
        _ => return text.chars().next().map_or(1, char::len_utf8),
    };
    // A doubled quote reads as two strings side by side, which is the same for this purpose.
    length(text, 1, closing)
}

fn length(text: &str, open: usize, closing: &str) -> usize {
    let inside = text.get(open..).unwrap_or_default();
    inside.find(closing).map_or(text.len(), |at| open + at + closing.len())
}

/// The text without the space and the comments it begins with.
fn skip_blank(mut text: &str) -> &str {
    loop {
        text = text.trim_start();
        if !(text.starts_with("--") || text.starts_with("/*")) {
            return text;
        }
        text = text.get(token(text)..).unwrap_or_default();
    }
}

/// The first line of a statement, for messages.
pub(crate) fn first_line(statement: &str) -> &str {
    statement.lines().next().unwrap_or_default().trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_cut_at_semicolons_that_end_statements() {
        let script = "
            -- first; not a statement
            CREATE TABLE a (b TEXT DEFAULT 'x;''y;'); /* ; */
            INSERT INTO a VALUES (';'), (\"; \");
            ;;
            SELECT [a;b], `c;d` -- ; end
            ; -- nothing; more";
        assert_eq!(
            statements(script),
            [
                "CREATE TABLE a (b TEXT DEFAULT 'x;''y;')",
                "INSERT INTO a VALUES (';'), (\"; \")",
                "SELECT [a;b], `c;d` -- ; end",
            ]
        );
    }

    #[test]
    fn what_is_left_open_reaches_to_the_end() {
        for open in ["SELECT 'a; b", "SELECT \"a; b", "SELECT [a; b", "SELECT 1 /* ; x"] {
            assert_eq!(statements(open), [open]);
        }
        for empty in ["", " \n", ";", "-- x", "/* x", "-- é\n; /* é */"] {
            assert!(statements(empty).is_empty(), "{empty:?}");
        }
        assert_eq!(statements("SELECT 'é';SELECT 2é"), ["SELECT 'é'", "SELECT 2é"]);
    }

    #[test]
    fn the_first_line_names_a_statement() {
        assert_eq!(first_line("CREATE TABLE a ( \n b)"), "CREATE TABLE a (");
    }
}
