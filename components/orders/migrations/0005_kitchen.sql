-- What kitchens are at, the oldest first.
CREATE INDEX orders_under_way ON orders (created_at, id)
    WHERE status IN ('confirmed', 'preparing', 'ready', 'picked_up');
