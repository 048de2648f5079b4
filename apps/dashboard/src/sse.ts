// Server-sent events over `fetch`, because `EventSource` cannot send the token.

import { Problem, send, type Query } from './api';

const BACKOFF_MS_MIN = 500;
const BACKOFF_MS_MAX = 15_000;

/** A host that is silent for this long is gone: it sends a comment at least every 15 s. */
const SILENCE_MS_MAX = 45_000;

export interface Frame {
  event: string;
  id: string;
  data: string;
}

export interface Listener {
  /** A 401 is told to `lost`, instead of asking for the token. */
  quiet?: boolean;
  frame(frame: Frame): void;
  /** The stream is open; `again` after a loss. */
  open?(again: boolean): void;
  /** It ended; the next try is in so many milliseconds, or never after an answer that will not change. */
  lost?(problem: Problem, retryMs: number | null): void;
}

/** Reads a stream until `stop` aborts, and begins again with backoff and `Last-Event-ID` whenever it ends. */
export async function listen(path: string, query: Query, listener: Listener, stop: AbortSignal): Promise<void> {
  let [lastId, failures, opened] = ['', 0, false];
  while (!stop.aborted) {
    let problem: Problem;
    const current = new AbortController();
    const end = () => current.abort();
    stop.addEventListener('abort', end);
    let silence = window.setTimeout(end, SILENCE_MS_MAX);
    try {
      const headers: Record<string, string> = { accept: 'text/event-stream' };
      if (lastId) headers['last-event-id'] = lastId;
      const response = await send(path, { query, headers, signal: current.signal, quiet: listener.quiet });
      listener.open?.(opened);
      opened = true;
      for await (const chunk of frames(response)) {
        clearTimeout(silence);
        silence = window.setTimeout(end, SILENCE_MS_MAX);
        failures = 0;
        if (!chunk) continue;
        if (chunk.id) lastId = chunk.id;
        listener.frame(chunk);
      }
      problem = new Problem(0, 'ended', 'The host ended the stream', undefined);
    } catch (error) {
      problem = Problem.of(error);
    } finally {
      clearTimeout(silence);
      stop.removeEventListener('abort', end);
    }
    if (stop.aborted) return;
    // No later try makes these better.
    if ([400, 401, 403, 404].includes(problem.status)) return listener.lost?.(problem, null);
    const wait = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** failures) * (0.75 + Math.random() / 2);
    failures += 1;
    listener.lost?.(problem, wait);
    await pause(wait, stop);
  }
}

/** The frames of a body, and `null` for a chunk that completes none. */
async function* frames(response: Response): AsyncGenerator<Frame | null> {
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const parts = (rest + value).replace(/\r\n?/g, '\n').split('\n\n');
      rest = parts.pop() ?? '';
      if (parts.length === 0) yield null;
      for (const part of parts) yield parse(part);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parse(text: string): Frame | null {
  const frame = { event: 'message', id: '', data: '' };
  const data: string[] = [];
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const [field, value] = [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')];
    if (field === 'data') data.push(value);
    else if (field === 'event') frame.event = value;
    else if (field === 'id') frame.id = value;
  }
  if (data.length === 0) return null;
  frame.data = data.join('\n');
  return frame;
}

function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = window.setTimeout(resolve, ms);
    stop.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}
