// What the host tells every second, as signals that views read.

import { effect, signal, type Signal } from '@preact/signals';
import { Problem, get, signedIn } from './api';
import { listen } from './sse';
import type { DeployStep, History, Status } from './types';

export type Connection =
  | { state: 'connecting' }
  | { state: 'live' }
  | { state: 'lost'; problem: Problem; retryAt: number | null };

export const connection = signal<Connection>({ state: 'connecting' });

/** The newest status; `null` before the first. */
export const status = signal<Status | null>(null);

/** Counted up whenever the host says that something of this kind has changed: a view that shows it reads again. */
export const changes = {
  services: signal(0),
  rollouts: signal(0),
  events: signal(0),
  schedules: signal(0),
  breakers: signal(0),
} satisfies Record<string, Signal<number>>;

/** So many rates of each service are kept for its sparkline, one a second: two minutes. */
export const RECENT_MAX = 120;

/** The latest rates of each service, the oldest first. They change with `status`. */
export const recent = new Map<string, number[]>();

/** So many services get their sparklines at once; those of more begin empty. */
const SEEDED_MAX = 40;

let seeded = false;

/** Reads what was before this page was opened, once. */
export async function seedRecent(names: string[]): Promise<void> {
  if (seeded) return;
  seeded = true;
  for (const name of names.slice(0, SEEDED_MAX)) {
    // What cannot be read is not drawn.
    const history = await get<History>('status/history', { service: name }).catch(() => null);
    if (!history) return;
    const known = recent.get(name) ?? [];
    const before = history.rate.slice(-RECENT_MAX / history.step_s).flatMap((rate) => Array<number>(history.step_s).fill(rate));
    recent.set(name, [...before.slice(0, before.length - known.length), ...known].slice(-RECENT_MAX));
  }
}

type StepListener = (step: DeployStep) => void;
const stepListeners = new Set<StepListener>();

/** Hears every step of every deploy, until what it returns is called. */
export function onDeployStep(listener: StepListener): () => void {
  stepListeners.add(listener);
  return () => void stepListeners.delete(listener);
}

/** Listens for as long as the page lives; a new token begins anew. */
export function startLive(): void {
  let current: AbortController | undefined;
  effect(() => {
    void signedIn.value;
    current?.abort();
    current = new AbortController();
    void listen('live', {}, { frame, open, lost }, current.signal);
  });
}

function open(again: boolean) {
  connection.value = { state: 'live' };
  // Whatever was told in between was missed.
  if (again) for (const kind of Object.values(changes)) kind.value += 1;
}

function lost(problem: Problem, retryMs: number | null) {
  connection.value = { state: 'lost', problem, retryAt: retryMs === null ? null : Date.now() + retryMs };
}

function frame({ event, data }: { event: string; data: string }) {
  if (event === 'status') {
    const next = JSON.parse(data) as Status;
    remember(next);
    status.value = next;
  } else if (event === 'deploy') {
    const step = JSON.parse(data) as DeployStep;
    for (const listener of stepListeners) listener(step);
  } else if (event === 'changed') {
    const { what } = JSON.parse(data) as { what: string };
    if (what in changes) changes[what as keyof typeof changes].value += 1;
  }
}

function remember({ services }: Status) {
  for (const { name, rate } of services) {
    const rates = recent.get(name) ?? [];
    rates.push(rate);
    if (rates.length > RECENT_MAX) rates.shift();
    recent.set(name, rates);
  }
  if (recent.size === services.length) return;
  const names = new Set(services.map(({ name }) => name));
  for (const name of recent.keys()) if (!names.has(name)) recent.delete(name);
}
