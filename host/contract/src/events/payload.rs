//! An event as it is stored: its key as text, its parameters as one JSON object.

use thiserror::Error;
use wasmtime::component::Val;

use crate::contract::Function;
use crate::json::{self, EncodeError};
use crate::problem::{Mistake, push_string};

/// An event as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The first parameter, as it would be written in a path.
    pub key: String,
    /// All parameters by their JSON names, the key included.
    pub payload: String,
}

/// Why an event cannot be stored.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PayloadError {
    /// A value has no JSON form: not-a-number, say.
    #[error("{parameter}: {reason}")]
    Value {
        /// The parameter's JSON name.
        parameter: String,
        /// What is wrong with it.
        reason: EncodeError,
    },
    /// Not as many values as parameters, or no key among them. Only the host can be at fault.
    #[error("the values do not fit the parameters")]
    Shape,
}

/// Encodes the parameters of an event.
///
/// # Errors
///
/// When a value has no JSON form.
pub fn encode(function: &Function, params: &[Val]) -> Result<Encoded, PayloadError> {
    if params.len() != function.params.len() {
        return Err(PayloadError::Shape);
    }
    let key = params.first().and_then(json::encode_text).ok_or(PayloadError::Shape)?;
    let mut out = Vec::with_capacity(128);
    out.push(b'{');
    for (at, (param, value)) in function.params.iter().zip(params).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push_string(&mut out, &param.json);
        out.push(b':');
        json::encode(&param.ty, value, &mut out)
            .map_err(|reason| PayloadError::Value { parameter: param.json.clone(), reason })?;
    }
    out.push(b'}');
    let payload = String::from_utf8(out).map_err(|_| PayloadError::Shape)?;
    Ok(Encoded { key, payload })
}

/// Decodes what [`encode`] made into the parameters of a subscriber's function.
///
/// # Errors
///
/// Everything that does not fit the function's types.
pub fn decode(function: &Function, payload: &str) -> Result<Vec<Val>, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let members: Vec<_> = function.params.iter().collect();
    let values = json::decode_members(&members, payload.as_bytes(), &mut mistakes);
    match values.into_iter().collect::<Option<Vec<_>>>() {
        Some(values) if mistakes.is_empty() => Ok(values),
        _ => Err(mistakes),
    }
}
