// The lines that a view shows: what was there before, and what comes. Everything has a limit.

import { signal } from '@preact/signals';
import { Problem, type Query } from '../../api';
import { listen, type Frame } from '../../sse';
import { read } from '../read';
import type { Line, Shown } from './types';

/** So many lines are shown, and as many wait while the view is paused; older ones go. */
export const LINES_MAX = 2000;

/** Of what was there before. */
const FIRST_LINES = 500;

/** Lines that come within this time are drawn together. */
const TOGETHER_MS = 150;

export type State = { is: 'reading' } | { is: 'following' } | { is: 'lost'; problem: Problem };

/** One set of filters, followed until `stop`. */
export class Feed {
  readonly lines = signal<Shown[]>([]);
  readonly state = signal<State>({ is: 'reading' });
  /** Lines that came while the view was paused. */
  readonly held = signal(0);
  /** Lines that the host, or this page, left out because they came too fast. */
  readonly lost = signal(0);
  #next = 0;
  #waiting: Shown[] = [];
  #paused = false;
  #timer: number | undefined;
  #stop = new AbortController();

  constructor(filters: Query) {
    void this.#follow(filters);
  }

  stop(): void {
    this.#stop.abort();
    clearTimeout(this.#timer);
  }

  /** Holds what comes back, or shows it. */
  pause(paused: boolean): void {
    this.#paused = paused;
    if (!paused) this.#show();
  }

  clear(): void {
    this.lines.value = [];
    this.#waiting = [];
    this.held.value = 0;
    this.lost.value = 0;
  }

  async #follow(filters: Query): Promise<void> {
    const stop = this.#stop.signal;
    try {
      const { items } = await read<{ items: Line[] }>('logs', { ...filters, limit: FIRST_LINES }, stop);
      this.lines.value = items.map((line) => this.#keyed(line));
      this.state.value = { is: 'following' };
      const after = items.at(-1)?.seq ?? 0;
      const lost = (problem: Problem) => (this.state.value = { is: 'lost', problem });
      const open = () => (this.state.value = { is: 'following' });
      await listen('logs/stream', { ...filters, after }, { frame: (frame) => this.#take(frame), open, lost }, stop);
    } catch (error) {
      if (!stop.aborted) this.state.value = { is: 'lost', problem: Problem.of(error) };
    }
  }

  #take({ event, data }: Frame): void {
    if (event === 'lost') {
      this.lost.value += (JSON.parse(data) as { lines: number }).lines;
      return;
    }
    if (event !== 'log') return;
    this.#waiting.push(this.#keyed(JSON.parse(data) as Line));
    this.#timer ??= window.setTimeout(() => {
      this.#timer = undefined;
      if (this.#paused) this.#hold();
      else this.#show();
    }, TOGETHER_MS);
  }

  /** A host that was started again counts from the start, so `seq` is no key. */
  #keyed(line: Line): Shown {
    this.#next += 1;
    return { ...line, key: this.#next };
  }

  #hold(): void {
    const over = this.#waiting.length - LINES_MAX;
    if (over > 0) {
      this.#waiting.splice(0, over);
      this.lost.value += over;
    }
    this.held.value = this.#waiting.length;
  }

  #show(): void {
    if (this.#waiting.length > 0) this.lines.value = [...this.lines.value, ...this.#waiting].slice(-LINES_MAX);
    this.#waiting = [];
    this.held.value = 0;
  }
}
