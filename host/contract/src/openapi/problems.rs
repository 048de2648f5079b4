//! What can go wrong with a request, as responses.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::schema::Schemas;
use super::{Object, describe};
use crate::contract::Contract;
use crate::problem::PROBLEM_JSON;
use crate::route::{ErrorCase, Route, is_reserved};
use crate::ty::{Field, Type};

/// A problem that the host answers by itself.
struct HostProblem {
    status: u16,
    /// The name of the shared response.
    name: &'static str,
    description: &'static str,
    codes: &'static [&'static str],
}

const BAD_REQUEST: HostProblem = HostProblem {
    status: 400,
    name: "BadRequest",
    description: "The request is malformed. `errors` lists every mistake.",
    codes: &["bad_request"],
};
/// Of a route that asks for a token.
const UNAUTHENTICATED: HostProblem = HostProblem {
    status: 401,
    name: "Unauthenticated",
    description: "The request has no token, or one that is not valid.",
    codes: &["unauthenticated", "invalid_token", "auth_not_configured"],
};
/// Of a route that asks for none.
const INVALID_TOKEN: HostProblem = HostProblem {
    status: 401,
    name: "InvalidToken",
    description: "The request has a token, which it need not have, and it is not valid.",
    codes: &["invalid_token", "auth_not_configured"],
};
const INSUFFICIENT_SCOPE: HostProblem = HostProblem {
    status: 403,
    name: "InsufficientScope",
    description: "The token does not allow this.",
    codes: &["insufficient_scope"],
};
const NOT_FOUND: HostProblem = HostProblem {
    status: 404,
    name: "NotFound",
    description: "There is nothing at this path.",
    codes: &["not_found"],
};
const BODY_TOO_SLOW: HostProblem = HostProblem {
    status: 408,
    name: "BodyTooSlow",
    description: "The body came too slowly.",
    codes: &["body_too_slow"],
};
const BODY_TOO_LARGE: HostProblem = HostProblem {
    status: 413,
    name: "BodyTooLarge",
    description: "The body is too large.",
    codes: &["body_too_large"],
};
const URL_TOO_LONG: HostProblem = HostProblem {
    status: 414,
    name: "UrlTooLong",
    description: "The URL is too long.",
    codes: &["url_too_long"],
};
const UNSUPPORTED_MEDIA_TYPE: HostProblem = HostProblem {
    status: 415,
    name: "UnsupportedMediaType",
    description: "The body is not `application/json`.",
    codes: &["unsupported_media_type"],
};
const IN_PROGRESS: HostProblem = HostProblem {
    status: 409,
    name: "InProgress",
    description: "A request with this idempotency key is still running.",
    codes: &["idempotency_in_progress"],
};
const KEY_REUSED: HostProblem = HostProblem {
    status: 422,
    name: "KeyReused",
    description: "The idempotency key was used for another request.",
    codes: &["idempotency_key_reused"],
};
const TOO_MANY_FAILURES: HostProblem = HostProblem {
    status: 429,
    name: "TooManyFailures",
    description: "Too many requests with bad tokens came from the client's address.",
    codes: &["too_many_failures"],
};
const TOO_MANY_STREAMS: HostProblem = HostProblem {
    status: 429,
    name: "TooManyStreams",
    description: "The client has as many streams open as it may have, or too many requests with bad \
        tokens came from its address.",
    codes: &["too_many_failures", "too_many_streams"],
};
const RATE_LIMITED: HostProblem = HostProblem {
    status: 429,
    name: "RateLimited",
    description: "The client has sent as many requests as it may for now, or too many requests with bad \
        tokens came from its address.",
    codes: &["rate_limited", "too_many_failures"],
};
const TOO_MANY: HostProblem = HostProblem {
    status: 429,
    name: "TooMany",
    description: "The client has sent as many requests, or has as many streams open, as it may, or too many \
        requests with bad tokens came from its address.",
    codes: &["rate_limited", "too_many_failures", "too_many_streams"],
};
const FAILED: HostProblem = HostProblem {
    status: 500,
    name: "Failed",
    description: "The service or the host failed. The log has the reason, under the request's id.",
    codes: &["internal", "trapped"],
};
const INVALID_RESULT: HostProblem = HostProblem {
    status: 502,
    name: "InvalidResult",
    description: "The service answered with a number that JSON cannot hold.",
    codes: &["invalid_result"],
};
const OVERLOADED: HostProblem = HostProblem {
    status: 503,
    name: "Overloaded",
    description: "The host or the service is at its limit.",
    codes: &["overloaded"],
};
const UNAVAILABLE: HostProblem = HostProblem {
    status: 503,
    name: "Unavailable",
    description: "The host or the service is at its limit, or a service that is needed is not there, \
                  or calls to it are cut off because it failed.",
    codes: &["overloaded", "unavailable", "waiting", "breaker_open"],
};
const DEADLINE: HostProblem = HostProblem {
    status: 504,
    name: "Deadline",
    description: "The service did not answer in time, or computed for longer than it may.",
    codes: &["cpu_limit", "deadline"],
};
const CALL_DEPTH: HostProblem = HostProblem {
    status: 508,
    name: "CallDepth",
    description: "Services call each other too deeply.",
    codes: &["call_depth"],
};

const ALL: [&HostProblem; 21] = [
    &BAD_REQUEST,
    &UNAUTHENTICATED,
    &INVALID_TOKEN,
    &INSUFFICIENT_SCOPE,
    &NOT_FOUND,
    &BODY_TOO_SLOW,
    &BODY_TOO_LARGE,
    &URL_TOO_LONG,
    &UNSUPPORTED_MEDIA_TYPE,
    &IN_PROGRESS,
    &KEY_REUSED,
    &TOO_MANY_FAILURES,
    &TOO_MANY_STREAMS,
    &RATE_LIMITED,
    &TOO_MANY,
    &FAILED,
    &INVALID_RESULT,
    &OVERLOADED,
    &UNAVAILABLE,
    &DEADLINE,
    &CALL_DEPTH,
];

/// What the host may answer by itself to a request for the route.
fn of_host(route: &Route, contract: &Contract) -> Vec<&'static HostProblem> {
    let takes_body = route.takes_body();
    let has_path_params = route.path_params().len() > 0;
    let is_idempotent = route.is_idempotent();
    let calls = contract.service_imports().next().is_some();
    let is_stream = route.stream().is_some();
    let needs_token = route.access().needs_token();
    let is_limited = route.edge().rate.is_some() || route.edge().service_rate.is_some();
    // Where answers or events are kept, the database is one more thing that may not be there.
    let needs = calls || is_idempotent || is_stream;
    let mut payloads = route.errors().iter().filter_map(|case| case.payload.as_ref());
    let has_floats = route.success().is_some_and(has_floats) || payloads.any(has_floats);
    let wanted = [
        (true, &BAD_REQUEST),
        (needs_token, &UNAUTHENTICATED),
        (!needs_token, &INVALID_TOKEN),
        (route.access().scope().is_some(), &INSUFFICIENT_SCOPE),
        // A path without a value for its parameter is another path.
        (has_path_params, &NOT_FOUND),
        (takes_body, &BODY_TOO_SLOW),
        (takes_body, &BODY_TOO_LARGE),
        (true, &URL_TOO_LONG),
        (takes_body, &UNSUPPORTED_MEDIA_TYPE),
        (is_idempotent, &IN_PROGRESS),
        (is_idempotent, &KEY_REUSED),
        (!is_stream && !is_limited, &TOO_MANY_FAILURES),
        (is_stream && !is_limited, &TOO_MANY_STREAMS),
        (!is_stream && is_limited, &RATE_LIMITED),
        (is_stream && is_limited, &TOO_MANY),
        (true, &FAILED),
        (has_floats, &INVALID_RESULT),
        (!needs, &OVERLOADED),
        (needs, &UNAVAILABLE),
        (true, &DEADLINE),
        (calls, &CALL_DEPTH),
    ];
    wanted.into_iter().filter(|(wanted, _)| *wanted).map(|(_, problem)| problem).collect()
}

/// Whether a value may hold a float, hence NaN.
fn has_floats(ty: &Type) -> bool {
    match ty {
        Type::F32 | Type::F64 => true,
        Type::List(inner) | Type::FixedList(inner, _) | Type::Option(inner) => has_floats(inner),
        Type::Map(key, value) => has_floats(key) || has_floats(value),
        Type::Tuple(types) => types.iter().any(has_floats),
        Type::Record(record) => record.fields.iter().any(|field| has_floats(&field.ty)),
        Type::Variant(variant) => {
            variant.cases.iter().filter_map(|case| case.ty.as_ref()).any(has_floats)
        }
        Type::Result(result) => result.ok.iter().chain(&result.err).any(has_floats),
        _ => false,
    }
}

/// Every problem that a route can answer, by status.
pub(super) fn responses(route: &Route, contract: &Contract, schemas: &mut Schemas) -> Object {
    let mut by_status: BTreeMap<u16, (Option<&HostProblem>, Vec<&ErrorCase>)> = BTreeMap::new();
    for problem in of_host(route, contract) {
        by_status.entry(problem.status).or_default().0 = Some(problem);
    }
    for case in route.errors() {
        by_status.entry(case.status).or_default().1.push(case);
    }
    by_status
        .into_iter()
        .map(|(status, (host, cases))| {
            let response = match (host, cases.as_slice()) {
                (Some(host), []) => {
                    json!({ "$ref": format!("#/components/responses/{}", host.name) })
                }
                (host, cases) => own_response(status, host, cases, schemas),
            };
            (status.to_string(), response)
        })
        .collect()
}

/// The response of a status that error cases of the function answer, and perhaps the host too.
fn own_response(
    status: u16,
    host: Option<&HostProblem>,
    cases: &[&ErrorCase],
    schemas: &mut Schemas,
) -> Value {
    let host_codes = host.map_or(&[][..], |host| host.codes);
    let mut lines: Vec<_> = cases
        .iter()
        .map(|case| {
            let docs = case.docs.as_deref().unwrap_or(&case.title);
            let docs = docs.split_whitespace().collect::<Vec<_>>().join(" ");
            format!("- `{}`: {docs}", case.code)
        })
        .collect();
    if let Some(host) = host {
        let codes: Vec<_> = host.codes.iter().map(|code| format!("`{code}`")).collect();
        lines.push(format!("- {}: {}", codes.join(", "), host.description));
    }
    let schema = if cases.iter().all(|case| case.payload.is_none()) {
        let mut codes: Vec<&str> = cases.iter().map(|case| case.code.as_str()).collect();
        codes
            .extend(host_codes.iter().filter(|code| !cases.iter().any(|case| case.code == **code)));
        with_codes(status, &codes)
    } else {
        let mut shapes: Vec<_> = cases.iter().map(|case| case_schema(case, schemas)).collect();
        if !host_codes.is_empty() {
            shapes.push(with_codes(status, host_codes));
        }
        // The host and a case may share a code: `anyOf`.
        if shapes.len() > 1 { json!({ "anyOf": shapes }) } else { json!(shapes.pop()) }
    };
    response(&lines.join("\n"), schema, status == 503)
}

fn with_codes(status: u16, codes: &[&str]) -> Value {
    json!({ "properties": { "status": { "const": status }, "code": { "enum": codes } } })
}

/// The members of an error case's problem document that others do not have.
fn case_schema(case: &ErrorCase, schemas: &mut Schemas) -> Value {
    let mut members = Members::default();
    members.properties.insert("status".into(), json!({ "const": case.status }));
    members.properties.insert("code".into(), json!({ "const": case.code }));
    if let Some(ty) = &case.payload {
        members.add(ty, true, schemas);
    }
    let mut schema = Object::new();
    schema.insert("title".into(), case.code.as_str().into());
    describe(&mut schema, case.docs.as_deref());
    schema.insert("properties".into(), members.properties.into());
    if !members.required.is_empty() {
        schema.insert("required".into(), members.required.into());
    }
    schema.into()
}

/// What a payload becomes in a problem document. [`Route::respond`] does the same to values.
#[derive(Default)]
struct Members {
    properties: Object,
    required: Vec<String>,
}

impl Members {
    fn add(&mut self, ty: &Type, required: bool, schemas: &mut Schemas) {
        match ty {
            Type::String => self.insert("detail", json!({ "type": "string" }), required),
            Type::Option(inner) => self.add(inner, false, schemas),
            Type::Record(record) => self.add_fields(&record.fields, required, schemas),
            ty => self.insert("value", schemas.of(ty), required),
        }
    }

    fn add_fields(&mut self, fields: &[Field], required: bool, schemas: &mut Schemas) {
        let (reserved, free): (Vec<_>, Vec<_>) =
            fields.iter().cloned().partition(|field| is_reserved(&field.json));
        for field in &free {
            let is_option = matches!(field.ty, Type::Option(_));
            self.insert(&field.json, schemas.field(field), required && !is_option);
        }
        if !reserved.is_empty() {
            let all_options = reserved.iter().all(|field| matches!(field.ty, Type::Option(_)));
            let details = schemas.members(&reserved);
            self.insert("details", details.into(), required && !all_options);
        }
    }

    fn insert(&mut self, name: &str, schema: Value, required: bool) {
        self.properties.insert(name.into(), schema);
        if required {
            self.required.push(name.into());
        }
    }
}

/// A response with a problem document of this schema.
fn response(description: &str, schema: Value, says_when: bool) -> Value {
    let mut headers = request_id();
    if says_when {
        headers.insert("Retry-After".into(), json!({ "$ref": "#/components/headers/RetryAfter" }));
    }
    json!({
        "description": description,
        "headers": headers,
        "content": {
            PROBLEM_JSON: { "schema": {
                "allOf": [{ "$ref": "#/components/schemas/Problem" }, schema],
            } },
        },
    })
}

/// The header that every response has.
pub(super) fn request_id() -> Object {
    let mut headers = Object::new();
    headers.insert("X-Request-Id".into(), json!({ "$ref": "#/components/headers/RequestId" }));
    headers
}

/// The responses that many routes share.
pub(super) fn shared_responses() -> Object {
    ALL.iter()
        .map(|problem| {
            let schema = with_codes(problem.status, problem.codes);
            let says_when = matches!(problem.status, 409 | 429 | 503);
            (problem.name.into(), response(problem.description, schema, says_when))
        })
        .collect()
}

/// The headers that many responses share.
pub(super) fn headers() -> Value {
    json!({
        "RequestId": {
            "description": "Names this request in the host's log.",
            "required": true,
            "schema": { "type": "string", "format": "uuid" },
        },
        "IdempotencyReplayed": {
            "description": "The answer to an earlier request with the same key.",
            "schema": { "type": "string", "const": "true" },
        },
        "RetryAfter": {
            "description": "Seconds after which another try makes sense.",
            "required": true,
            "schema": { "type": "integer", "minimum": 0 },
        },
    })
}

/// The schemas of what the host itself says.
pub(super) fn schemas() -> Object {
    let problem = json!({
        "type": "object",
        "description": "What went wrong (RFC 9457).",
        "properties": {
            "type": { "type": "string", "format": "uri-reference" },
            "title": {
                "type": "string", "description": "One short sentence that is the same every time.",
            },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "code": { "type": "string", "description": "For programs." },
            "detail": { "type": "string", "description": "What happened this time." },
            "errors": {
                "type": "array",
                "description": "Every mistake.",
                "items": { "$ref": "#/components/schemas/Mistake" },
            },
            "request_id": { "type": "string", "format": "uuid" },
        },
        "required": ["type", "title", "status", "code"],
    });
    let mistake = json!({
        "type": "object",
        "description": "One thing that is wrong with a request.",
        "properties": {
            "pointer": {
                "type": "string",
                "description": "Where: a JSON pointer (RFC 6901) into the body, `?name` for a query \
                    parameter, `{name}` for a path parameter, or empty for the whole.",
            },
            "detail": {
                "type": "string", "description": "What was expected and what was there.",
            },
        },
        "required": ["pointer", "detail"],
        "additionalProperties": false,
    });
    let mut schemas = Object::new();
    schemas.insert("Problem".into(), problem);
    schemas.insert("Mistake".into(), mistake);
    schemas
}
