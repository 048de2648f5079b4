// An order's events, for as long as somebody looks.

import { Refused, segment, send } from './api.js';

/** The first pause before a stream that was refused is asked for again, in milliseconds; it doubles. */
const PAUSE_MS = 1000;
const PAUSE_MS_MAX = 30_000;

/** How a stream is: `live`, `reconnecting` or `over`. */

/**
 * Follows an order until `signal`. `on.event(kind, data)` has every event, `on.connection(state)` how the stream is,
 * `on.refused(error)` that the order may not be seen.
 *
 * The browser comes back by itself after a cut, with the id of the last event it had, and misses nothing. When it is
 * refused it gives up for good: then this asks why, and begins anew with the order as it stands.
 */
export function follow(id, on, signal) {
  const path = `/orders/${segment(id)}`;
  let source;
  let timer;
  let pause = PAUSE_MS;

  const close = () => {
    clearTimeout(timer);
    source?.close();
  };

  const open = () => {
    source = new EventSource(`/api/v1${path}/track`);
    source.onopen = () => {
      pause = PAUSE_MS;
      on.connection('live');
    };
    for (const kind of ['snapshot', 'order-status-changed', 'driver-moved']) {
      source.addEventListener(kind, ({ data }) => {
        if (on.event(kind, JSON.parse(data)) !== 'over') return;
        close();
        on.connection('over');
      });
    }
    source.onerror = () => {
      on.connection('reconnecting');
      if (source.readyState === EventSource.CLOSED) askWhy();
    };
  };

  const askWhy = async () => {
    try {
      await send(path, { signal });
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Refused)) throw error;
      if (!error.passes) {
        on.refused(error);
        return;
      }
    }
    timer = setTimeout(open, pause);
    pause = Math.min(2 * pause, PAUSE_MS_MAX);
  };

  signal.addEventListener('abort', close);
  open();
}
