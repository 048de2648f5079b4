use super::*;

#[test]
fn a_path_parameter_binds_by_name() {
    let route = route("\"GET /orders/{id}\" = \"ordering.get\"");
    assert_eq!(decode(&route, &["a b"], "", "").unwrap(), [string("a b")]);
    assert_eq!(route.path_params().map(|field| field.name.as_str()).collect::<Vec<_>>(), ["id"]);
    assert!(matches!(route.body(), BodyShape::None));
}

#[test]
fn a_path_parameter_of_the_wrong_type_is_told_by_name() {
    let route = route("\"DELETE /orders/{id}\" = \"ordering.remove\"");
    assert_eq!(decode(&route, &["7"], "", "").unwrap(), [Val::U32(7)]);
    let found = refused(&route, &["seven"], "", "");
    assert!(found[0].starts_with("{id}: "), "{found:?}");
}

#[test]
fn one_record_is_the_body_itself() {
    let route = route("\"POST /orders\" = \"ordering.place\"");
    assert!(matches!(route.body(), BodyShape::Record(field) if field.name == "order"));
    let body = r#"{"restaurant_id":"1","items":[{"item_id":"2","quantity":3}]}"#;
    let line = Val::Record(vec![field("item-id", string("2")), field("quantity", Val::U32(3))]);
    let order = Val::Record(vec![
        field("restaurant-id", string("1")),
        field("items", Val::List(vec![line])),
        field("note", Val::Option(None)),
    ]);
    assert_eq!(decode(&route, &[], "", body).unwrap(), [order]);
}

#[test]
fn one_record_beside_the_path_is_the_body_itself() {
    let route = route("\"PUT /orders/{id}\" = \"ordering.update\"");
    assert!(matches!(route.body(), BodyShape::Record(field) if field.name == "order"));
    let values = decode(&route, &["5"], "", r#"{"restaurant_id":"1","items":[]}"#).unwrap();
    assert_eq!(values[0], string("5"));
    assert!(matches!(values[1], Val::Record(_)));
}

#[test]
fn other_arguments_are_members_of_the_body() {
    let route = route("\"POST /orders/{id}/status\" = \"ordering.set-status\"");
    assert!(matches!(route.body(), BodyShape::Members([field]) if field.json == "status"));
    let values = decode(&route, &["5"], "", r#"{"status":"picked_up"}"#).unwrap();
    assert_eq!(values, [string("5"), Val::Enum("picked-up".into())]);
}

#[test]
fn without_arguments_left_the_body_is_empty_or_an_empty_object() {
    let route = route("\"POST /orders/{id}/touch\" = \"ordering.touch\"");
    assert!(matches!(route.body(), BodyShape::Empty));
    for body in ["", " \n", "{}", " { } "] {
        assert_eq!(decode(&route, &["5"], "", body).unwrap(), [string("5")], "{body:?}");
    }
    for body in ["[]", "null", "{\"x\":1}", "{"] {
        assert_eq!(refused(&route, &["5"], "", body).len(), 1, "{body:?}");
    }
}

#[test]
fn a_get_takes_its_arguments_from_the_query() {
    let route = route("\"GET /orders\" = \"ordering.page\"");
    let values = decode(&route, &[], "status=placed&ids=1&ids=18446744073709551615", "").unwrap();
    let ids = Val::List(vec![Val::U64(1), Val::U64(u64::MAX)]);
    assert_eq!(values, [Val::Enum("placed".into()), Val::Option(None), ids]);
    let values = decode(&route, &[], "limit=5&status=placed", "").unwrap();
    assert_eq!(values[1..], [some(Val::U32(5)), Val::List(vec![])]);
}

#[test]
fn one_record_of_a_get_is_spread_over_the_query() {
    let route = route("\"GET /orders\" = \"ordering.search\"");
    let names: Vec<_> = route.query_params().iter().map(|field| field.json.as_str()).collect();
    assert_eq!(names, ["limit", "cuisine", "tag"]);
    let values = decode(&route, &[], "cuisine=a+b%26c&tag=x&&tag=", "").unwrap();
    let filter = Val::Record(vec![
        field("limit", Val::Option(None)),
        field("cuisine", some(string("a b&c"))),
        field("tag", Val::List(vec![string("x"), string("")])),
    ]);
    assert_eq!(values, [filter]);
}

#[test]
fn every_mistake_in_the_query_is_told() {
    let route = route("\"GET /orders\" = \"ordering.page\"");
    let found = refused(
        &route,
        &[],
        "limit=x&limt=1&ids=1&ids=y&status=placed&status=placed&%ff=1&z=%ff",
        "",
    );
    insta::assert_snapshot!(found.join("\n"));
    let found = refused(&route, &[], "limit=%ff", "");
    assert_eq!(found, ["?status: is missing: expected status", "?limit: not UTF-8"]);
}

#[test]
fn mistakes_in_path_query_and_body_come_in_one_list() {
    let route = route("\"PUT /orders/{id}\" = \"ordering.update\"");
    let found = refused(
        &route,
        &["5"],
        "x=1",
        r#"{"restaurant_id":1,"items":[{"item_id":"2","quantity":-3}]}"#,
    );
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with("?x: "), "{found:?}");
    assert!(found[2].starts_with("/items/0/quantity: "), "{found:?}");
    let remove = super::route("\"DELETE /orders/{id}\" = \"ordering.remove\"");
    let found = refused(&remove, &["x"], "y=1", "{}");
    assert_eq!(found.len(), 3, "{found:?}");
}

#[test]
fn nothing_in_a_request_panics() {
    use proptest::prelude::*;
    let all = routes(
        "[http]\n\"GET /orders\" = \"ordering.page\"\n\"GET /s\" = \"ordering.search\"\n\
         \"PUT /orders/{id}\" = \"ordering.update\"\n\"POST /p/{id}\" = \"ordering.set-status\"\n",
    );
    let query = prop::collection::vec(
        prop::sample::select(vec![
            "status", "=", "&", "ids", "%", "%f", "%ff", "+", "1", "limit", "é", "tag",
        ]),
        0..20,
    );
    proptest!(|(path in ".{0,8}", query in query, body in ".{0,30}")| {
        for route in &all {
            let _ = decode(route, &[&path], &query.concat(), &body);
        }
    });
}
