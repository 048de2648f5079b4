-- How the order is paid: in cash at the door, or by card before a driver is looked for. Of the card nothing is kept.
ALTER TABLE orders ADD COLUMN by_card BOOLEAN NOT NULL DEFAULT FALSE;
