// Every view of the dashboard, in the order of the navigation. Each is loaded when somebody first goes there.

import type { ComponentType } from 'preact';

/** What a view is given: the parts of the path behind its own. */
export interface ViewProps {
  /** `#/services/orders/x` -> `['orders', 'x']` for the view at `services` that takes parts. */
  parts: string[];
}

type Module = { default: ComponentType<ViewProps> };

export interface View {
  /** The first part of the path. */
  at: string;
  /** Whether more parts have to follow; `services` and `services/NAME` are two views. */
  inner?: boolean;
  /** In the navigation and the title; inner views are not in the navigation. */
  name: string;
  /** Can show one service only, with `?service=`: the service's page leads there. */
  ofService?: boolean;
  load(): Promise<Module>;
}

export const views: View[] = [
  { at: 'services', name: 'Services', load: () => import('./views/overview') },
  { at: 'map', name: 'Map', load: () => import('./views/map') },
  { at: 'services', inner: true, name: 'Service', load: () => import('./views/service') },
  { at: 'traces', name: 'Traces', ofService: true, load: () => import('./views/traces') },
  { at: 'traces', inner: true, name: 'Trace', load: () => import('./views/trace') },
  { at: 'events', name: 'Events', load: () => import('./views/events') },
  { at: 'databases', name: 'Databases', load: () => import('./views/databases') },
  { at: 'databases', inner: true, name: 'Database', load: () => import('./views/database') },
  { at: 'schedules', name: 'Schedules', ofService: true, load: () => import('./views/schedules') },
  { at: 'logs', name: 'Logs', ofService: true, load: () => import('./views/logs') },
  { at: 'api', name: 'API', load: () => import('./views/api') },
];

/** The view for a path; the overview is at the empty one. */
export function viewFor(parts: string[]): View | undefined {
  const at = parts[0] ?? 'services';
  return views.find((view) => view.at === at && !!view.inner === parts.length > 1);
}
