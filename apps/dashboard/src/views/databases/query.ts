// Runs statements, one after the other, and remembers what was asked.

import { signal } from '@preact/signals';
import { Problem, at, send } from '../../api';
import { parseExactly } from '../../exact';
import { statements, type Statement } from './split';
import type { Rows } from './types';

export interface Result {
  statement: Statement;
  took_ms: number;
  rows?: Rows;
  problem?: Problem;
}

/** In memory only: what is in a database is nobody else's business, and neither is what was looked for. */
export const history = signal<string[]>([]);
const HISTORY_MAX = 50;

/** Runs the statements of a script until one is refused; tells the results so far after each. */
export async function run(service: string, script: string, tell: (results: Result[]) => void, stop: AbortSignal): Promise<void> {
  remember(script);
  const results: Result[] = [];
  tell([]);
  for (const statement of statements(script)) {
    const begun = performance.now();
    const result: Result = { statement, took_ms: 0 };
    try {
      result.rows = await ask(service, statement.sql, stop);
    } catch (error) {
      if (stop.aborted) return;
      result.problem = ofThisPage(Problem.of(error));
    }
    result.took_ms = performance.now() - begun;
    results.push(result);
    tell([...results]);
    if (result.problem) return;
  }
}

async function ask(service: string, sql: string, stop: AbortSignal): Promise<Rows> {
  const path = `${at('services', service)}/database/query`;
  const response = await send(path, { method: 'POST', body: { sql }, signal: stop, quiet: true });
  const { items } = parseExactly(await response.text()) as { items: Rows[] };
  return items[0] ?? { columns: [], rows: [] };
}

/** The host speaks of an option of the command line, which nobody has here. */
function ofThisPage(problem: Problem): Problem {
  const detail = problem.detail?.replace('; without --write the shell only reads', '');
  return new Problem(problem.status, problem.code, problem.title, detail, problem.mistakes, problem.requestId);
}

function remember(script: string) {
  const text = script.trim();
  if (text) history.value = [text, ...history.value.filter((one) => one !== text)].slice(0, HISTORY_MAX);
}
