"""The best players: computed for each request, as the tutorial does. No player is behind it."""

from datetime import datetime, timezone

from flask import Flask

app = Flask(__name__)


@app.get("/api/v1/leaderboard/top/<int:count>")
def top(count):
    if not 1 <= count <= 100:
        return {"error": "count is 1 to 100"}, 400
    items = [
        {"rank": rank, "player_id": str(rank), "username": f"Champion{rank}", "score": 10_000 - rank * 100}
        for rank in range(1, count + 1)
    ]
    return {"items": items, "updated_at": datetime.now(timezone.utc).isoformat()}


@app.get("/health")
def health():
    return {"status": "healthy"}
