// How lists are read again and again: a 401 is shown in its place instead of asking for the token every time.

import { send, type Query } from '../api';

export async function read<T>(path: string, query: Query, signal: AbortSignal): Promise<T> {
  const response = await send(path, { query, signal, quiet: true });
  return (await response.json()) as T;
}
