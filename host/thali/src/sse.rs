//! Server-sent events (WHATWG HTML, section 9.2), as the admin API sends them.

use std::io::BufRead;

/// One server-sent event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Frame {
    /// What it is.
    pub(crate) event: String,
    /// Where a stream that broke is gone on with.
    pub(crate) id: Option<String>,
    /// What it says.
    pub(crate) data: String,
}

impl Frame {
    /// The next one; `None` when the stream has ended, or broke.
    pub(crate) fn read(stream: &mut impl BufRead) -> Option<Self> {
        let mut frame = Self::default();
        let mut line = String::new();
        loop {
            line.clear();
            if stream.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let text = line.trim_end_matches(['\n', '\r']);
            if text.is_empty() {
                return Some(frame);
            }
            let (field, value) = text.split_once(':').unwrap_or((text, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => frame.event = value.to_owned(),
                "id" => frame.id = Some(value.to_owned()),
                "data" => frame.data.push_str(value),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_one_by_one_and_a_broken_one_is_none() {
        let mut text =
            ":\nid: 6\n\nevent: log\nid: 7\ndata: {\"a\":1}\n\nevent: log\nid: 8".as_bytes();
        let place = Frame::read(&mut text).unwrap();
        assert_eq!((place.id.as_deref(), place.data.as_str()), (Some("6"), ""));
        let frame = Frame::read(&mut text).unwrap();
        assert_eq!(
            frame,
            Frame { event: "log".into(), id: Some("7".into()), data: "{\"a\":1}".into() }
        );
        assert_eq!(Frame::read(&mut text), None, "it broke off before its end");
    }
}
