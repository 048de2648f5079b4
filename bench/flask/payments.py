"""Charges, by a provider that always says yes."""

import uuid

from flask import Flask, request

app = Flask(__name__)

charges = {}


@app.post("/api/v1/payments/charges")
def charge():
    asked = request.get_json()
    made = {"id": str(uuid.uuid4()), "order_id": asked["order_id"], "amount": asked["amount"], "status": "succeeded"}
    charges[made["id"]] = made
    return made, 201


@app.get("/health")
def health():
    return {"status": "healthy"}
