// A city that nobody surveyed: streets from a seeded grid. The same place on earth always has the same streets,
// whatever part of it is looked at.

/** Which city. */
const SEED = 20261122;

/** Degrees of latitude between two streets, before each is moved a little. A block is about 200 m. */
const BLOCK_DEGREES = 0.002;

/** No more streets than this in a direction: from further away only every second, fourth .. is drawn. */
const STREETS_MAX = 28;

/** A number from 0 to 1 that is always the same for the same numbers. */
function random(...numbers) {
  let hash = SEED;
  for (const number of numbers) {
    hash = Math.imul(hash ^ (number | 0), 0x9e3779b1);
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
    hash ^= hash >>> 13;
  }
  return (hash >>> 0) / 2 ** 32;
}

/** Streets in one direction between two degrees: where each is, and whether it is an avenue. */
function lines(direction, from, to, block) {
  let step = 1;
  while ((to - from) / (block * step) > STREETS_MAX) step *= 2;
  const found = [];
  for (let index = Math.floor(from / block / step) * step; index * block <= to + block * step; index += step) {
    const moved = (random(direction, index) - 0.5) * 0.5;
    found.push({ index, at: (index + moved) * block, avenue: random(direction, index, 1) < 0.2 });
  }
  return found;
}

/**
 * What is to be seen between two corners: streets from west to east (`rows`) and from south to north (`columns`),
 * and the blocks between them that are parks.
 */
export function streets({ south, west, north, east }) {
  const stretch = Math.max(0.1, Math.cos(((south + north) / 2) * (Math.PI / 180)));
  // The grid must not change with the part that is looked at: whole tenths.
  const width = BLOCK_DEGREES / (Math.round(stretch * 10) / 10);
  const rows = lines(1, south, north, BLOCK_DEGREES);
  const columns = lines(2, west, east, width);
  const parks = [];
  for (let row = 0; row + 1 < rows.length; row += 1) {
    for (let column = 0; column + 1 < columns.length; column += 1) {
      if (random(3, rows[row].index, columns[column].index) < 0.08) {
        parks.push({
          south: rows[row].at, north: rows[row + 1].at, west: columns[column].at, east: columns[column + 1].at,
        });
      }
    }
  }
  return { rows, columns, parks };
}
