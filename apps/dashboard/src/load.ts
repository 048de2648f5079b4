// Reading something for a view, again when it changes.

import type { ReadonlySignal } from '@preact/signals';
import { useCallback, useEffect, useState } from 'preact/hooks';
import { Problem, signedIn } from './api';

export interface Loaded<T> {
  data: T | undefined;
  /** Why the last try failed; `data` is then what was there before. */
  problem: Problem | undefined;
  reload(): void;
}

export interface When {
  /** Reads again when one of these changes. */
  on?: ReadonlySignal<unknown>[];
  /** And after so many milliseconds, while the page is visible. */
  everyMs?: number;
}

/** Reads with `read` whenever one of `keys` changes. What was read for other keys is not shown. */
export function useLoad<T>(read: (signal: AbortSignal) => Promise<T>, keys: unknown[], when: When = {}): Loaded<T> {
  const key = JSON.stringify(keys);
  const [kept, keep] = useState<{ key: string; data?: T; problem?: Problem }>({ key });
  const [turn, setTurn] = useState(0);
  const reload = useCallback(() => setTurn((turn) => turn + 1), []);
  // Who has signed in may see what was refused before.
  const signals = [signedIn, ...(when.on ?? [])].map((one) => one.value).join();
  useEffect(() => {
    const stop = new AbortController();
    const timer = when.everyMs && window.setTimeout(() => {
      if (document.visibilityState === 'visible') reload();
      else document.addEventListener('visibilitychange', reload, { once: true, signal: stop.signal });
    }, when.everyMs);
    read(stop.signal).then(
      (data) => stop.signal.aborted || keep({ key, data }),
      (error: unknown) => {
        if (stop.signal.aborted) return;
        const problem = Problem.of(error);
        keep((before) => (before.key === key ? { ...before, problem } : { key, problem }));
      },
    );
    return () => {
      stop.abort();
      if (timer) clearTimeout(timer);
    };
  }, [key, turn, signals]);
  const current = kept.key === key;
  return { data: current ? kept.data : undefined, problem: current ? kept.problem : undefined, reload };
}
