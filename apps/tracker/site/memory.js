// What this tab remembers of the orders it has placed or followed: the order itself does not say where its door is, and
// the stream does not say again what happened before. It ends with the tab.

/** So many events are remembered, the newest. */
const EVENTS_MAX = 200;

const key = (id) => `order:${id}`;

/**
 * What is known of an order: `home` (a place, or nothing), `events` (`{at, text}`, times in milliseconds), and `last`,
 * the status that it had then.
 */
export function recall(id) {
  try {
    const { home, events, last } = JSON.parse(sessionStorage.getItem(key(id))) ?? {};
    return { home, last, events: Array.isArray(events) ? events : [] };
  } catch {
    return { events: [] };
  }
}

/** Keeps it, if the browser lets us: a private window may not. */
export function remember(id, known) {
  try {
    const events = known.events.slice(-EVENTS_MAX);
    sessionStorage.setItem(key(id), JSON.stringify({ ...known, events }));
  } catch {
    // The page works without.
  }
}
