//! Games: somebody wins, and may be on the board.

use anyhow::Result;
use serde_json::{Value, json};

use crate::api::{Api, text};
use crate::chance::Chance;
use crate::people::Person;

/// Somebody plays. Says so when it led to a new level.
pub(crate) fn play(api: &Api, who: &Person, chance: &mut Chance) -> Result<Option<String>> {
    let path = format!("/players/{}", who.id);
    let amount = 10 * (1 + chance.below(20));
    let gained = api.staff("POST", &format!("{path}/xp"), &json!({ "amount": amount }))?;
    if gained["username"] != who.name {
        api.staff("PUT", &path, &json!({ "username": who.name }))?;
    }
    let levelled_up = gained["levelled_up"] == true;
    Ok(levelled_up.then(|| format!("{} reaches level {}", who.name, gained["level"])))
}

/// Who is best.
pub(crate) fn board(api: &Api) -> Result<String> {
    let top = api.get("/leaderboard/top/3")?;
    let lines = top["items"].as_array().into_iter().flatten().map(|entry: &Value| {
        format!("  {}. {} with {} xp", entry["rank"], text(entry, "username"), entry["score"])
    });
    Ok(lines.collect::<Vec<_>>().join("\n"))
}
