"""Purchases: a price, a reservation for each line, a charge."""

import uuid

from flask import Flask, request

import calls

app = Flask(__name__)

orders = {}


@app.post("/api/v1/shop/orders")
def buy():
    basket = request.get_json()
    answer = calls.post("pricing", "/api/v1/pricing/calculate",
                        {"lines": basket["lines"], "destination": basket["destination"]})
    if answer.status_code != 200:
        return {"error": "unpriceable"}, 422
    price = answer.json()
    for line in basket["lines"]:
        reserve = f"/api/v1/products/{line['product_id']}/reserve/{line['quantity']}"
        if calls.post("products", reserve, {}).status_code != 201:
            return {"error": "insufficient_stock"}, 409
    order_id = str(uuid.uuid4())
    answer = calls.post("payments", "/api/v1/payments/charges", {"order_id": order_id, "amount": price["total"]})
    if answer.json()["status"] != "succeeded":
        return {"error": "payment_declined"}, 402
    order = {"id": order_id, "status": "confirmed", **price}
    orders[order_id] = order
    return order, 201


@app.get("/health")
def health():
    return {"status": "healthy"}
