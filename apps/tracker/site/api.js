// Requests to the services, and what they say when they say no.

const BASE = '/api/v1';

/** How long a request may take, in milliseconds: longer than the host's own deadline. */
const TIMEOUT_MS = 35_000;

/** An answer that is no success, or no answer at all (`status` 0). */
export class Refused extends Error {
  constructor(status, problem, retryAfter) {
    super(problem.detail ?? problem.title ?? 'something went wrong');
    this.status = status;
    this.problem = problem;
    this.retryAfter = retryAfter;
  }

  /** Whether nobody knows what became of the request, or it may go well later. */
  get passes() {
    return this.status === 0 || this.status >= 500 || this.status === 408 || this.status === 429
      || this.problem.code === 'idempotency_in_progress';
  }

  /**
   * What is wrong, each with the JSON pointer of its place; an empty pointer is the whole.
   * The host lists mistakes in `errors`; a service names its broken rules in `detail`, as `/place rule; /place rule`.
   */
  get mistakes() {
    const listed = (this.problem.errors ?? []).filter((mistake) => mistake.detail);
    if (listed.length > 0) return listed;
    const detail = this.problem.detail ?? '';
    const rules = detail.split('; ').map((rule) => /^(\/\S*) (.*)$/s.exec(rule));
    if (detail !== '' && rules.every(Boolean)) {
      return rules.map(([, pointer, text]) => ({ pointer, detail: text }));
    }
    return [{ pointer: '', detail: this.sentence }];
  }

  /** What is wrong, in one sentence. */
  get sentence() {
    const { title, detail } = this.problem;
    return detail ? `${title ?? 'Refused'}: ${detail}` : title ?? 'Something went wrong';
  }
}

/** Sends a request; answers the JSON that came back. `options`: method, body, token, headers, signal. */
export async function send(path, { method = 'GET', body, token, headers = {}, signal } = {}) {
  const head = new Headers(headers);
  if (body !== undefined) head.set('content-type', 'application/json');
  if (token) head.set('authorization', `Bearer ${token}`);
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const signals = signal ? AbortSignal.any([signal, timeout]) : timeout;
  let response;
  let text;
  try {
    response = await fetch(BASE + path, { method, headers: head, body, signal: signals, cache: 'no-store' });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refused(0, { title: 'There was no answer' });
  }
  const answer = parsed(text);
  if (response.ok) return answer;
  const retryAfter = Number(response.headers.get('retry-after')) || undefined;
  throw new Refused(response.status, answer ?? { title: `The answer was ${response.status}` }, retryAfter);
}

/** Every item of a list, page by page, at most `max`. */
export async function list(path, options, max = 500) {
  const items = [];
  let cursor;
  do {
    const query = new URLSearchParams({ ...options?.query, limit: '100', ...(cursor && { cursor }) });
    const page = await send(`${path}?${query}`, options);
    items.push(...page.items);
    cursor = page.next;
  } while (cursor && items.length < max);
  return items;
}

/** A part of a path. */
export function segment(text) {
  return encodeURIComponent(text);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
