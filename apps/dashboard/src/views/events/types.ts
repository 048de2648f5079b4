// Subscriptions and dead letters as the admin API tells them.

export interface Subscription {
  publisher: string;
  topic: string;
  subscriber: string;
  live: boolean;
  position: number;
  lag: number;
  waiting: number;
  dead: number;
  last_error?: string;
}

export interface Letter {
  id: string;
  publisher: string;
  subscriber: string;
  topic: string;
  event: string;
  key: string;
  attempts: number;
  error: string;
  published_at: string;
  died_at: string;
}

/** A publisher whose database cannot be used. */
export interface LeftOut {
  publisher: string;
  reason: string;
}

export interface Page<T> {
  items: T[];
  left_out?: LeftOut[];
  next?: string;
}

export interface LetterDetails {
  event: {
    id: string;
    source: string;
    type: string;
    subject: string;
    time: string;
    traceparent: string;
    data: unknown;
  };
  deliveries: { subscriber: string; attempts: number; error: string; died_at: string }[];
}
