use std::sync::Arc;

use serde_json::{Value, json};
use wasmtime::component::Val;

use super::*;
use crate::route::{AnswerBody, Routes};

const WIT: &str = "
    package thali:orders@1.0.0;

    /// Placing orders.
    interface ordering {
        use thali:types/types@1.0.0.{money};
        /// One line of an order.
        record line {
            /// The dish.
            item-id: string,
            /// How many of it.
            quantity: u32,
        }
        /// What a customer wants.
        record new-order {
            restaurant-id: string,
            items: list<line>,
            payment: payment,
            note: option<string>,
        }
        /// How it is paid.
        variant payment {
            /// At the door.
            cash,
            /// Before.
            card(card),
        }
        record card { number: string, expiry: tuple<u8, u16> }
        /// An order as it stands.
        record order {
            id: string,
            number: u64,
            status: status,
            total: money,
            signature: list<u8>,
            lat: f64,
            note: option<option<string>>,
            extras: map<u8, result<s8, string>>,
            marks: marks,
        }
        flags marks { gift, %list }
        /// How far it is.
        enum status {
            /// Accepted.
            placed,
            picked-up,
        }
        record shortage { available: u32, status: option<string>, code: string, note: option<string> }
        /// Why not.
        variant error {
            /// No such order.
            not-found,
            /// Not enough is there.
            insufficient-stock(shortage),
            closed(option<string>),
            too-many(u32),
            unavailable,
        }

        /// Places an order.
        ///
        /// It is charged later.
        place: func(order: new-order) -> result<order, error>;
        /// One order.
        get: func(id: string) -> result<order, error>;
        /// Some orders.
        page: func(status: option<status>, limit: u8, ids: list<u64>) -> list<order>;
        set-status: func(id: u64, status: status, note: option<string>) -> result<order, string>;
        note: func(id: string, note: option<string>);
        remove: func(order: string) -> result<_, error>;
        near: func(lat: f32) -> u32;
    }
    interface kitchen {
        /// Another error.
        enum error { closed }
        open: func() -> result<u8, error>;
    }
    world w { export ordering; export kitchen; import thali:payments/charging@1.0.0; }
    package thali:types@1.0.0 {
        interface types { record money { amount: s64, currency: string } }
    }
    package thali:payments@1.0.0 { interface charging { charge: func(); } }
";

const HTTP: &str = r#"
    [http]
    "POST /orders" = { call = "ordering.place", status = 201, location = "/orders/{id}", idempotent = true }
    "GET /orders/{id}" = "ordering.get"
    "GET /orders" = "ordering.page"
    "PUT /orders/{id}/status" = "ordering.set-status"
    "POST /orders/{id}/note" = { call = "ordering.note", idempotent = true }
    "DELETE /orders/{order}" = "ordering.remove"
    "GET /near/{lat}" = "ordering.near"
    [errors]
    not-found = 404
    insufficient-stock = 409
    closed = 409
    too-many = 409
    unavailable = 503
"#;

/// A service of this name with the contract above.
struct Service {
    manifest: Manifest,
    contract: Contract,
    routes: Vec<Arc<Route>>,
}

impl Service {
    fn new(name: &str, rest: &str) -> Self {
        let text = format!(
            "[service]\nname = {name:?}\nversion = \"1.0.0\"\ndescription = \"Takes orders.\"\n{rest}"
        );
        let manifest = Manifest::parse(&text).unwrap();
        let contract = crate::testing::contract(WIT);
        let routes = Routes::build(&manifest, &contract).unwrap();
        Self { manifest, contract, routes: routes.into_iter().map(Arc::new).collect() }
    }

    fn doc(&self) -> ServiceDoc<'_> {
        ServiceDoc { manifest: &self.manifest, contract: &self.contract, routes: &self.routes }
    }

    fn route(&self, text: &str) -> &Route {
        self.routes.iter().find(|route| route.to_string() == text).unwrap()
    }
}

fn parsed(services: &[ServiceDoc<'_>]) -> Value {
    let info = Info { version: "1.2.3".into(), ..Info::default() };
    serde_json::from_slice(&document(services, &info)).unwrap()
}

/// The schema of what a response has as its body, ready to be checked against.
fn body_validator(document: &Value, pointer: &str, media_type: &str) -> jsonschema::Validator {
    let mut response = document.pointer(pointer).unwrap();
    if let Some(shared) = response["$ref"].as_str() {
        response = document.pointer(&shared[1..]).unwrap();
    }
    let schema = &response["content"][media_type]["schema"];
    assert!(schema.is_object(), "{response}");
    let whole = json!({ "components": document["components"], "allOf": [schema] });
    jsonschema::draft202012::new(&whole).unwrap()
}

#[test]
fn the_document_of_a_service_is_complete() {
    let service = Service::new("orders", HTTP);
    insta::assert_json_snapshot!(parsed(&[service.doc()]));
}

#[test]
fn services_with_types_routes_and_functions_of_one_name_do_not_clash() {
    let orders = Service::new("orders", "");
    let other = Service::new("more-orders", "");
    let document = parsed(&[orders.doc(), other.doc()]);
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for name in ["Orders.Order", "MoreOrders.Order", "Orders.Money", "MoreOrders.Money", "Problem"]
    {
        assert!(schemas.contains_key(name), "{name}");
    }
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 16);
    let ids: HashSet<_> =
        paths.values().map(|item| item["post"]["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 16);
    assert!(ids.contains("more_orders_ordering_set_status"));
}

#[test]
fn paths_that_differ_in_the_names_of_parameters_are_one() {
    let service = Service::new("orders", HTTP);
    let document = parsed(&[service.doc()]);
    assert!(document["paths"].get("/orders/{order}").is_none());
    let item = &document["paths"]["/orders/{id}"];
    assert_eq!(item["get"]["parameters"][0]["name"], "id");
    assert_eq!(item["delete"]["parameters"][0]["name"], "id");
}

#[test]
fn only_what_can_happen_is_promised() {
    let service = Service::new("orders", HTTP);
    let document = parsed(&[service.doc()]);
    let statuses = |path: &str, method: &str| {
        let responses = document["paths"][path][method]["responses"].as_object().unwrap();
        responses.keys().map(String::as_str).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        statuses("/orders", "post"),
        "201 400 401 404 408 409 413 414 415 422 429 500 502 503 504 508"
    );
    assert_eq!(statuses("/orders/{id}", "delete"), "204 400 401 404 409 414 429 500 503 504 508");
    assert_eq!(
        statuses("/orders/{id}/status", "put"),
        "200 400 401 404 408 413 414 415 422 429 500 502 503 504 508"
    );
    assert_eq!(statuses("/near/{lat}", "get"), "200 400 401 404 414 429 500 503 504 508");
}

#[test]
fn what_a_caller_needs_is_told_with_every_operation() {
    let http = r#"[http]
    "GET /orders" = "ordering.page"
    "GET /orders/{id}" = { call = "ordering.get", auth = "required" }
    "DELETE /orders/{order}/all" = { call = "ordering.remove", scope = "orders:write" }
    "#;
    let service = Service::new("orders", http);
    let document = parsed(&[service.doc()]);
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    for (path, method, security, refusal, has_403) in [
        ("/orders", "get", json!([{}, { "bearer": [] }]), "InvalidToken", false),
        ("/orders/{id}", "get", json!([{ "bearer": [] }]), "Unauthenticated", false),
        (
            "/orders/{order}/all",
            "delete",
            json!([{ "bearer": ["orders:write"] }]),
            "Unauthenticated",
            true,
        ),
    ] {
        let operation = &document["paths"][path][method];
        assert_eq!(operation["security"], security);
        let refused = operation["responses"]["401"]["$ref"].as_str().unwrap();
        assert_eq!(refused, format!("#/components/responses/{refusal}"));
        assert_eq!(operation["responses"].get("403").is_some(), has_403);
    }
}

/// Every problem that the route's function can return is what the document says, and nothing that has
/// another code is.
#[test]
fn problems_are_as_promised() {
    let service = Service::new("orders", HTTP);
    let document = parsed(&[service.doc()]);
    let route = service.route("GET /orders/{id}");
    let text = |text: &str| Val::String(text.into());
    let some = |value: Val| Val::Option(Some(Box::new(value)));
    let shortage = |status, note| {
        Val::Record(vec![
            ("available".into(), Val::U32(3)),
            ("status".into(), status),
            ("code".into(), text("x")),
            ("note".into(), note),
        ])
    };
    for (case, payload) in [
        ("not-found", None),
        ("insufficient-stock", Some(shortage(Val::Option(None), Val::Option(None)))),
        ("insufficient-stock", Some(shortage(some(text("a")), some(text("b"))))),
        ("closed", Some(Val::Option(None))),
        ("closed", Some(some(text("until Monday")))),
        ("too-many", Some(Val::U32(7))),
        ("unavailable", None),
    ] {
        let error = Val::Variant(case.into(), payload.map(Box::new));
        let answer = route.respond(Some(Val::Result(Err(Some(Box::new(error)))))).unwrap();
        let AnswerBody::Problem(problem) = answer.body else { panic!("{:?}", answer.body) };
        let pointer = format!("/paths/~1orders~1{{id}}/get/responses/{}", answer.status);
        let validator = body_validator(&document, &pointer, "application/problem+json");
        let id = "0190163d-8694-739b-aea5-966c26f8ad91";
        let mut body: Value = serde_json::from_slice(&problem.to_json(Some(id))).unwrap();
        if let Err(error) = validator.validate(&body) {
            panic!("{body}: {error}");
        }
        body["code"] = "else".into();
        assert!(!validator.is_valid(&body), "{body}");
    }
}

/// The members that move under `details` are the ones that `Route::respond` moves.
#[test]
fn reserved_members_of_a_payload_are_under_details() {
    let service = Service::new("orders", HTTP);
    let document = parsed(&[service.doc()]);
    let response = "/paths/~1orders~1{id}/get/responses/409";
    let validator = body_validator(&document, response, "application/problem+json");
    let body = json!({
        "type": "about:blank", "title": "t", "status": 409, "code": "insufficient_stock",
        "available": 3, "details": { "code": "x" },
    });
    assert!(validator.is_valid(&body));
    let mut without = body.clone();
    without.as_object_mut().unwrap().remove("details");
    assert!(!validator.is_valid(&without));
    let mut wrong = body;
    wrong["details"]["note"] = "not here".into();
    assert!(!validator.is_valid(&wrong));
}

#[test]
fn an_empty_host_has_a_document_too() {
    let document = parsed(&[]);
    assert_eq!(document["paths"], json!({}));
    assert_eq!(document["openapi"], "3.1.0");
}
