// A field for SQL, and what came of it.

import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { Exact } from '../../exact';
import { ms, plural } from '../../format';
import { Button } from '../../ui/button';
import { ProblemBox } from '../../ui/states';
import { history, run, type Result } from './query';
import type { Rows, Value } from './types';

/** More rows help nobody who reads, and make a slow page. */
const ROWS_SHOWN_MAX = 500;
/** Of one value. */
const CHARACTERS_SHOWN_MAX = 300;

interface Props {
  service: string;
  /** Put into the field from outside, such as by a click on a table. */
  given: { sql: string; run: boolean } | undefined;
}

export function Editor({ service, given }: Props) {
  const [sql, setSql] = useState('');
  const [results, setResults] = useState<Result[]>([]);
  const [busy, setBusy] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  const stop = useRef<AbortController | undefined>(undefined);
  const back = useRef(-1);
  const id = useId();
  const start = async (script: string) => {
    if (script.trim() === '') return;
    stop.current?.abort();
    const current = (stop.current = new AbortController());
    back.current = -1;
    setBusy(true);
    await run(service, script, (results) => current.signal.aborted || setResults(results), current.signal);
    if (stop.current === current) setBusy(false);
  };
  useEffect(() => () => stop.current?.abort(), []);
  useEffect(() => {
    if (!given) return;
    setSql(given.sql);
    field.current?.focus();
    if (given.run) void start(given.sql);
  }, [given]);
  const key = (event: KeyboardEvent) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      void start(sql);
    } else if (event.altKey && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) {
      event.preventDefault();
      back.current = Math.min(Math.max(back.current + (event.key === 'ArrowUp' ? 1 : -1), -1), history.value.length - 1);
      setSql(history.value[back.current] ?? '');
    }
  };
  const point = ({ statement: { from, to } }: Result) => {
    field.current?.focus();
    field.current?.setSelectionRange(from, to);
  };
  const failed = results.some(({ problem }) => problem);
  return (
    <section class="panel" aria-labelledby={`${id}-head`} data-part="query">
      <div class="panel-head">
        <h2 id={`${id}-head`}>Query</h2>
        <span class="dim">It only reads. <kbd>Ctrl</kbd>+<kbd>Enter</kbd> runs it, <kbd>Alt</kbd>+<kbd>↑</kbd> brings the last one back.</span>
      </div>
      <div class="panel-body">
        <textarea
          ref={field}
          class="sql"
          rows={6}
          aria-label="SQL"
          aria-keyshortcuts="Control+Enter"
          aria-invalid={failed}
          spellcheck={false}
          autocapitalize="off"
          autocomplete="off"
          placeholder="SELECT …"
          value={sql}
          onInput={(event) => setSql(event.currentTarget.value)}
          onKeyDown={key}
        />
        <div class="actions">
          <Button kind="primary" disabled={sql.trim() === ''} onClick={() => void start(sql)}>Run</Button>
          {busy && <Button onClick={() => (stop.current?.abort(), setBusy(false))}>Stop waiting</Button>}
          <span class="dim" role="status">{busy ? 'Running …' : results.length > 0 ? summary(results) : ''}</span>
        </div>
        <Past choose={(text) => (setSql(text), field.current?.focus())} />
        {results.map((result, i) => <Shown key={i} result={result} alone={results.length === 1} point={() => point(result)} />)}
      </div>
    </section>
  );
}

function summary(results: Result[]): string {
  if (results.at(-1)?.problem) return 'Refused';
  const rows = results.reduce((sum, { rows }) => sum + (rows?.rows.length ?? 0), 0);
  return `${plural(rows, 'row')} in ${ms(results.reduce((sum, { took_ms }) => sum + took_ms, 0))}`;
}

function Past({ choose }: { choose: (sql: string) => void }) {
  const past = history.value;
  if (past.length === 0) return null;
  return (
    <details class="past">
      <summary>Earlier queries ({past.length}), until this page is closed</summary>
      <ul>{past.map((sql) => <li key={sql}><button type="button" class="button plain" onClick={() => choose(sql)}><code>{cut(sql.replace(/\s+/g, ' '), 160)}</code></button></li>)}</ul>
    </details>
  );
}

function Shown({ result: { statement, rows, problem, took_ms }, alone, point }: { result: Result; alone: boolean; point: () => void }) {
  const sql = cut(statement.sql.replace(/\s+/g, ' '), 120);
  return (
    <div class="result">
      {(!alone || problem) && <div><code>{sql}</code>{' '}{rows && <span class="dim">{plural(rows.rows.length, 'row')} in {ms(took_ms)}</span>}</div>}
      {problem && (
        <>
          <ProblemBox problem={problem} />
          <div class="actions"><Button small onClick={point}>Show it in the query</Button></div>
        </>
      )}
      {rows && <ResultTable rows={rows} name={sql} />}
    </div>
  );
}

function ResultTable({ rows: { columns, rows }, name }: { rows: Rows; name: string }) {
  if (rows.length === 0) return <p class="dim">No rows.</p>;
  return (
    <>
      <div class="table-box result-box" role="region" aria-label={`Rows of ${name}`} tabIndex={0}>
        <table>
          <caption class="hidden">Rows of {name}</caption>
          <thead><tr>{columns.map((column, i) => <th key={i} scope="col" class={isNumber(rows[0]?.[i]) ? 'num' : ''}>{column}</th>)}</tr></thead>
          <tbody>
            {rows.slice(0, ROWS_SHOWN_MAX).map((row, i) => <tr key={i}>{row.map((value, i) => <Cell key={i} value={value} />)}</tr>)}
          </tbody>
        </table>
      </div>
      {rows.length > ROWS_SHOWN_MAX && <p class="dim">The first {ROWS_SHOWN_MAX} of {plural(rows.length, 'row')} are shown: use LIMIT and OFFSET for others.</p>}
    </>
  );
}

function Cell({ value }: { value: Value }) {
  if (value === null) return <td class="dim">NULL</td>;
  if (isNumber(value)) return <td class="num">{value instanceof Exact ? value.text : String(value)}</td>;
  const text = typeof value === 'object' ? `x'${value.hex}'` : String(value);
  if (text.length <= CHARACTERS_SHOWN_MAX) return <td class="value">{text}</td>;
  return <td class="value">{cut(text, CHARACTERS_SHOWN_MAX)} <span class="dim">({plural(text.length, 'character')})</span></td>;
}

function isNumber(value: Value | undefined): value is number | Exact {
  return typeof value === 'number' || value instanceof Exact;
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}
