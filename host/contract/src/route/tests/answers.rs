use super::*;

fn order() -> Val {
    Val::Record(vec![
        field("id", string("a/b é")),
        field("number", Val::U64(7)),
        field("status", Val::Enum("picked-up".into())),
        field(
            "total",
            Val::Record(vec![field("lat", Val::Float64(1.0)), field("lon", Val::Float64(2.5))]),
        ),
        field("note", Val::Option(None)),
    ])
}

fn ok(value: Option<Val>) -> Option<Val> {
    Some(Val::Result(Ok(value.map(Box::new))))
}

fn err(value: Val) -> Option<Val> {
    Some(Val::Result(Err(Some(Box::new(value)))))
}

fn variant(case: &str, payload: Option<Val>) -> Val {
    Val::Variant(case.into(), payload.map(Box::new))
}

/// The answer's status and its problem document.
fn problem(route: &Route, error: Val) -> (u16, serde_json::Value, Option<u32>) {
    let answer = route.respond(err(error)).unwrap();
    let AnswerBody::Problem(problem) = answer.body else { panic!("{:?}", answer.body) };
    let json = serde_json::from_slice(&problem.to_json(None)).unwrap();
    (answer.status, json, problem.retry_after_seconds)
}

#[test]
fn success_is_json_with_status_and_location() {
    let route = route(
        "\"POST /orders\" = { call = \"ordering.place\", status = 201, location = \"/orders/{id}/{number}/{status}\" }",
    );
    let answer = route.respond(ok(Some(order()))).unwrap();
    assert_eq!(answer.status, 201);
    assert_eq!(answer.location.as_deref(), Some("/api/v1/orders/a%2Fb%20%C3%A9/7/picked_up"));
    let AnswerBody::Json(json) = answer.body else { panic!("{:?}", answer.body) };
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["status"], "picked_up");
    assert_eq!(json["number"], 7);
}

#[test]
fn a_member_of_the_result_may_say_the_status() {
    let route = route(
        "\"POST /orders\" = { call = \"ordering.place\", status = { status = { picked_up = 200, placed = 201 } } }",
    );
    assert_eq!((route.status(), route.statuses()), (201, vec![200, 201]));
    let mut order = order();
    for (label, status) in [("picked-up", 200), ("placed", 201)] {
        let Val::Record(fields) = &mut order else { panic!("{order:?}") };
        fields[2].1 = Val::Enum(label.into());
        assert_eq!(route.respond(ok(Some(order.clone()))).unwrap().status, status);
    }
    assert!(route.respond(ok(Some(Val::Bool(true)))).is_err());
    assert!(route.respond(ok(None)).is_err());
}

#[test]
fn what_returns_nothing_answers_204_unless_told_otherwise() {
    let touch = route("\"POST /orders/{id}/touch\" = \"ordering.touch\"");
    let empty = Answer { status: 204, location: None, body: AnswerBody::Empty };
    assert_eq!(touch.respond(None).unwrap(), empty);
    let remove = route("\"DELETE /orders/{id}\" = \"ordering.remove\"");
    assert_eq!(remove.respond(ok(None)).unwrap(), empty);
    let accepted = route(
        "\"POST /ping\" = { call = \"ordering.ping\", status = 202, location = \"/status\" }",
    );
    let answer = accepted.respond(None).unwrap();
    assert_eq!((answer.status, answer.location.as_deref()), (202, Some("/api/v1/status")));
}

#[test]
fn an_error_case_is_a_problem_with_its_status_and_title() {
    let route =
        route_with("\"GET /orders/{id}\" = \"ordering.get\"", "not-found = 404\nunavailable = 503");
    let (status, json, retry) = problem(&route, variant("not-found", None));
    assert_eq!((status, retry), (404, None));
    assert_eq!(
        json,
        serde_json::json!({"type": "about:blank", "title": "No such order", "status": 404, "code": "not_found"})
    );
    let (status, json, retry) = problem(&route, variant("unavailable", None));
    assert_eq!((status, retry), (503, Some(1)));
    assert_eq!(json["title"], "Unavailable");
}

#[test]
fn a_record_payload_becomes_members_and_overwrites_none() {
    let route = route("\"GET /orders/{id}\" = \"ordering.get\"");
    let shortage = |note| {
        Val::Record(vec![
            field("available", Val::U32(3)),
            field("status", string("x\"y")),
            field("note", note),
        ])
    };
    let (status, json, _) =
        problem(&route, variant("insufficient-stock", Some(shortage(Val::Option(None)))));
    assert_eq!(status, 422);
    assert_eq!(json["available"], 3);
    assert_eq!(json["status"], 422);
    assert_eq!(json["details"], serde_json::json!({"status": "x\"y"}));
    assert!(json.get("note").is_none());
    let (_, json, _) =
        problem(&route, variant("insufficient-stock", Some(shortage(some(string("n"))))));
    assert_eq!(json["note"], "n");
}

#[test]
fn a_payload_says_when_to_try_again() {
    let route = route_with("\"GET /orders/{id}\" = \"ordering.get\"", "busy = 429");
    let wait = Val::Record(vec![field("retry-after-seconds", Val::U32(90))]);
    let (status, json, retry) = problem(&route, variant("busy", Some(wait)));
    assert_eq!((status, retry, &json["retry_after_seconds"]), (429, Some(90), &90.into()));
}

#[test]
fn a_string_payload_is_the_detail_and_others_are_the_value() {
    let route = route("\"GET /orders/{id}\" = \"ordering.get\"");
    let (_, json, _) = problem(&route, variant("item-unavailable", Some(string("no basil"))));
    assert_eq!((&json["code"], &json["detail"]), (&"item_unavailable".into(), &"no basil".into()));
    let (_, json, _) = problem(&route, variant("too-many", Some(Val::U32(9))));
    assert_eq!(json["value"], 9);
}

#[test]
fn an_error_that_is_no_variant_has_the_code_error() {
    let set = route_with("\"POST /orders/{id}\" = \"ordering.set-status\"", "error = 409");
    let (status, json, _) = problem(&set, string("too late"));
    assert_eq!(
        (status, &json["code"], &json["detail"]),
        (409, &"error".into(), &"too late".into())
    );
    let bare = route("\"POST /bare\" = \"ordering.bare\"");
    let answer = bare.respond(Some(Val::Result(Err(None)))).unwrap();
    assert_eq!(answer.status, 422);
    assert_eq!(bare.respond(ok(None)).unwrap().status, 204);
}

#[test]
fn an_enum_case_is_a_problem_too() {
    let route = route_with("\"DELETE /orders/{id}\" = \"ordering.remove\"", "closed = 409");
    let (status, json, _) = problem(&route, Val::Enum("closed".into()));
    assert_eq!((status, &json["title"]), (409, &"Closed".into()));
    assert_eq!(route.errors()[0].code, "closed");
}

#[test]
fn a_value_of_another_type_is_an_error_and_no_panic() {
    let route = route("\"GET /orders/{id}\" = \"ordering.get\"");
    for wrong in [
        None,
        Some(Val::U8(1)),
        ok(None),
        ok(Some(Val::U8(1))),
        err(Val::U8(1)),
        err(variant("unknown", None)),
        err(variant("not-found", Some(Val::U8(1)))),
        err(variant("too-many", None)),
        Some(Val::Result(Err(None))),
    ] {
        assert!(route.respond(wrong.clone()).is_err(), "{wrong:?}");
    }
}
