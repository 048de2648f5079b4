"""Messages to customers. They are kept, not sent."""

from collections import deque

from flask import Flask, request

app = Flask(__name__)

# The last ones: nobody reads them here, and a round of load sends many.
messages = deque(maxlen=10_000)


@app.post("/api/v1/notify")
def notify():
    message = request.get_json()
    messages.append((message["type"], message["recipient"], message["message"]))
    return {"status": "queued"}, 202


@app.get("/health")
def health():
    return {"status": "healthy"}
