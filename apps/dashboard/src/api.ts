// Asks the host: JSON there and back, problem documents become errors, and a 401 asks for the token.

import { computed, signal } from '@preact/signals';
import type { Session } from './types';

const TOKEN_KEY = 'thali-admin-token';

/** Relative, so that it works behind a proxy that serves the host beneath a path. */
const base = new URL('admin/v1/', document.baseURI);

export interface Mistake {
  pointer: string;
  detail: string;
}

/** What a host refuses, or that it cannot be reached (`status` 0). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly detail: string | undefined,
    readonly mistakes: Mistake[] = [],
    readonly requestId?: string,
    /** The whole document, for members of one kind of problem. */
    readonly document: Record<string, unknown> = {},
  ) {
    super(detail ? `${title}: ${detail}` : title);
  }

  static unreachable(error: unknown): Problem {
    const detail = error instanceof Error ? error.message : String(error);
    return new Problem(0, 'unreachable', 'The host does not answer', detail);
  }

  static of(error: unknown): Problem {
    return error instanceof Problem ? error : Problem.unreachable(error);
  }
}

const token = signal(sessionStorage.getItem(TOKEN_KEY) ?? '');

/** Whether somebody has signed in in this tab. */
export const signedIn = computed(() => token.value !== '');

/** What the host lets this page do; nothing is known before it has answered. */
export const session = signal<Session | null>(null);

export const mayWrite = computed(() => session.value?.may === 'write');

/** Set while the page asks for the token: why it does. */
export const tokenWanted = signal<string | null>(null);

/** Takes a token, or forgets it with an empty one, and asks what that allows. */
export async function useToken(text: string): Promise<Session> {
  token.value = text;
  if (text) sessionStorage.setItem(TOKEN_KEY, text);
  else sessionStorage.removeItem(TOKEN_KEY);
  return refreshSession();
}

export async function refreshSession(): Promise<Session> {
  session.value = await get<Session>('session');
  return session.value;
}

export interface Asked {
  method?: string;
  /** Sent as JSON, unless it is a Blob. */
  body?: unknown;
  query?: Query;
  signal?: AbortSignal;
  headers?: Record<string, string>;
  /** A 401 is an answer like every other. */
  quiet?: boolean;
}

export type Query = Record<string, string | number | boolean | null | undefined>;

/** Sends a request with the token; whatever is not a success is thrown as a `Problem`. `path` is beneath `/admin/v1/`. */
export async function send(path: string, asked: Asked = {}): Promise<Response> {
  const url = new URL(path, base);
  for (const [name, value] of Object.entries(asked.query ?? {})) {
    if (value !== null && value !== undefined && value !== '') url.searchParams.set(name, String(value));
  }
  const headers = new Headers(asked.headers);
  if (token.value) headers.set('authorization', `Bearer ${token.value}`);
  const { body } = asked;
  const blob = body instanceof Blob;
  if (body !== undefined && !blob) headers.set('content-type', 'application/json');
  let response: Response;
  try {
    const init: RequestInit = { method: asked.method ?? 'GET', headers, cache: 'no-store' };
    if (body !== undefined) init.body = blob ? body : JSON.stringify(body);
    if (asked.signal) init.signal = asked.signal;
    response = await fetch(url, init);
  } catch (error) {
    if (asked.signal?.aborted) throw error;
    throw Problem.unreachable(error);
  }
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (problem.status === 401 && !asked.quiet) tokenWanted.value = problem.detail ?? problem.title;
  throw problem;
}

async function ask<T>(path: string, asked: Asked = {}): Promise<T> {
  const response = await send(path, asked);
  const text = await response.text();
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

export function get<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> {
  return ask<T>(path, { query, signal });
}

export function post<T>(path: string, body?: unknown, query?: Query): Promise<T> {
  return ask<T>(path, { method: 'POST', body, query });
}

export function put<T>(path: string, body: unknown, query?: Query): Promise<T> {
  return ask<T>(path, { method: 'PUT', body, query });
}

export function remove<T>(path: string, query?: Query): Promise<T> {
  return ask<T>(path, { method: 'DELETE', query });
}

/** `services/orders/history`, with every part escaped. */
export function at(...parts: (string | number)[]): string {
  return parts.map((part) => encodeURIComponent(part)).join('/');
}

async function problemOf(response: Response): Promise<Problem> {
  const text = await response.text().catch(() => '');
  let document: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (parsed && typeof parsed === 'object') document = parsed as Record<string, unknown>;
  } catch {
    // Something between this page and the host has answered.
  }
  const string = (name: string) => (typeof document[name] === 'string' ? (document[name] as string) : undefined);
  const title = string('title') ?? `The host answered ${response.status}`;
  const detail = string('detail') ?? (string('title') ? undefined : text.slice(0, 200) || response.statusText);
  const mistakes = Array.isArray(document.errors) ? (document.errors as Mistake[]) : [];
  return new Problem(response.status, string('code') ?? 'unknown', title, detail, mistakes, string('request_id'), document);
}
