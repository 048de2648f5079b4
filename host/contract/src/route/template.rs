//! Path templates: `/orders/{id}/track`.

use std::fmt;

/// The longest path template, in bytes. A request line longer than that is refused before routing.
const BYTES_MAX: usize = 1024;

/// A path template: literal segments and named parameters. Relative to `/api/v1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: String,
    segments: Vec<Segment>,
}

/// One segment of a path template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Text of unreserved characters, which has to be there as it is.
    Literal(String),
    /// `{name}` in `snake_case`: any text that is not empty.
    Param(String),
}

impl Template {
    /// Parses a template; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > BYTES_MAX {
            return Err(format!("a path has at most {BYTES_MAX} bytes"));
        }
        let Some(path) = text.strip_prefix('/') else {
            return Err(format!("the path {text:?} must start with \"/\""));
        };
        let mut segments: Vec<Segment> = Vec::new();
        for part in path.split('/') {
            let segment =
                Segment::parse(part).map_err(|what| format!("in the path {text:?}, {what}"))?;
            if let Segment::Param(name) = &segment
                && segments.contains(&segment)
            {
                return Err(format!("in the path {text:?}, {{{name}}} is there twice"));
            }
            segments.push(segment);
        }
        Ok(Self { text: text.into(), segments })
    }

    /// The template as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its segments, in order.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The names of its parameters, in order.
    pub fn params(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Param(name) => Some(name.as_str()),
            Segment::Literal(_) => None,
        })
    }

    /// The template with its parameters named by position: templates that match the same paths
    /// become equal, which is also what the router wants.
    pub(super) fn normalised(&self) -> String {
        let mut out = String::with_capacity(self.text.len() + 8);
        for (i, segment) in self.segments.iter().enumerate() {
            out.push('/');
            match segment {
                Segment::Literal(text) => out.push_str(text),
                Segment::Param(_) => out.push_str(&format!("{{p{i}}}")),
            }
        }
        out
    }
}

impl Segment {
    fn parse(part: &str) -> Result<Self, String> {
        if part.is_empty() {
            return Err("a segment is empty".into());
        }
        if let Some(name) = part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            return match is_snake_case(name) {
                true => Ok(Self::Param(name.into())),
                false => Err(format!("{{{name}}} is not a snake_case name")),
            };
        }
        if matches!(part, "." | "..") {
            return Err(format!("the segment {part:?} means another folder"));
        }
        match part.chars().find(|c| !is_unreserved(*c)) {
            None => Ok(Self::Literal(part.into())),
            Some('{' | '}') => Err(format!("a parameter is a whole segment, unlike in {part:?}")),
            Some(c) => Err(format!(
                "the segment {part:?} holds {c:?}: only letters, digits, \"-\", \".\", \"_\" and \"~\" are allowed"
            )),
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The characters that mean themselves in a URL (RFC 3986).
fn is_unreserved(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~')
}

/// Whether a WIT name can be spelled like this in JSON.
pub(super) fn is_snake_case(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_'))
        && !name.ends_with('_')
        && !name.contains("__")
}
