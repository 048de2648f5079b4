//! One route as an OpenAPI operation.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::names::free;
use super::schema::Schemas;
use super::{Object, SERVER, describe, problems, security};
use crate::contract::{Contract, Function};
use crate::route::{BodyShape, LAST_EVENT_ID, Route, Stream};
use crate::ty::{Field, Type, json_name};

/// 1 to 255 visible ASCII characters, bare or as a quoted string.
const IDEMPOTENCY_KEY: &str = r#"^(?:[!#-~][!-~]{0,254}|"(?:[!#-\[\]-~]|\\["\\]){1,255}")$"#;

/// Everything that describing a route needs.
pub(super) struct Operation<'a> {
    pub(super) service: &'a str,
    pub(super) contract: &'a Contract,
    pub(super) route: &'a Route,
    /// The names of the path parameters, in template order.
    pub(super) path_params: &'a [String],
    pub(super) schemas: &'a mut Schemas,
    /// The operation ids so far.
    pub(super) ids: &'a mut HashSet<String>,
}

impl Operation<'_> {
    pub(super) fn describe(mut self) -> Value {
        let mut operation = Object::new();
        operation.insert("tags".into(), json!([self.service]));
        operation.insert("operationId".into(), self.id().into());
        if let Some((_, Function { docs: Some(docs), .. })) =
            self.contract.function(self.route.function())
        {
            let summary = docs.trim().lines().next().unwrap_or_default();
            operation.insert("summary".into(), summary.trim_end_matches('.').into());
            describe(&mut operation, Some(docs));
        }
        let parameters = self.parameters();
        if !parameters.is_empty() {
            operation.insert("parameters".into(), parameters.into());
        }
        if let Some(body) = self.request_body() {
            operation.insert("requestBody".into(), body);
        }
        operation.insert("security".into(), security::of(self.route.access()));
        operation.insert("responses".into(), self.responses().into());
        if let Some(stream) = self.route.stream() {
            operation.insert("x-thali-events".into(), self.events(stream));
        }
        operation.into()
    }

    fn id(&mut self) -> String {
        let function = self.route.function_name();
        let parts = [self.service, &self.route.interface().interface, function];
        let mut id = parts.map(json_name).join("_");
        if self.route.stream().is_some() {
            id.push_str("_stream");
        }
        let id = free(id, self.ids);
        self.ids.insert(id.clone());
        id
    }

    fn parameters(&mut self) -> Vec<Value> {
        let route = self.route;
        let path = self.path_params.iter().zip(route.path_params());
        let mut parameters: Vec<_> =
            path.map(|(name, field)| self.parameter("path", name, field)).collect();
        for field in route.query_params() {
            parameters.push(self.parameter("query", &field.json, field));
        }
        if route.is_idempotent() {
            parameters.push(json!({ "$ref": "#/components/parameters/IdempotencyKey" }));
        }
        if route.stream().is_some() {
            parameters.push(json!({ "$ref": "#/components/parameters/LastEventId" }));
            parameters.push(json!({ "$ref": "#/components/parameters/LastEventIdOfQuery" }));
        }
        parameters
    }

    fn parameter(&mut self, place: &str, name: &str, field: &Field) -> Value {
        let mut schema = self.schemas.of_text(&field.ty);
        let in_path = place == "path";
        if in_path
            && matches!(field.ty, Type::String)
            && let Some(schema) = schema.as_object_mut()
        {
            schema.insert("minLength".into(), 1.into());
        }
        let mut parameter = Object::new();
        parameter.insert("name".into(), name.into());
        parameter.insert("in".into(), place.into());
        // A list that is not there is empty.
        let may_be_absent = matches!(field.ty, Type::Option(_) | Type::List(_));
        parameter.insert("required".into(), (in_path || !may_be_absent).into());
        describe(&mut parameter, field.docs.as_deref());
        parameter.insert("schema".into(), schema);
        parameter.into()
    }

    fn request_body(&mut self) -> Option<Value> {
        let (schema, required) = match self.route.body() {
            BodyShape::None | BodyShape::Empty => return None,
            BodyShape::Members(fields) => {
                let required = fields.iter().any(|field| !matches!(field.ty, Type::Option(_)));
                (self.schemas.members(fields).into(), required)
            }
            BodyShape::Record(field) => (self.schemas.of(&field.ty), true),
        };
        Some(json!({
            "required": required,
            "content": { "application/json": { "schema": schema } },
        }))
    }

    fn responses(&mut self) -> Object {
        let mut responses = Object::new();
        if self.route.stream().is_some() {
            responses.insert("200".into(), stream_response());
            responses.insert("204".into(), ended_response());
        } else {
            for status in self.route.statuses() {
                responses.insert(status.to_string(), self.success(status));
            }
        }
        responses.extend(problems::responses(self.route, self.contract, self.schemas));
        responses
    }

    /// What the `data` of each event holds.
    fn events(&mut self, stream: &Stream) -> Value {
        let mut events = Object::new();
        let snapshot = self.route.success().map(|ty| self.schemas.of(ty));
        events.insert("snapshot".into(), snapshot.unwrap_or_default());
        for event in stream.events() {
            let mut schema = self.schemas.members(&event.params);
            describe(&mut schema, event.docs.as_deref());
            events.insert(event.name.clone(), schema.into());
        }
        events.into()
    }

    fn success(&mut self, status: u16) -> Value {
        let mut headers = problems::request_id();
        if let Some(location) = self.route.location() {
            headers.insert(
                "Location".into(),
                json!({
                    "description": format!("`{SERVER}{location}`"),
                    "required": true,
                    "schema": { "type": "string", "format": "uri-reference" },
                }),
            );
        }
        if self.route.is_idempotent() {
            headers.insert(
                "Idempotency-Replayed".into(),
                json!({ "$ref": "#/components/headers/IdempotencyReplayed" }),
            );
        }
        let mut response = Object::new();
        response.insert("description".into(), reason(status).into());
        response.insert("headers".into(), headers.into());
        if let Some(ty) = self.route.success() {
            let schema = self.schemas.of(ty);
            response.insert("content".into(), json!({ "application/json": { "schema": schema } }));
        }
        response.into()
    }
}

/// The parameters that many operations share.
pub(super) fn shared_parameters() -> Value {
    json!({
        "IdempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "required": false,
            "description": "Names the request, so that it is carried out once however often it is \
                sent. Choose a new one for each request, a UUID for example, and send the same one to \
                repeat it.",
            "schema": { "type": "string", "pattern": IDEMPOTENCY_KEY },
        },
        "LastEventId": {
            "name": "Last-Event-ID",
            "in": "header",
            "required": false,
            "description": "The id of the last event that the client has got: the stream goes on \
                after it, without the snapshot.",
            "schema": { "type": "string" },
        },
        "LastEventIdOfQuery": {
            "name": LAST_EVENT_ID,
            "in": "query",
            "required": false,
            "description": "`Last-Event-ID` for clients that cannot set headers. The header counts \
                when there are both.",
            "schema": { "type": "integer", "format": "int64", "minimum": 0 },
        },
    })
}

/// The answer of a stream that has not ended.
fn stream_response() -> Value {
    json!({
        "description": "Server-sent events: `snapshot` first, then every event as it happens, each \
            with its `id`; `gap` where some are missing. `x-thali-events` has what `data` holds. A \
            request that asks for an upgrade to a WebSocket gets the same as messages \
            `{\"id\": .., \"event\": .., \"data\": ..}`.",
        "headers": problems::request_id(),
        "content": { "text/event-stream": { "schema": { "type": "string" } } },
    })
}

/// The answer of a stream that has ended, to a client that has got everything.
fn ended_response() -> Value {
    json!({
        "description": "The stream has ended and the client has got all of it: do not come back.",
        "headers": problems::request_id(),
    })
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "Done; there is nothing to say",
        _ => "Success",
    }
}
