"""What a basket costs: prices from the catalogue, tax, shipping."""

from flask import Flask, request

import calls

app = Flask(__name__)

TAX_PERCENT = 8
SHIPPING, FREE_FROM = 499, 5000


@app.post("/api/v1/pricing/calculate")
def calculate():
    lines = []
    for line in request.get_json()["lines"]:
        answer = calls.get("products", f"/api/v1/products/{line['product_id']}")
        if answer.status_code != 200:
            return {"error": "not_found"}, 404
        price = answer.json()["price"]
        lines.append({**line, "unit_price": price, "total": price * line["quantity"]})
    subtotal = sum(line["total"] for line in lines)
    tax = round(subtotal * TAX_PERCENT / 100)
    shipping = 0 if subtotal >= FREE_FROM else SHIPPING
    total = {"amount": subtotal + tax + shipping, "currency": "USD"}
    return {"lines": lines, "subtotal": subtotal, "tax": tax, "shipping": shipping, "total": total}


@app.get("/health")
def health():
    return {"status": "healthy"}
