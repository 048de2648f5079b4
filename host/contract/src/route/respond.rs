//! A result becomes an answer.

use wasmtime::component::Val;

use super::{ErrorCase, ErrorCases, Route};
use crate::json::{self, EncodeError};
use crate::problem::Problem;
use crate::ty::{Record, Type};

/// Room for a small JSON body without growing.
const BODY_BYTES: usize = 512;

/// Seconds after which a client may try again what was unavailable.
const RETRY_AFTER_SECONDS: u32 = 1;

/// The field of a payload that is sent as `Retry-After` as well: how long to wait is the service's to say.
const RETRY_AFTER: &str = "retry-after-seconds";

/// The member that holds what a payload must not overwrite.
const DETAILS: &str = "details";

/// What problem documents use themselves: a payload never overwrites these.
const RESERVED: [&str; 9] =
    ["type", "title", "status", "detail", "code", "errors", "request_id", "instance", DETAILS];

/// What to answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The value of the `Location` header.
    pub location: Option<String>,
    /// The body.
    pub body: AnswerBody,
}

/// The body of an [`Answer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerBody {
    /// None.
    Empty,
    /// JSON text.
    Json(Vec<u8>),
    /// A problem document; its status is the answer's.
    Problem(Problem),
}

impl Route {
    /// The answer to what the function returned.
    ///
    /// # Errors
    ///
    /// The value is not of the function's type, or has a number that JSON cannot hold.
    pub fn respond(&self, result: Option<Val>) -> Result<Answer, EncodeError> {
        let case = match (&self.errors, result) {
            (ErrorCases::None, value) => return self.succeed(value.as_ref()),
            (_, Some(Val::Result(Ok(value)))) => return self.succeed(value.as_deref()),
            (ErrorCases::Named(cases), Some(Val::Result(Err(Some(error))))) => match *error {
                Val::Variant(name, payload) => {
                    cases.iter().find(|case| case.name == name).map(|case| (case, payload))
                }
                Val::Enum(name) => {
                    cases.iter().find(|case| case.name == name).map(|case| (case, None))
                }
                _ => None,
            },
            (ErrorCases::Whole(case), Some(Val::Result(Err(error)))) => Some((case, error)),
            _ => None,
        };
        let (case, payload) = case.ok_or_else(|| mismatch("the function's result"))?;
        Ok(refusal(problem(case, payload.as_deref())?))
    }

    fn succeed(&self, value: Option<&Val>) -> Result<Answer, EncodeError> {
        let status = self
            .success
            .status
            .of(value)
            .ok_or_else(|| mismatch("the record that says the status"))?;
        let (ty, value) = match (&self.success.ty, value) {
            (None, None) => {
                let location = self.location_of(None)?;
                return Ok(Answer { status, location, body: AnswerBody::Empty });
            }
            (Some(ty), Some(value)) => (ty, value),
            _ => return Err(mismatch("the function's result")),
        };
        let mut body = Vec::with_capacity(BODY_BYTES);
        json::encode(ty, value, &mut body)?;
        Ok(Answer {
            status,
            location: self.location_of(Some(value))?,
            body: AnswerBody::Json(body),
        })
    }

    fn location_of(&self, result: Option<&Val>) -> Result<Option<String>, EncodeError> {
        let Some(location) = &self.success.location else { return Ok(None) };
        location.fill(result).map(Some).ok_or_else(|| mismatch("the record that Location needs"))
    }
}

fn refusal(problem: Problem) -> Answer {
    Answer { status: problem.status, location: None, body: AnswerBody::Problem(problem) }
}

/// The problem document of an error case.
fn problem(case: &ErrorCase, payload: Option<&Val>) -> Result<Problem, EncodeError> {
    let mut problem = Problem::new(case.status, &*case.code, &*case.title);
    if case.status == 503 {
        problem = problem.retry_after(RETRY_AFTER_SECONDS);
    }
    match (&case.payload, payload) {
        (None, None) => Ok(problem),
        (Some(ty), Some(value)) => with_payload(problem, ty, value),
        _ => Err(mismatch("the error's payload")),
    }
}

/// A record's fields become members, a string the detail, anything else the member `value`.
fn with_payload(problem: Problem, ty: &Type, value: &Val) -> Result<Problem, EncodeError> {
    match (ty, value) {
        (Type::String, Val::String(text)) => Ok(problem.detail(text)),
        (Type::Option(_), Val::Option(None)) => Ok(problem),
        (Type::Option(inner), Val::Option(Some(value))) => with_payload(problem, inner, value),
        (Type::Record(record), Val::Record(values)) => with_members(problem, record, values),
        _ => Ok(problem.member("value", text(ty, value)?)),
    }
}

fn with_members(
    mut problem: Problem,
    record: &Record,
    values: &[(String, Val)],
) -> Result<Problem, EncodeError> {
    let mut details = String::new();
    for (field, (_, value)) in record.fields.iter().zip(values) {
        if matches!((&field.ty, value), (Type::Option(_), Val::Option(None))) {
            continue;
        }
        if let (RETRY_AFTER, Val::U32(seconds)) = (&*field.name, value) {
            problem = problem.retry_after(*seconds);
        }
        let json = text(&field.ty, value)?;
        if is_reserved(&field.json) {
            details.push(if details.is_empty() { '{' } else { ',' });
            details.push_str(&format!("{:?}:{json}", field.json));
        } else {
            problem = problem.member(&*field.json, json);
        }
    }
    if !details.is_empty() {
        details.push('}');
        problem = problem.member(DETAILS, details);
    }
    Ok(problem)
}

/// Whether a problem document uses this member itself, so that a payload's goes under `details`.
pub fn is_reserved(member: &str) -> bool {
    RESERVED.contains(&member)
}

fn text(ty: &Type, value: &Val) -> Result<String, EncodeError> {
    let mut out = Vec::new();
    json::encode(ty, value, &mut out)?;
    String::from_utf8(out).map_err(|_| mismatch("JSON"))
}

fn mismatch(expected: &str) -> EncodeError {
    let got = "a value of another type".into();
    EncodeError::Mismatch { at: String::new(), expected: expected.into(), got }
}
