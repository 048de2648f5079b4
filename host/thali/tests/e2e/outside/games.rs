//! Games: players, achievements, leaderboard.

use serde_json::{Value, json};

use super::client::{Client, text};
use crate::support::eventually;

pub(super) fn players(client: &Client) {
    let (nobody, game) = (client.nobody(), client.staff("games:write"));
    let path = format!("/api/v1/players/{}", client.name("ann"));
    let stranger = nobody.get(&path, 200);
    assert_eq!((&stranger["level"], &stranger["xp"]), (&json!(1), &json!(0)));
    nobody.refused("GET /api/v1/players/a%20b", &Value::Null, 422, "invalid");

    let gain = format!("{path}/xp");
    let key = client.name("key");
    let headers = [("idempotency-key", key.as_str())];
    let amount = json!({"amount": 150});
    let gained = game.ask("POST", &gain, &headers, Some(&amount));
    assert_eq!((gained.status, &gained.body["level"]), (200, &json!(2)), "{gained:?}");
    assert_eq!(gained.body["levelled_up"], true);
    let again = game.ask("POST", &gain, &headers, Some(&amount));
    assert_eq!((again.status, &again.body), (200, &gained.body));
    nobody.refused(&format!("POST {gain}"), &amount, 401, "unauthenticated");
    game.refused(&format!("POST {gain}"), &json!({"amount": 0}), 422, "invalid");
    game.refused(&format!("POST {gain}"), &json!({"amount": -1}), 400, "bad_request");

    assert_eq!(game.put(&path, &json!({"username": "Ada"}), 200)["xp"], 150);
    game.refused(&format!("PUT {path}"), &json!({"username": " "}), 422, "invalid");
    let profile = nobody.get(&path, 200);
    let expected = json!({"id": profile["id"], "username": "Ada", "level": 2, "xp": 150});
    assert_eq!(profile, expected);
}

pub(super) fn achievements(client: &Client) {
    let (nobody, game) = (client.nobody(), client.staff("games:write"));
    let ann = client.name("ann");
    let unlock = "/api/v1/achievements/unlock";
    let win = json!({"player_id": ann, "achievement": "first_win"});
    nobody.refused(&format!("POST {unlock}"), &win, 401, "unauthenticated");
    game.refused(&format!("POST {unlock}"), &win, 404, "unknown_player");
    game.post(&format!("/api/v1/players/{ann}/xp"), &json!({"amount": 1000}), 200);
    let first = game.post(unlock, &win, 201);
    assert_eq!(first["outcome"], "unlocked");
    let again = game.post(unlock, &win, 200);
    assert_eq!(again["outcome"], "already_unlocked");
    assert_eq!(again["unlocked_at"], first["unlocked_at"]);
    let nothing = json!({"player_id": ann, "achievement": "nothing"});
    game.refused(&format!("POST {unlock}"), &nothing, 422, "unknown_achievement");

    let path = format!("/api/v1/players/{ann}/achievements");
    eventually("the fifth level unlocks its achievement", || {
        let page = nobody.get(&path, 200);
        let mut items = page["items"].as_array()?.iter();
        items.any(|item| item["achievement"] == "level_5").then_some(())
    });
    let page = nobody.get(&format!("{path}?limit=1"), 200);
    let next = nobody.get(&format!("{path}?limit=1&cursor={}", text(&page, "next")), 200);
    assert_ne!(next["items"], page["items"]);
    assert!(next["next"].is_null(), "{next}");
    nobody.refused(&format!("GET {path}?cursor=x"), &Value::Null, 422, "invalid");

    let all = nobody.get("/api/v1/achievements", 200);
    let ids: Vec<_> = all["items"].as_array().unwrap().iter().map(|item| &item["id"]).collect();
    assert!(ids.contains(&&json!("first_win")) && ids.contains(&&json!("level_5")), "{ids:?}");
    assert_eq!(client.bearer("x").ask("GET", "/api/v1/achievements", &[], None).status, 401);
}

/// Others play at the same time, so ranks are compared and not known.
pub(super) fn leaderboard(client: &Client) {
    let (nobody, game) = (client.nobody(), client.staff("games:write"));
    let [ann, bob] = ["ann", "bob"].map(|name| client.name(name));
    for player in [&ann, &bob] {
        game.post(&format!("/api/v1/players/{player}/xp"), &json!({"amount": 1_000_000}), 200);
    }
    let path = |player: &str| format!("/api/v1/leaderboard/players/{player}?neighbours=10");
    let [ann, bob] = [ann, bob].map(|player| {
        eventually("the player is on the board", || {
            let answer = nobody.ask("GET", &path(&player), &[], None);
            assert!(matches!(answer.status, 200 | 404), "{answer:?}");
            (answer.status == 200).then_some(answer.body)
        })
    });
    assert_eq!((&ann["score"], &ann["rank"]), (&bob["score"], &bob["rank"]));
    let top = nobody.get("/api/v1/leaderboard/top/100", 200);
    let ranks = top["items"].as_array().unwrap().iter().map(|item| item["rank"].as_u64().unwrap());
    assert!(ranks.is_sorted());
    assert_eq!((&top["items"][0]["rank"], &top["items"][0]["score"]), (&json!(1), &ann["score"]));
    assert!(top["updated_at"].is_string(), "{top}");
    nobody.refused("GET /api/v1/leaderboard/top/101", &Value::Null, 422, "invalid");
    nobody.refused("GET /api/v1/leaderboard/players/nobody", &Value::Null, 404, "not_found");
}
