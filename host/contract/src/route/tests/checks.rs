use super::*;

#[test]
fn every_route_that_cannot_work_is_refused_with_its_line() {
    insta::assert_snapshot!(mistakes(
        r#"[http]
"GET /a" = "orderin.get"
"GET /b" = "ordering.gte"
"GET /c/{oder}" = "ordering.get"
"GET /d/{at}" = "ordering.near"
"GET /e" = "streams.open"
"GET /f" = "streams.later"
"GET /g/{id}" = { call = "ordering.get", status = 204 }
"GET /h/{id}" = { call = "ordering.get", location = "/x/{total}/{note}/{idd}" }
"GET /i" = "ordering.nested"
"GET /j" = "ordering.pair"
"GET /k/{x}" = "ordering.ping"
"POST /l/{id}" = "ordering.touch"
"POST /l/{id2}" = "ordering.touch"
"#
    ));
}

#[test]
fn routes_that_differ_only_in_parameter_names_are_duplicates() {
    assert_eq!(
        mistakes(
            "[http]\n\"GET /a/{id}\" = \"ordering.get\"\n\"GET /a/{status}\" = \"ordering.page\"\n"
        ),
        "service.toml:6: \"GET /a/{status}\" and \"GET /a/{id}\" of line 5 are the same route"
    );
    routes(
        "[http]\n\"GET /a/{id}\" = \"ordering.get\"\n\"DELETE /a/{id}\" = \"ordering.remove\"\n",
    );
}

#[test]
fn a_member_that_says_the_status_is_an_enum_and_says_it_for_every_value() {
    let by = |status: &str| {
        mistakes(&format!(
            "[http]\n\"POST /a\" = {{ call = \"ordering.place\", status = {{ {status} }} }}\n"
        ))
    };
    assert_eq!(
        by("statu = { placed = 201 }"),
        "service.toml:5: the result has no member \"statu\" for a status; did you mean \"status\"?"
    );
    assert_eq!(
        by("number = { one = 201 }"),
        "service.toml:5: number cannot say the status: it is no enum"
    );
    assert_eq!(
        by("status = { place = 201, picked_up = 200 }"),
        "service.toml:5: status is never \"place\"; did you mean \"placed\"?\n\
         service.toml:5: status may be \"placed\": say its status"
    );
    assert_eq!(
        by("status = { placed = 201, picked_up = 204 }"),
        "service.toml:5: a 204 has no body, but place returns order"
    );
}

#[test]
fn error_entries_must_name_a_case_that_a_routed_function_returns() {
    assert_eq!(
        mistakes(
            "[http]\n\"GET /a/{id}\" = \"ordering.get\"\n[errors]\nnot_found = 404\nclosed = 409\n"
        ),
        "service.toml:7: no routed function returns the error case \"not_found\"; did you mean \"not-found\"?\n\
         service.toml:8: no routed function returns the error case \"closed\""
    );
}

#[test]
fn calls_must_name_an_import_that_services_serve() {
    assert_eq!(
        mistakes(
            "[http]\n[calls.\"thali:payment/charging\"]\noptional = true\n[calls.\"wasi:io/streams\"]\n"
        ),
        "service.toml:5: the component does not import thali:payment/charging; did you mean \"thali:payments/charging\"?\n\
         service.toml:7: wasi:io/streams comes from the host, not from a service"
    );
    routes("[http]\n[calls.\"thali:payments/charging\"]\noptional = true\n");
}

#[test]
fn without_a_table_every_function_that_can_be_has_a_route() {
    let all = routes("[errors]\nnot-found = 404\n");
    let shown: Vec<_> = all.iter().map(ToString::to_string).collect();
    assert_eq!(shown.len(), 14, "{shown:?}");
    assert_eq!(shown[0], "POST /orders/ordering/place");
    assert_eq!(shown[13], "POST /orders/streams/count");
    assert!(all.iter().all(Route::is_implied));
    let body = r#"{"order":{"restaurant_id":"1","items":[]}}"#;
    assert!(matches!(decode(&all[0], &[], "", body).unwrap()[..], [Val::Record(_)]));
    let update = r#"{"id":"1","order":{"restaurant_id":"1","items":[]}}"#;
    assert_eq!(decode(&all[6], &[], "", update).unwrap().len(), 2);
    assert!(matches!(all[8].body(), BodyShape::Empty));
    assert!(routes("[http]\n").is_empty());
}

#[test]
fn a_call_may_name_its_interface_in_full() {
    for call in ["ordering.get", "thali:orders/ordering.get", "thali:orders/ordering@1.0.0.get"] {
        let route = route(&format!("\"GET /a/{{id}}\" = \"{call}\""));
        assert_eq!(route.function_name(), "get");
        assert_eq!(route.interface().to_string(), "thali:orders/ordering@1.0.0");
        assert_eq!(route.line(), Some(5));
    }
}

#[test]
fn templates_are_checked() {
    for good in ["/a", "/a/{b}", "/a-b/c.d/~e/_f/{g_h2}"] {
        assert_eq!(Template::parse(good).unwrap().text(), good);
    }
    let long = format!("/{}", "a".repeat(2000));
    for bad in [
        "", "a", "/", "//", "/a/", "/a//b", "/{}", "/{A}", "/{a-b}", "/{a}/{a}", "/a{b}", "/{a}b",
        "/a b", "/é", "/%20", "/*", "/{*a}", "/..", "/./a", "/{a_}", "/{1a}", "/?a", &long,
    ] {
        assert!(Template::parse(bad).is_err(), "{bad:?}");
    }
}
