// `GET /services/{name}`, as far as its page shows it.

export interface Details {
  name: string;
  state: string;
  reason?: string;
  revision?: number;
  version?: string;
  digest?: string;
  live_since?: string;
  description: string;
  in_flight: number;
  invocations: number;
  traps: number;
  previous?: number;
  canaries?: Share[];
  revisions: Revision[];
  rollout?: Rollout;
  history: Change[];
  draining: { revision: number; in_flight: number }[];
  routes: Route[];
  exports: { interface: string; functions: string[]; consumers: string[] }[];
  imports: { interface: string; provider: string; service?: string; revision?: number; optional: boolean }[];
  calls: Call[];
  limits?: Record<string, number | string | null>;
  config: { key: string; value: unknown; origin: string }[];
  secrets: { key: string; origin?: string; description?: string }[];
  outbound?: { allow: { origin: string; granted_by: string; private: boolean }[] };
  subscriptions: Subscription[];
}

export interface Share {
  revision: number;
  percent: number;
}

export interface Revision {
  number: number;
  live: boolean;
  version: string;
  digest: string;
  bytes: number;
  deployed_at: string;
  source: string;
  forced: boolean;
}

export interface Rollout {
  begun_at: string;
  sticky?: string;
  revisions: LiveRevision[];
}

export interface LiveRevision extends Share {
  stable: boolean;
  waiting_for?: string;
  in_flight: number;
  requests: number;
  failures: number;
  p50_ms?: number;
  p99_ms?: number;
}

export interface Change {
  at: string;
  what: string;
  revision: number;
  canaries?: Share[];
  by: string;
  message?: string;
  reason?: string;
}

export interface Route {
  method: string;
  path: string;
  call: string;
  status: number;
  rate?: string;
  access: string;
}

export interface Call {
  interface: string;
  state: string;
  forced: boolean;
  failures_in_a_row: number;
  probe_in_ms?: number;
  calls: number;
  failures: number;
  retries: number;
  cut_off: number;
  crowded_out: number;
  running: number;
  waiting: number;
  policy: { retries: number; failures: number; reset_ms: number; concurrency: number; queue: number };
}

export interface Subscription {
  publisher: string;
  topic: string;
  subscriber: string;
  live: boolean;
  lag: number;
  waiting: number;
  dead: number;
}
