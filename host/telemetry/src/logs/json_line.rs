//! Lines of services that are JSON already: many languages' loggers write an object a line.

use serde_json::{Map, Value};

use super::level::Level;
use super::record::{FIELD_BYTES_MAX, MESSAGE_BYTES_MAX, Record, cut};

/// The target of what services write.
const GUEST: &str = "guest";

/// What loggers call the text.
const MESSAGE: [&str; 2] = ["message", "msg"];

/// What loggers call the level.
const LEVEL: [&str; 2] = ["level", "severity"];

/// Takes level, message and members out of a record whose message is an object with a message in it. What says
/// whose the record is cannot be changed that way: members become fields.
pub(super) fn unfold(record: &mut Record) {
    let text = record.message.trim_end();
    if record.target != GUEST || !(text.starts_with('{') && text.ends_with('}')) {
        return;
    }
    let Ok(object) = serde_json::from_str::<Map<String, Value>>(text) else { return };
    let named = |names: [&'static str; 2]| {
        let text = |name| Some((name, object.get(name)?.as_str()?));
        names.into_iter().find_map(text)
    };
    let Some((message, said)) = named(MESSAGE) else { return };
    let level = named(LEVEL).and_then(|(name, called)| Some((name, Level::called(called)?)));
    let said = cut(said, MESSAGE_BYTES_MAX);
    if let Some((_, level)) = level {
        record.level = level;
    }
    // A level by a name that is none stays a field.
    let taken = [Some(message), level.map(|(name, _)| name)];
    for (name, value) in object {
        if !taken.contains(&Some(name.as_str())) {
            record.add(name, bounded(value));
        }
    }
    record.message = said;
}

/// What is nested becomes text, and no text is long.
fn bounded(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(cut(&text, FIELD_BYTES_MAX)),
        nested @ (Value::Array(_) | Value::Object(_)) => {
            Value::String(cut(&nested.to_string(), FIELD_BYTES_MAX))
        }
        plain => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::record;
    use super::*;

    fn unfolded(message: &str) -> Record {
        let mut record = Record { message: message.into(), ..record("orders") };
        unfold(&mut record);
        record
    }

    #[test]
    fn level_and_message_are_taken_and_the_rest_are_fields() {
        let record = unfolded(
            r#"{"level":"WARNING","msg":"late","order":7,"service":"payments","at":[1,2]}"#,
        );
        assert_eq!((record.level, record.message.as_str()), (Level::Warn, "late"));
        assert_eq!(record.service.as_deref(), Some("orders"), "nobody speaks for others");
        let mut fields: Vec<_> =
            record.fields.iter().map(|(name, value)| (&**name, value.to_string())).collect();
        fields.sort_unstable();
        assert_eq!(
            fields,
            [
                ("at", r#""[1,2]""#.to_owned()),
                ("order", "7".to_owned()),
                ("service", r#""payments""#.to_owned())
            ]
        );
    }

    #[test]
    fn what_is_no_such_object_stays_as_it_is() {
        for text in ["{", "{}", "plain", r#"{"level":"info"}"#, r#"{"message":5}"#, "[{}]"] {
            assert_eq!(unfolded(text).message, text);
        }
        let record = unfolded(r#"{"message":"a","level":"loud"}"#);
        assert_eq!(record.level, Level::Info);
        assert_eq!(record.fields.len(), 1, "what is no level stays a field");
    }
}
