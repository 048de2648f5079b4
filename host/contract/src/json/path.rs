//! Where in a document a reader or a writer stands.

use std::fmt::Write as _;

/// The longest member name that a pointer repeats, in characters. Names come from clients.
const NAME_CHARS_MAX: usize = 100;

/// A chain of steps on the stack. It becomes text only when there is something to report.
#[derive(Clone, Copy)]
pub(super) enum Path<'a> {
    /// The whole document.
    Root,
    /// A member of an object.
    Member(&'a Path<'a>, &'a str),
    /// An item of an array.
    Index(&'a Path<'a>, usize),
}

impl Path<'_> {
    /// The path as a JSON pointer (RFC 6901).
    pub(super) fn pointer(&self) -> String {
        let mut steps = Vec::new();
        let mut at = self;
        while let Path::Member(parent, _) | Path::Index(parent, _) = at {
            steps.push(at);
            at = parent;
        }
        let mut pointer = String::new();
        for step in steps.iter().rev() {
            pointer.push('/');
            match step {
                Path::Root => {}
                Path::Member(_, name) => push_name(&mut pointer, name),
                Path::Index(_, index) => {
                    // Writing to a string cannot fail.
                    let _ = write!(pointer, "{index}");
                }
            }
        }
        pointer
    }
}

fn push_name(pointer: &mut String, name: &str) {
    for (i, c) in name.chars().enumerate() {
        match c {
            _ if i == NAME_CHARS_MAX => return pointer.push('…'),
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            c => pointer.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_escape_what_rfc_6901_says() {
        let root = Path::Root;
        let items = Path::Member(&root, "it/e~ms");
        let third = Path::Index(&items, 3);
        assert_eq!(root.pointer(), "");
        assert_eq!(third.pointer(), "/it~1e~0ms/3");
    }

    #[test]
    fn a_very_long_name_is_cut() {
        let name = "x".repeat(5000);
        assert_eq!(Path::Member(&Path::Root, &name).pointer().chars().count(), 102);
    }
}
