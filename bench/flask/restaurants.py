"""Restaurants and their menus."""

from flask import Flask

app = Flask(__name__)

ROWS, COLUMNS = 24, 24

restaurants = {
    f"town-{i}-{j}": {
        "name": "Pizza Paradise",
        "open": True,
        "location": {"lat": 51.55 + i * 0.1, "lon": 12.05 + j * 0.1},
        "menu": {"1": {"id": "1", "name": "Margherita", "price": {"amount": 1299, "currency": "USD"}}},
    }
    for i in range(ROWS)
    for j in range(COLUMNS)
}


@app.get("/api/v1/restaurants/<restaurant_id>/menu")
def menu(restaurant_id):
    restaurant = restaurants.get(restaurant_id)
    if restaurant is None:
        return {"error": "not_found"}, 404
    if not restaurant["open"]:
        return {"error": "closed"}, 409
    items = list(restaurant["menu"].values())
    return {
        "restaurant_id": restaurant_id,
        "restaurant": restaurant["name"],
        "location": restaurant["location"],
        "items": items,
    }


@app.get("/health")
def health():
    return {"status": "healthy"}
