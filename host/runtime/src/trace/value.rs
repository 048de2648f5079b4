//! What spans say: texts that are seldom copied, numbers, booleans.

use std::fmt;
use std::sync::Arc;

/// The longest text in a span, in bytes. A statement of a service or a URL may be longer; what tells it from others is
/// at its beginning.
pub const TEXT_BYTES_MAX: usize = 1024;

/// A text in a span. Most are known when the host is built or a revision is prepared, and are not copied.
#[derive(Clone)]
pub enum Text {
    /// Known when the host was built.
    Static(&'static str),
    /// Known since a revision was prepared.
    Shared(Arc<str>),
    /// Made for this span; at most [`TEXT_BYTES_MAX`] long.
    Owned(Box<str>),
}

/// What an attribute says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Text.
    Text(Text),
    /// A whole number.
    Integer(i64),
    /// Yes or no.
    Bool(bool),
}

impl Text {
    /// A copy of the beginning of a text.
    pub fn copied(text: &str) -> Self {
        Self::Owned(cut(text).into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Static(text) => text,
            Self::Shared(text) => text,
            Self::Owned(text) => text,
        }
    }

    /// What it takes of memory by itself, in bytes.
    pub(super) fn own_bytes(&self) -> usize {
        match self {
            Self::Owned(text) => text.len(),
            Self::Static(_) | Self::Shared(_) => 0,
        }
    }
}

impl Value {
    pub(super) fn own_bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.own_bytes(),
            Self::Integer(_) | Self::Bool(_) => 0,
        }
    }
}

/// The beginning of a text, whole characters of it.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or_default()
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Self::Static(text)
    }
}

impl From<Arc<str>> for Text {
    fn from(text: Arc<str>) -> Self {
        Self::Shared(text)
    }
}

impl From<String> for Text {
    fn from(mut text: String) -> Self {
        text.truncate(cut(&text).len());
        Self::Owned(text.into())
    }
}

impl<T: Into<Text>> From<T> for Value {
    fn from(text: T) -> Self {
        Self::Text(text.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

macro_rules! integers {
    ($($from:ty),*) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::Integer(i64::try_from(value).unwrap_or(i64::MAX))
            }
        }
    )*};
}

integers!(u16, u32, u64, i64, usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_too_long_ends_with_a_whole_character() {
        let long = "é".repeat(TEXT_BYTES_MAX);
        for text in [Text::copied(&long[2..]), Text::from(format!("x{long}"))] {
            assert!((TEXT_BYTES_MAX - 1..=TEXT_BYTES_MAX).contains(&text.as_str().len()));
        }
        assert_eq!(Text::copied("short"), Text::from("short"));
    }
}
