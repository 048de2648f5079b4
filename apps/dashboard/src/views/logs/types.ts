// Log records as the admin API tells them.

export const LEVELS = ['error', 'warn', 'info', 'debug', 'trace'] as const;

export type Level = (typeof LEVELS)[number];

export interface Line {
  seq: number;
  at: string;
  level: Level;
  target: string;
  /** Nothing: the host itself. */
  service: string | null;
  revision: number | null;
  request_id: string | null;
  trace_id: string | null;
  message: string;
  fields: Record<string, unknown>;
}

/** A line in the page. */
export type Shown = Line & { key: number };
