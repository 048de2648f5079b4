// The lines that a view shows: what was there before, and what comes. Everything has a limit.

import { signal } from '@preact/signals';
import type { Problem, Query } from '../../api';
import { listen, type Frame } from '../../sse';
import type { Line, Shown } from './types';

/** So many lines are shown, and as many wait while the view is paused; older ones go. */
export const LINES_MAX = 2000;

/** So many of what was there before are asked for. */
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
  #open = false;
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
    await listen('logs/stream', { ...filters, limit: FIRST_LINES }, {
      quiet: true,
      frame: (frame) => this.#take(frame),
      open: () => this.#begin(),
      lost: (problem) => this.#lose(problem),
    }, this.#stop.signal);
  }

  #take({ event, data }: Frame): void {
    if (event === 'lost') {
      this.lost.value += (JSON.parse(data) as { lines: number }).lines;
      return;
    }
    if (event !== 'log') return;
    this.#next += 1;
    this.#waiting.push({ ...(JSON.parse(data) as Line), key: this.#next });
    this.#soon();
  }

  /** What was there before comes at once: nobody is told that there is nothing before that is shown. */
  #begin(): void {
    this.#open = true;
    this.#soon();
  }

  #lose(problem: Problem): void {
    this.#open = false;
    this.state.value = { is: 'lost', problem };
  }

  #soon(): void {
    this.#timer ??= window.setTimeout(() => {
      this.#timer = undefined;
      if (this.#paused) this.#hold();
      else this.#show();
      if (this.#open) this.state.value = { is: 'following' };
    }, TOGETHER_MS);
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
