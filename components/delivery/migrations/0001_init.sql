CREATE TABLE drivers (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    lat DOUBLE PRECISION NOT NULL,
    lon DOUBLE PRECISION NOT NULL,
    -- The same place on the unit sphere, for sorting by distance.
    x DOUBLE PRECISION NOT NULL,
    y DOUBLE PRECISION NOT NULL,
    z DOUBLE PRECISION NOT NULL,
    available BOOLEAN NOT NULL
);

CREATE INDEX drivers_by_name ON drivers (name, id);

CREATE TABLE deliveries (
    tracking_id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL,
    driver_id TEXT NOT NULL REFERENCES drivers (id),
    status TEXT NOT NULL CHECK (status IN ('assigned', 'picked_up', 'delivered', 'released')),
    pickup_lat DOUBLE PRECISION NOT NULL,
    pickup_lon DOUBLE PRECISION NOT NULL,
    dropoff_lat DOUBLE PRECISION NOT NULL,
    dropoff_lon DOUBLE PRECISION NOT NULL
);

-- A driver is busy while there is a delivery in one of these states. That nobody has two of them, and
-- no order two drivers, holds whatever the service does.
CREATE UNIQUE INDEX deliveries_under_way ON deliveries (driver_id)
    WHERE status IN ('assigned', 'picked_up');
CREATE UNIQUE INDEX deliveries_by_order ON deliveries (order_id) WHERE status <> 'released';
