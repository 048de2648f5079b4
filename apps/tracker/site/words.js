// How things are said.

export const STATUS = {
  placed: 'Placed',
  queued: 'Waiting for a driver',
  confirmed: 'Confirmed',
  preparing: 'In the kitchen',
  ready: 'Ready to be picked up',
  picked_up: 'On its way',
  delivered: 'Delivered',
  cancelled: 'Cancelled',
};

/** The way of an order that goes well. */
export const STEPS = ['confirmed', 'preparing', 'ready', 'picked_up', 'delivered'];

/** Nothing more comes after these. */
export function isOver(status) {
  return status === 'delivered' || status === 'cancelled';
}

/** An amount of minor units: 1299 USD is $12.99. */
export function money({ amount, currency }) {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency });
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
}

export function minutes(count) {
  if (count < 1) return 'less than a minute';
  return count === 1 ? '1 minute' : `${count} minutes`;
}

/** A distance in metres. */
export function distance(metres) {
  return metres < 1000 ? `${Math.round(metres / 10) * 10} m` : `${(metres / 1000).toFixed(1)} km`;
}

export function place({ lat, lon }) {
  return `${lat.toFixed(4)}, ${lon.toFixed(4)}`;
}

export function clock(time) {
  return new Intl.DateTimeFormat('en', { timeStyle: 'medium', hourCycle: 'h23' }).format(time);
}

/** What people call an order: the end of its id. */
export function shortId(id) {
  return id.slice(-6);
}

const EARTH_RADIUS_METRES = 6_371_000;

/** The great-circle distance between two places, in metres. */
export function between(a, b) {
  const radians = (degrees) => (degrees * Math.PI) / 180;
  const [lat, lon] = [radians(b.lat - a.lat), radians(b.lon - a.lon)];
  const h = Math.sin(lat / 2) ** 2
    + Math.cos(radians(a.lat)) * Math.cos(radians(b.lat)) * Math.sin(lon / 2) ** 2;
  return 2 * EARTH_RADIUS_METRES * Math.asin(Math.min(1, Math.sqrt(h)));
}
