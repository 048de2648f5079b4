-- The delivery that a driver is busy with, so that the free ones are found without looking at all.
ALTER TABLE drivers ADD COLUMN tracking_id TEXT;

-- The hundredth of a degree that a driver is in, counted from the south pole and the date line.
ALTER TABLE drivers ADD COLUMN cell_y BIGINT NOT NULL DEFAULT 0;
ALTER TABLE drivers ADD COLUMN cell_x BIGINT NOT NULL DEFAULT 0;

-- Databases differ in what CAST does with a fraction; what was rounded up is taken back.
UPDATE drivers SET
    tracking_id = (SELECT a.tracking_id FROM deliveries a
                   WHERE a.driver_id = drivers.id AND a.status IN ('assigned', 'picked_up')),
    cell_y = CAST((lat + 90) * 100 AS BIGINT)
        - CASE WHEN CAST((lat + 90) * 100 AS BIGINT) > (lat + 90) * 100 THEN 1 ELSE 0 END,
    cell_x = CAST((lon + 180) * 100 AS BIGINT)
        - CASE WHEN CAST((lon + 180) * 100 AS BIGINT) > (lon + 180) * 100 THEN 1 ELSE 0 END;

-- It has everything that finding the nearest one asks for.
CREATE INDEX drivers_free ON drivers (cell_y, cell_x, x, y, z, id, available, tracking_id)
    WHERE available AND tracking_id IS NULL;
