// The answers of the admin API, as far as the dashboard reads them.

export interface Items<T> {
  items: T[];
}

export interface Session {
  may: 'write' | 'read' | 'nothing';
  actor: 'loopback' | 'token' | 'anonymous';
}

export interface HostStatus {
  version: string;
  started_at: string;
  uptime_s: number;
  generation: number;
  cpu_percent: number;
  memory_bytes: number;
  requests_in_flight: number;
  connections: number;
  /** Per second, as every rate. */
  rate: number;
  errors: number;
  shed: number;
  p50_ms?: number | null;
  p99_ms?: number | null;
}

export interface ServiceStatus {
  name: string;
  state: string;
  health: string | null;
  reason: string | null;
  version: string;
  revision: number;
  canaries: { revision: number; version: string; percent: number }[];
  rate: number;
  errors: number;
  p50_ms: number | null;
  p99_ms: number | null;
  in_flight: number;
  queued: number;
  memory_bytes: number;
  invocations: number;
  traps: number;
}

export interface CallEdge {
  kind: 'call';
  from: string;
  to: string;
  interface: string;
  rate: number;
  failures: number;
  breaker: 'closed' | 'open' | 'half_open';
  forced: boolean;
}

export interface EventEdge {
  kind: 'event';
  from: string;
  to: string;
  interface: string;
  rate: number;
  lag: number;
  dead: number;
}

export type Edge = CallEdge | EventEdge;

export interface Missing {
  from: string;
  interface: string;
  optional: boolean;
}

export interface Status {
  host: HostStatus;
  services: ServiceStatus[];
  edges: Edge[];
  missing: Missing[];
}

/** Ten minutes of a service, or of the host: columns of the same length. */
export interface History {
  step_s: number;
  at: number[];
  rate: number[];
  errors: number[];
  p50_ms: (number | null)[];
  p99_ms: (number | null)[];
  in_flight: number[];
  memory_bytes: number[];
}

export type StepName =
  | 'upload' | 'validate' | 'manifest' | 'contracts' | 'compile' | 'migrate' | 'smoke' | 'persist' | 'swap' | 'drain';

export interface DeployStep {
  deploy: string;
  watch: string | null;
  service: string | null;
  step: StepName;
  state: 'begun' | 'done' | 'failed' | 'skipped';
  took_ms?: number;
  detail?: string;
}
