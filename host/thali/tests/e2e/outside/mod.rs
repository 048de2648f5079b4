//! Every service from outside: by HTTP alone, against `thali up` on a fresh folder, as its clients would.
//!
//! A story is what somebody does with a service, with the good answers and the bad ones. It brings what it needs and
//! leaves free what others need, so that stories can be told again and again, side by side. They are told once with
//! nothing else going on, and again while every service is being redeployed, which nobody may notice.

mod client;
mod food;
mod games;
mod redeploy;
mod shop;
mod streams;
mod users;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::TestHost;
use client::Client;

/// What somebody does.
type Story = fn(&Client);

/// All of them, by what they are about.
const STORIES: &[(&str, Story)] = &[
    ("restaurants", food::restaurants),
    ("orders", food::orders),
    ("payment", food::paying),
    ("drivers", food::drivers),
    ("deliveries", food::deliveries),
    ("notifications", food::notifications),
    ("players", games::players),
    ("achievements", games::achievements),
    ("leaderboard", games::leaderboard),
    ("accounts", users::accounts),
    ("products", shop::products),
    ("stock", shop::stock),
    ("prices", shop::prices),
    ("buying", shop::buying),
    ("streams", streams::followed_to_the_door),
    ("websocket", streams::over_a_websocket),
];

/// What is answered when nobody would have asked otherwise: every route has these besides its own.
const GOOD: std::ops::Range<u16> = 200..300;
const BAD: std::ops::Range<u16> = 400..500;

#[test]
fn every_route_gives_its_good_answer_and_its_bad_ones() {
    let host = TestHost::with_all_services();
    let client = Client::of(&host);
    for (name, story) in STORIES {
        println!("story: {name}");
        story(&client);
    }
    let document = client.nobody().get("/openapi.json", 200);
    let mut missing = Vec::new();
    for (operation, can_refuse) in operations(&document) {
        let statuses = client.statuses_of(&operation);
        if !statuses.iter().any(|status| GOOD.contains(status)) {
            missing.push(format!("{operation}: no good answer"));
        }
        if can_refuse && !statuses.iter().any(|status| BAD.contains(status)) {
            missing.push(format!("{operation}: no bad answer"));
        }
    }
    assert!(missing.is_empty(), "nobody asked for:\n{}", missing.join("\n"));
}

/// The operations that the host says it has, and whether a client can get one of its refusals by asking wrongly.
fn operations(document: &Value) -> BTreeMap<String, bool> {
    let prefix = "/api/v1";
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| {
            let takes = |name: &str| operation.get(name).is_some_and(|it| !it.is_null());
            let answers = operation["responses"].as_object().unwrap();
            let refuses =
                ["401", "403", "404", "409", "422"].iter().any(|s| answers.contains_key(*s));
            let name = format!("{} {prefix}{path}", method.to_uppercase());
            (name, refuses || takes("parameters") || takes("requestBody"))
        })
    });
    operations.collect()
}
