-- A share of an amount is in thousandths of a percent: 8875 is 8.875 %. Money is in minor units.

-- What is taken off a line of at least so many of one product.
CREATE TABLE quantity_breaks (
    quantity_min BIGINT PRIMARY KEY,
    rate BIGINT NOT NULL CHECK (rate BETWEEN 0 AND 100000)
);

-- The tax of a region; of the whole country where the region is ''.
CREATE TABLE tax_rates (
    country TEXT NOT NULL,
    region TEXT NOT NULL,
    rate BIGINT NOT NULL CHECK (rate BETWEEN 0 AND 100000),
    PRIMARY KEY (country, region)
);

-- Where something is sent to, in which currency; everywhere else where the country is ''.
CREATE TABLE shipping_zones (
    country TEXT NOT NULL,
    currency TEXT NOT NULL,
    -- Shipping is free from here on. NULL: never.
    free_from BIGINT CHECK (free_from >= 0),
    PRIMARY KEY (country, currency)
);

CREATE TABLE shipping_bands (
    country TEXT NOT NULL,
    currency TEXT NOT NULL,
    grams_max BIGINT NOT NULL CHECK (grams_max > 0),
    price BIGINT NOT NULL CHECK (price >= 0),
    PRIMARY KEY (country, currency, grams_max),
    FOREIGN KEY (country, currency) REFERENCES shipping_zones (country, currency)
);

CREATE TABLE coupons (
    code TEXT PRIMARY KEY,
    percent BIGINT CHECK (percent BETWEEN 1 AND 100),
    amount BIGINT CHECK (amount > 0),
    -- Of the amount and the minimum.
    currency TEXT,
    -- Milliseconds since 1970 in UTC.
    valid_from BIGINT,
    valid_until BIGINT,
    subtotal_min BIGINT CHECK (subtotal_min >= 0),
    CHECK ((percent IS NULL) <> (amount IS NULL)),
    CHECK (currency IS NOT NULL OR (amount IS NULL AND subtotal_min IS NULL))
);
