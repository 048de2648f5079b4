//! T-11, M-02: who may use which route of the services, and what others see.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Answer, TestHost, an_order};

/// One route: a request for it, and the status for nobody, another user, the owner, one with the scope
/// alone, and `admin`. `ORDER` in a path is an order of the owner.
struct Row {
    route: &'static str,
    path: &'static str,
    body: Value,
    scope: &'static str,
    statuses: [u16; 5],
}

/// A route that anybody may use gets to what is asked for, or is wrong with it.
fn public(route: &'static str, path: &'static str, status: u16) -> Row {
    Row { route, path, body: json!({}), scope: "none", statuses: [status; 5] }
}

/// A route for whoever is signed in.
fn signed_in(route: &'static str, path: &'static str, status: u16) -> Row {
    let statuses = [401, status, status, status, status];
    Row { route, path, body: json!({}), scope: "none", statuses }
}

/// A route with a scope lets nobody else get so far.
fn scoped(route: &'static str, path: &'static str, scope: &'static str, status: u16) -> Row {
    Row { route, path, body: json!({}), scope, statuses: [401, 403, 403, status, status] }
}

/// In the order in which they are sent: the order is called off first, so that its stream ends.
fn table() -> Vec<Row> {
    let owned = |route, path, statuses| Row {
        route,
        path,
        body: json!({}),
        scope: "orders:read",
        statuses,
    };
    let (restaurants, delivery) = ("restaurants:write", "delivery:write");
    let products = "products:write";
    let games = "games:write";
    let notifications = ["notifications:write", "notifications:read"];
    vec![
        owned("POST /orders/{id}/cancel", "/orders/ORDER/cancel", [404, 404, 200, 404, 200]),
        owned("GET /orders/{id}", "/orders/ORDER", [404, 404, 200, 200, 200]),
        owned("GET /orders/{id}/track", "/orders/ORDER/track", [404, 404, 200, 200, 200]),
        owned("GET /orders", "/orders", [401, 200, 200, 200, 200]),
        scoped("GET /kitchen/orders", "/kitchen/orders", "orders:write", 200),
        public("POST /orders", "/orders", 400),
        Row {
            body: json!({ "status": "preparing" }),
            ..scoped("POST /orders/{id}/status", "/orders/ORDER/status", "orders:write", 409)
        },
        public("GET /restaurants", "/restaurants", 200),
        public("GET /restaurants/{id}", "/restaurants/1", 200),
        public("GET /restaurants/{id}/menu", "/restaurants/nothing/menu", 404),
        scoped("POST /restaurants", "/restaurants", restaurants, 400),
        scoped("PUT /restaurants/{id}", "/restaurants/1", restaurants, 400),
        scoped("PUT /restaurants/{id}/menu", "/restaurants/1/menu", restaurants, 400),
        scoped("POST /restaurants/{id}/open", "/restaurants/nothing/open", restaurants, 404),
        scoped("POST /restaurants/{id}/close", "/restaurants/nothing/close", restaurants, 404),
        scoped("POST /delivery/assign", "/delivery/assign", delivery, 400),
        public("GET /delivery/{tracking_id}", "/delivery/nothing", 404),
        scoped("POST /delivery/{tracking_id}/pickup", "/delivery/nothing/pickup", delivery, 404),
        scoped(
            "POST /delivery/{tracking_id}/complete",
            "/delivery/nothing/complete",
            delivery,
            404,
        ),
        scoped("GET /drivers", "/drivers", delivery, 200),
        scoped("POST /drivers", "/drivers", delivery, 400),
        scoped("PUT /drivers/{id}/availability", "/drivers/1/availability", delivery, 400),
        scoped("PUT /drivers/{id}/location", "/drivers/1/location", delivery, 400),
        scoped("POST /payments/charges", "/payments/charges", "payments:write", 400),
        scoped("GET /payments/charges/{id}", "/payments/charges/nothing", "payments:read", 404),
        scoped(
            "POST /payments/charges/{id}/refund",
            "/payments/charges/nothing/refund",
            "payments:write",
            404,
        ),
        public("GET /products", "/products", 200),
        public("GET /products/{id}", "/products/nothing", 404),
        scoped("POST /products", "/products", products, 400),
        scoped("PUT /products/{id}", "/products/1", products, 400),
        scoped("DELETE /products/{id}", "/products/nothing", products, 404),
        public("POST /products/{id}/reserve/{quantity}", "/products/nothing/reserve/1", 404),
        public("GET /inventory/{product_id}", "/inventory/nothing", 200),
        scoped("PUT /inventory/{product_id}", "/inventory/1", "inventory:write", 400),
        public("POST /pricing/calculate", "/pricing/calculate", 400),
        scoped("GET /pricing/coupons", "/pricing/coupons", "pricing:write", 200),
        scoped("POST /pricing/coupons", "/pricing/coupons", "pricing:write", 400),
        public("GET /players/{id}", "/players/7", 200),
        scoped("PUT /players/{id}", "/players/7", games, 400),
        scoped("POST /players/{id}/xp", "/players/7/xp", games, 400),
        scoped("POST /achievements/unlock", "/achievements/unlock", games, 400),
        public("GET /achievements", "/achievements", 200),
        public("GET /players/{id}/achievements", "/players/7/achievements", 200),
        public("GET /leaderboard/top/{count}", "/leaderboard/top/10", 200),
        public("GET /leaderboard/players/{id}", "/leaderboard/players/nobody", 404),
        scoped("POST /notify", "/notify", notifications[0], 400),
        scoped("GET /notifications", "/notifications?recipient=%2B15550100", notifications[1], 200),
        scoped("GET /notifications/{id}", "/notifications/nothing", notifications[1], 404),
        signed_in("POST /shop/orders", "/shop/orders", 400),
        signed_in("GET /shop/orders", "/shop/orders", 200),
        signed_in("GET /shop/orders/{id}", "/shop/orders/nothing", 404),
        public("GET /recommendations/{product_id}", "/recommendations/nothing", 404),
        Row {
            scope: "recommendations:read",
            statuses: [401, 404, 200, 200, 200],
            ..public("GET /recommendations/users/{id}", "/recommendations/users/ann", 200)
        },
        public("POST /users", "/users", 400),
        public("POST /users/login", "/users/login", 400),
        public("POST /users/refresh", "/users/refresh", 400),
        // These tokens are of nobody who has an account.
        signed_in("GET /users/me", "/users/me", 404),
        signed_in("DELETE /users/me", "/users/me", 404),
        scoped("GET /users", "/users", "users:read", 200),
        scoped("GET /users/{id}", "/users/nothing", "users:read", 404),
    ]
}

/// The routes that the host serves, as it says itself.
fn served(host: &TestHost) -> BTreeSet<String> {
    let document = host.get("/openapi.json").body;
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    operations.collect()
}

/// An answer without what is another one every time.
fn told(mut answer: Answer) -> (u16, Value) {
    if let Some(body) = answer.body.as_object_mut() {
        assert!(body.remove("request_id").is_some());
    }
    (answer.status, answer.body)
}

fn place(host: &TestHost, token: Option<&str>) -> String {
    let answer = host.send_as(token, "POST", "/api/v1/orders", &an_order());
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body["id"].as_str().unwrap().to_owned()
}

#[test]
fn matrix_every_route() {
    matrix(&TestHost::with_all_services(), &[]);
}

/// Asks every route as each kind of caller. `others` are routes of no concern. Answers how many there are.
pub(crate) fn matrix(host: &TestHost, others: &[&str]) -> usize {
    let table = table();
    let rows: BTreeSet<_> = table.iter().map(|row| row.route.to_owned()).collect();
    let served: BTreeSet<_> =
        served(host).into_iter().filter(|route| !others.contains(&route.as_str())).collect();
    assert_eq!(rows, served, "every route has a row, and every row a route");
    let (ann, bob) = (host.token_of("ann", ""), host.token_of("bob", ""));
    let admin = host.token_of("root", "admin");
    let order = place(host, Some(&ann));
    for row in table {
        let (method, _) = row.route.split_once(' ').unwrap();
        let path = format!("/api/v1{}", row.path.replace("ORDER", &order));
        let clerk = host.token_of("clerk", row.scope);
        let tokens = [None, Some(&bob), Some(&ann), Some(&clerk), Some(&admin)];
        let statuses = tokens
            .map(|token| host.send_as(token.map(String::as_str), method, &path, &row.body).status);
        assert_eq!(statuses, row.statuses, "{}", row.route);
    }
    rows.len()
}

#[test]
fn cross_owner_reads() {
    others_orders_do_not_exist(&TestHost::with_all_services());
}

/// M-02: what belongs to somebody else is answered as what is not there.
pub(crate) fn others_orders_do_not_exist(host: &TestHost) {
    let (ann, bob) = (host.token_of("ann", ""), host.token_of("bob", ""));
    let order = place(host, Some(&ann));
    let nothing: String = order.chars().rev().collect();
    let by_bob = |method: &str, path: &str| {
        told(host.send_as(Some(&bob), method, &format!("/api/v1{path}"), &json!({})))
    };
    for (method, suffix) in [("GET", ""), ("GET", "/track"), ("POST", "/cancel")] {
        let hers = by_bob(method, &format!("/orders/{order}{suffix}"));
        assert_eq!(hers.0, 404);
        assert_eq!(
            hers,
            by_bob(method, &format!("/orders/{nothing}{suffix}")),
            "{method} {suffix}"
        );
    }
    let hers = by_bob("GET", &format!("/orders?cursor={order}"));
    assert_eq!(hers, by_bob("GET", &format!("/orders?cursor={nothing}")));
    let list = |token| host.send_as(Some(token), "GET", "/api/v1/orders", &Value::Null).body;
    assert_eq!(list(&bob)["items"], json!([]));
    assert_eq!(list(&ann)["items"][0]["id"], order.as_str());
    // Whoever orders without a token has nothing but the id.
    let anonymous = place(host, None);
    let answer = host.send_as(None, "GET", &format!("/api/v1/orders/{anonymous}"), &Value::Null);
    assert_eq!(answer.status, 200);
    assert_eq!(list(&ann)["items"].as_array().unwrap().len(), 1);
}
