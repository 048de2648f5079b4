CREATE TABLE restaurants (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    cuisine TEXT NOT NULL,
    lat DOUBLE PRECISION NOT NULL,
    lon DOUBLE PRECISION NOT NULL,
    -- The same place on the unit sphere, for sorting by distance.
    x DOUBLE PRECISION NOT NULL,
    y DOUBLE PRECISION NOT NULL,
    z DOUBLE PRECISION NOT NULL,
    switched_open BOOLEAN NOT NULL,
    time_zone TEXT NOT NULL,
    -- Minutes of the week, `540-1020,1980-2460`. Null: around the clock. Empty: never.
    hours TEXT
);

CREATE INDEX restaurants_by_name ON restaurants (name, id);

CREATE TABLE menu_items (
    restaurant_id TEXT NOT NULL REFERENCES restaurants (id),
    position BIGINT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    price BIGINT NOT NULL CHECK (price >= 0),
    currency TEXT NOT NULL,
    available BOOLEAN NOT NULL,
    PRIMARY KEY (restaurant_id, position),
    UNIQUE (restaurant_id, id)
);
