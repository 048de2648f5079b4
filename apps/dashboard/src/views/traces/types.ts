// Traces as the admin API tells them.

export interface TraceLine {
  trace_id: string;
  name: string;
  service: string | null;
  started_at: string;
  duration_ms: number;
  status: number | null;
  error: boolean;
  spans: number;
  services: string[];
}

export type Kind = 'server' | 'client' | 'internal' | 'producer' | 'consumer';

export interface SpanLink {
  trace_id: string;
  span_id: string;
}

export interface Span {
  span_id: string;
  parent_id: string | null;
  name: string;
  kind: Kind;
  /** Nothing: the gateway. */
  service: string | null;
  revision: number | null;
  start_us: number;
  duration_us: number;
  status: 'unset' | 'ok' | 'error';
  message: string | null;
  attributes: Record<string, unknown>;
  links: SpanLink[];
}

export interface Trace {
  trace_id: string;
  started_at: string;
  duration_ms: number;
  dropped_spans: number;
  spans: Span[];
}
