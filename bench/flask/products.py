"""The catalogue with its stock, in memory."""

import threading
import uuid

from flask import Flask

app = Flask(__name__)

# More than a run buys.
STOCK = 100_000_000

products = {
    "1": {"name": "Python T-Shirt", "price": 1999, "stock": STOCK},
    "2": {"name": "Coffee Mug", "price": 1299, "stock": STOCK},
    "3": {"name": "Mechanical Keyboard", "price": 8999, "stock": STOCK},
}
lock = threading.Lock()


@app.get("/api/v1/products/<product_id>")
def show(product_id):
    product = products.get(product_id)
    if product is None:
        return {"error": "not_found"}, 404
    return {"id": product_id, **product}


@app.post("/api/v1/products/<product_id>/reserve/<int:quantity>")
def reserve(product_id, quantity):
    product = products.get(product_id)
    if product is None:
        return {"error": "not_found"}, 404
    with lock:
        if product["stock"] < quantity:
            return {"reserved": False, "available": product["stock"]}, 409
        product["stock"] -= quantity
    return {
        "reservation_id": str(uuid.uuid4()),
        "product_id": product_id,
        "quantity": quantity,
        "reserved": True,
    }, 201


@app.get("/health")
def health():
    return {"status": "healthy"}
