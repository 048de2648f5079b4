"""Drivers, and which order has which. Any free driver will do: nobody looks for the nearest."""

import random
import threading
import uuid

from flask import Flask, request

app = Flask(__name__)

DRIVERS = 62_500

free = [{"id": f"driver-{n}", "name": "Speed Racer"} for n in range(DRIVERS)]
deliveries = {}
lock = threading.Lock()


@app.post("/api/v1/delivery/assign")
def assign():
    order = request.get_json()
    tracking_id = str(uuid.uuid4())
    eta_minutes = random.randint(20, 45)
    with lock:
        if not free:
            return {"error": "no_driver_available"}, 503
        driver = free.pop()
        deliveries[tracking_id] = {"order_id": order["order_id"], "driver": driver}
    return {"tracking_id": tracking_id, "driver": driver, "eta_minutes": eta_minutes}, 201


@app.get("/health")
def health():
    return {"status": "healthy"}
