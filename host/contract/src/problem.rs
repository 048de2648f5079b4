//! What a client is told when something is wrong: RFC 9457 problem documents.

use std::fmt;

/// The media type of a problem document.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// One thing that is wrong with what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where: a JSON pointer (RFC 6901) into the body, `?name` for a query parameter, `{name}` for a
    /// path parameter, `service.toml:12` for a line of a manifest, or empty for the whole.
    pub pointer: String,
    /// What was expected and what was there.
    pub detail: String,
}

impl Mistake {
    /// A mistake at `pointer`.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer.as_str() {
            "" => f.write_str(&self.detail),
            pointer => write!(f, "{pointer}: {}", self.detail),
        }
    }
}

/// A problem document. `code` is for programs, `title` and `detail` are for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// A stable `snake_case` name of what went wrong.
    pub code: String,
    /// One short sentence that is the same every time.
    pub title: String,
    /// What happened this time.
    pub detail: Option<String>,
    /// Every mistake, when there are several or they have a place.
    pub errors: Vec<Mistake>,
    /// Seconds after which another try makes sense (`Retry-After`).
    pub retry_after_seconds: Option<u32>,
    /// Further members, already JSON: `(name, value)`.
    pub members: Vec<(String, String)>,
}

impl Problem {
    /// A problem with neither detail nor errors.
    pub fn new(status: u16, code: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            title: title.into(),
            detail: None,
            errors: Vec::new(),
            retry_after_seconds: None,
            members: Vec::new(),
        }
    }

    /// Says what happened this time.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Lists the mistakes.
    #[must_use]
    pub fn errors(mut self, errors: Vec<Mistake>) -> Self {
        self.errors = errors;
        self
    }

    /// Says when another try makes sense.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// Adds a member whose value is already JSON.
    #[must_use]
    pub fn member(mut self, name: impl Into<String>, json: impl Into<String>) -> Self {
        self.members.push((name.into(), json.into()));
        self
    }

    /// The document as JSON, with the request's id when there is one.
    pub fn to_json(&self, request_id: Option<&str>) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(b"{\"type\":\"about:blank\",\"title\":");
        push_string(&mut out, &self.title);
        out.extend_from_slice(b",\"status\":");
        out.extend_from_slice(self.status.to_string().as_bytes());
        out.extend_from_slice(b",\"code\":");
        push_string(&mut out, &self.code);
        if let Some(detail) = &self.detail {
            out.extend_from_slice(b",\"detail\":");
            push_string(&mut out, detail);
        }
        if !self.errors.is_empty() {
            out.extend_from_slice(b",\"errors\":[");
            for (i, mistake) in self.errors.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(b"{\"pointer\":");
                push_string(&mut out, &mistake.pointer);
                out.extend_from_slice(b",\"detail\":");
                push_string(&mut out, &mistake.detail);
                out.push(b'}');
            }
            out.push(b']');
        }
        for (name, json) in &self.members {
            out.push(b',');
            push_string(&mut out, name);
            out.push(b':');
            out.extend_from_slice(json.as_bytes());
        }
        if let Some(id) = request_id {
            out.extend_from_slice(b",\"request_id\":");
            push_string(&mut out, id);
        }
        out.push(b'}');
        out
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.title)?;
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        self.errors.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))
    }
}

/// Appends `text` as a JSON string.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &str) {
    // Writing a string to a vector cannot fail.
    let _ = serde_json::to_writer(out, text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_valid_json_with_every_part() {
        let json = Problem::new(400, "bad_request", "The \"request\" is malformed")
            .detail("two mistakes")
            .errors(vec![Mistake::new("/a", "x"), Mistake::new("", "y\n")])
            .member("available", "3")
            .to_json(Some("r-1"));
        let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(value["status"], 400);
        assert_eq!(value["title"], "The \"request\" is malformed");
        assert_eq!(value["errors"][1]["detail"], "y\n");
        assert_eq!(value["available"], 3);
        assert_eq!(value["request_id"], "r-1");
    }
}
