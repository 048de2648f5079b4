"""Orders: a menu, a driver, a message, each from another service."""

import uuid

from flask import Flask, request

import calls

app = Flask(__name__)

orders = {}


def priced(lines, menu):
    """The lines with names and prices; none when a dish is not on the menu."""
    dishes = {item["id"]: item for item in menu["items"]}
    if any(line["item_id"] not in dishes for line in lines):
        return None
    return [
        {
            "item_id": line["item_id"],
            "name": dishes[line["item_id"]]["name"],
            "price": dishes[line["item_id"]]["price"],
            "quantity": line["quantity"],
        }
        for line in lines
    ]


@app.post("/api/v1/orders")
def place():
    new = request.get_json()
    answer = calls.get("restaurants", f"/api/v1/restaurants/{new['restaurant_id']}/menu")
    if answer.status_code != 200:
        return {"error": "restaurant_unavailable"}, 409
    menu = answer.json()
    items = priced(new["items"], menu)
    if items is None:
        return {"error": "item_unavailable"}, 409
    order_id = str(uuid.uuid4())
    dropoff = {"lat": new["address"]["lat"], "lon": new["address"]["lon"]}
    asked = {"order_id": order_id, "pickup": menu["location"], "dropoff": dropoff}
    answer = calls.post("delivery", "/api/v1/delivery/assign", asked)
    if answer.status_code != 201:
        return {"error": "no_driver_available"}, 503
    delivery = answer.json()
    told = f"Your order is confirmed! {delivery['driver']['name']} is there in {delivery['eta_minutes']} minutes."
    calls.post("notifications", "/api/v1/notify",
               {"type": "sms", "recipient": new["customer"]["phone"], "message": told})
    total = sum(item["price"]["amount"] * item["quantity"] for item in items)
    order = {
        "id": order_id,
        "status": "confirmed",
        "restaurant_id": new["restaurant_id"],
        "restaurant": menu["restaurant"],
        "items": items,
        "total": {"amount": total, "currency": "USD"},
        **delivery,
    }
    orders[order_id] = order
    return order, 201


@app.get("/api/v1/orders/<order_id>")
def show(order_id):
    order = orders.get(order_id)
    return order if order is not None else ({"error": "not_found"}, 404)


@app.get("/health")
def health():
    return {"status": "healthy"}
