use std::sync::Arc;

use super::*;
use crate::name::ServiceName;

struct Service {
    name: ServiceName,
    routes: Vec<Arc<Route>>,
}

fn service(name: &str, lines: &str) -> Service {
    let routes = routes(&format!("[http]\n{lines}"));
    Service { name: name.parse().unwrap(), routes: routes.into_iter().map(Arc::new).collect() }
}

fn table(services: &[Service]) -> Result<RouteTable, RouteConflict> {
    RouteTable::build(services.iter().enumerate().map(|(slot, service)| ServiceRoutes {
        slot,
        service: &service.name,
        routes: &service.routes,
    }))
}

fn orders() -> Service {
    service(
        "orders",
        r#"
        "GET /orders" = "ordering.search"
        "POST /orders" = "ordering.place"
        "GET /orders/{id}" = "ordering.get"
        "PUT /orders/{id}" = "ordering.update"
        "GET /orders/top/of/{id}" = "ordering.get"
        "GET /orders/special" = "ordering.search"
        "POST /orders/{id}/touch" = "ordering.touch"
        "#,
    )
}

/// What a request leads to, as text.
fn found(table: &RouteTable, method: &str, path: &str) -> String {
    match table.find(method, path) {
        Found::Route { slot, route, params } => match params.decode(route) {
            Ok(values) => format!("{slot} {route} {values:?}"),
            Err(mistakes) => format!("{mistakes:?}"),
        },
        Found::Options { allow } => format!("options: {allow}"),
        Found::MethodNotAllowed { allow } => format!("405: {allow}"),
        Found::NotFound => "404".into(),
    }
}

#[test]
fn a_request_finds_its_route_with_decoded_parameters() {
    let table = table(&[orders()]).unwrap();
    assert_eq!(found(&table, "GET", "/orders"), "0 GET /orders []");
    assert_eq!(found(&table, "GET", "/orders/a%2Fb%20c"), "0 GET /orders/{id} [\"a/b c\"]");
    assert_eq!(found(&table, "HEAD", "/orders/7"), "0 GET /orders/{id} [\"7\"]");
    assert_eq!(found(&table, "POST", "/orders/7/touch"), "0 POST /orders/{id}/touch [\"7\"]");
}

#[test]
fn a_literal_segment_wins_over_a_parameter() {
    let table = table(&[orders()]).unwrap();
    assert_eq!(found(&table, "GET", "/orders/special"), "0 GET /orders/special []");
    assert_eq!(found(&table, "GET", "/orders/specials"), "0 GET /orders/{id} [\"specials\"]");
    assert_eq!(found(&table, "POST", "/orders/top/touch"), "0 POST /orders/{id}/touch [\"top\"]");
    assert_eq!(
        found(&table, "POST", "/orders/special/touch"),
        "0 POST /orders/{id}/touch [\"special\"]"
    );
}

#[test]
fn other_methods_are_told_which_ones_there_are() {
    let table = table(&[orders()]).unwrap();
    assert_eq!(found(&table, "DELETE", "/orders"), "405: GET, HEAD, POST, OPTIONS");
    assert_eq!(found(&table, "get", "/orders"), "405: GET, HEAD, POST, OPTIONS");
    assert_eq!(found(&table, "HEAD", "/orders/7/touch"), "405: POST, OPTIONS");
    assert_eq!(found(&table, "OPTIONS", "/orders/7"), "options: GET, HEAD, PUT, OPTIONS");
}

#[test]
fn other_paths_are_not_found() {
    let table = table(&[orders()]).unwrap();
    for path in [
        "",
        "/",
        "/order",
        "/orders/",
        "/orders/7/",
        "/orders/7/track",
        "//orders",
        "/orders//touch",
    ] {
        assert_eq!(found(&table, "GET", path), "404", "{path:?}");
    }
    assert!(matches!(RouteTable::default().find("GET", "/"), Found::NotFound));
}

#[test]
fn a_parameter_that_is_not_utf8_is_a_mistake() {
    let table = table(&[orders()]).unwrap();
    assert!(found(&table, "GET", "/orders/%ff").contains("{id}"));
}

#[test]
fn services_may_share_a_path_but_not_a_route() {
    let orders = || {
        service(
            "orders",
            "\"GET /orders/{id}\" = \"ordering.get\"\n\"PUT /orders/{id}\" = \"ordering.update\"",
        )
    };
    let other = service("kitchen", "\"DELETE /orders/{id}\" = \"ordering.remove\"");
    let shared = table(&[orders(), other]).unwrap();
    assert_eq!(found(&shared, "DELETE", "/orders/7"), "1 DELETE /orders/{id} [\"7\"]");
    assert_eq!(found(&shared, "OPTIONS", "/orders/7"), "options: GET, HEAD, PUT, DELETE, OPTIONS");
    let clash = service("kitchen", "\"GET /orders/{status}\" = \"ordering.page\"");
    let conflict = table(&[orders(), clash]).unwrap_err();
    assert_eq!(
        conflict.to_string(),
        "kitchen's route \"GET /orders/{status}\" and orders's route \"GET /orders/{id}\" answer the same requests"
    );
}

#[test]
fn no_service_takes_requests_that_another_one_had() {
    for stolen in
        ["\"GET /orders/7\" = \"ordering.search\"", "\"POST /orders/7\" = \"ordering.place\""]
    {
        let conflict = table(&[orders(), service("thief", stolen)]).unwrap_err().to_string();
        assert!(conflict.contains("thief") && conflict.contains("orders"), "{conflict}");
    }
    let neighbour = service("neighbour", "\"GET /orders/{id}/lines\" = \"ordering.get\"");
    assert!(table(&[orders(), neighbour]).is_ok(), "no path fits both");
}
