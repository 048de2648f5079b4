// Where the page is: `#/services/orders?tab=logs`. The host needs no rewrites for that.

import { signal } from '@preact/signals';

export interface Place {
  /** `['services', 'orders']` */
  parts: string[];
  query: URLSearchParams;
}

export const place = signal<Place>(read());

addEventListener('hashchange', () => {
  place.value = read();
});

function read(): Place {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?', 2);
  return { parts: path.split('/').filter(Boolean).map(unescape), query: new URLSearchParams(query) };
}

function unescape(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** `#/services/orders`, for `href`. */
export function to(parts: string[], query: Record<string, string | undefined> = {}): string {
  const given = Object.entries(query).filter((pair): pair is [string, string] => !!pair[1]);
  const search = new URLSearchParams(given).toString();
  return `#/${parts.map(encodeURIComponent).join('/')}${search && `?${search}`}`;
}

export function go(parts: string[], query?: Record<string, string | undefined>): void {
  location.hash = to(parts, query);
}

/** Changes the query of the place where the page is, without an entry in the browser's history. */
export function setQuery(query: Record<string, string | undefined>): void {
  const merged = { ...Object.fromEntries(place.value.query), ...query };
  history.replaceState(null, '', to(place.value.parts, merged));
  place.value = read();
}
