CREATE TABLE orders (
    id TEXT PRIMARY KEY,
    status TEXT NOT NULL CHECK (status IN (
        'placed', 'confirmed', 'preparing', 'ready', 'picked_up', 'delivered', 'cancelled', 'queued'
    )),
    restaurant_id TEXT NOT NULL,
    restaurant TEXT NOT NULL,
    total BIGINT NOT NULL CHECK (total >= 0),
    currency TEXT NOT NULL,
    customer_name TEXT NOT NULL,
    phone TEXT NOT NULL,
    email TEXT,
    address TEXT NOT NULL,
    pickup_lat DOUBLE PRECISION NOT NULL,
    pickup_lon DOUBLE PRECISION NOT NULL,
    dropoff_lat DOUBLE PRECISION NOT NULL,
    dropoff_lon DOUBLE PRECISION NOT NULL,
    driver_id TEXT,
    driver_name TEXT,
    eta_minutes BIGINT,
    tracking_id TEXT,
    -- Milliseconds since 1970 in UTC.
    created_at BIGINT NOT NULL
);

CREATE TABLE order_items (
    order_id TEXT NOT NULL REFERENCES orders (id),
    position BIGINT NOT NULL,
    item_id TEXT NOT NULL,
    name TEXT NOT NULL,
    price BIGINT NOT NULL CHECK (price >= 0),
    quantity BIGINT NOT NULL CHECK (quantity > 0),
    total BIGINT NOT NULL CHECK (total >= 0),
    PRIMARY KEY (order_id, position)
);
