//! Games while one of their services is away.

use serde_json::json;

use crate::support::{Answer, TestHost};

fn unlock(host: &TestHost, player: &str, achievement: &str) -> Answer {
    let body = json!({ "player_id": player, "achievement": achievement });
    host.post("/api/v1/achievements/unlock", &body)
}

#[test]
fn without_players_who_has_achievements_goes_on_and_others_are_told_to_try_again() {
    let host = TestHost::with_all_services();
    assert_eq!(host.post("/api/v1/players/ann/xp", &json!({ "amount": 1 })).status, 200);
    assert_eq!(unlock(&host, "ann", "first_win").status, 201);
    assert_eq!(host.remove("players").status, 200);
    assert_eq!(unlock(&host, "ann", "first_win").status, 200);
    assert_eq!(unlock(&host, "ann", "comeback").status, 201);
    let stranger = unlock(&host, "bob", "first_win");
    assert_eq!((stranger.status, &stranger.body["code"]), (503, &json!("unavailable")));
    let kept = host.get("/api/v1/players/ann/achievements").body;
    assert_eq!(kept["items"].as_array().unwrap().len(), 2, "{kept}");
}
