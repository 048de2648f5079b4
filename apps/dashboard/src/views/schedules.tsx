// What runs by the clock: when next, how it went last, and running it now.

import { Problem, at, post, signedIn } from '../api';
import { ago, count, ms, time } from '../format';
import { changes, status } from '../live';
import { useLoad } from '../load';
import { place, to } from '../router';
import type { Items } from '../types';
import { Badge, type Tone } from '../ui/badge';
import { Button } from '../ui/button';
import { ServiceFilter } from '../ui/filters';
import { Empty, Show } from '../ui/states';
import { Table, type Column } from '../ui/table';
import { toast } from '../ui/toast';
import { read } from './read';
import '../css/lists.css';

interface Run {
  started_at: string;
  ended_at?: string;
  outcome: 'running' | 'ok' | 'failed' | 'cut';
  error?: string;
}

interface Schedule {
  service: string;
  name: string;
  cron: string;
  timezone: string;
  call: string;
  next_run: string | null;
  trouble?: string;
  last_run: Run | null;
  runs: number;
  failures: number;
  skipped: number;
}

/** Runs by the clock are told of as well; this is for what was missed. */
const REFRESH_MS = 3000;

const OUTCOMES: Record<Run['outcome'], { tone: Tone; word: string }> = {
  running: { tone: 'accent', word: 'Running' },
  ok: { tone: 'ok', word: 'Done' },
  failed: { tone: 'bad', word: 'Failed' },
  cut: { tone: 'warn', word: 'Cut off' },
};

export default function Schedules() {
  // Every second "in 5 s" is something else.
  void status.value;
  const service = place.value.query.get('service');
  const loaded = useLoad((signal) => read<Items<Schedule>>('schedules', { service }, signal), [service], {
    on: [changes.schedules, signedIn],
    everyMs: REFRESH_MS,
  });
  const columns: Column<Schedule>[] = [
    { id: 'name', head: 'Schedule', names: true, sort: keyOf, cell: (row) => <Name schedule={row} /> },
    { id: 'cron', head: 'Due', drop: 'narrow', cell: (row) => <><code>{row.cron}</code>{row.timezone !== 'UTC' && <div class="dim">{row.timezone}</div>}</> },
    { id: 'next', head: 'Next run', sort: (row) => row.next_run, cell: (row) => <Next schedule={row} /> },
    { id: 'last', head: 'Last run', sort: (row) => row.last_run?.started_at ?? null, cell: (row) => <Last run={row.last_run} /> },
    { id: 'runs', head: 'Runs', number: true, drop: 'small', sort: (row) => row.runs, cell: (row) => count(row.runs) },
    { id: 'failures', head: 'Failed', number: true, drop: 'narrow', sort: (row) => row.failures, cell: (row) => <span class={row.failures > 0 ? 'bad' : ''}>{count(row.failures)}</span> },
    { id: 'skipped', head: 'Passed over', number: true, drop: 'narrow', sort: (row) => row.skipped, cell: (row) => count(row.skipped) },
    {
      id: 'run', head: <span class="hidden">Run</span>,
      cell: (row) => (
        <Button small write label={`Run now: ${row.name} of ${row.service}`} onClick={() => run(row).finally(loaded.reload)}>Run now</Button>
      ),
    },
  ];
  return (
    <div class="view">
      <div class="view-head"><h1>Schedules</h1></div>
      <div class="panel">
        <div class="filters"><ServiceFilter /></div>
        <Show loaded={loaded} what="the schedules">
          {({ items }) => items.length === 0 ? (
            <Empty title={service ? 'This service has no schedules' : 'No service has schedules'}>A service's manifest names what runs when, under <code>[schedule]</code>.</Empty>
          ) : <Table caption="Schedules" columns={columns} rows={items} keyOf={keyOf} sorted="name" />}
        </Show>
      </div>
    </div>
  );
}

/** Waits until it has run, and says how that went. */
async function run({ service, name }: Schedule) {
  const done = await post<Run>(`${at('schedules', service, name)}/run`);
  const what = <>{name} of {service}</>;
  if (done.outcome === 'ok') toast(<>{what} ran: {took(done)}</>);
  else throw new Problem(0, 'run_failed', `${name} of ${service} failed`, done.error);
}

function keyOf({ service, name }: Schedule): string {
  return `${service}/${name}`;
}

function Name({ schedule: { service, name, call } }: { schedule: Schedule }) {
  return (
    <>
      <a href={to(['services', service])}>{service}</a> {name}
      <div class="dim late"><code>{call}</code></div>
    </>
  );
}

function Next({ schedule: { next_run, trouble } }: { schedule: Schedule }) {
  return (
    <>
      {next_run && <span class="nowrap" title={time(next_run)}>{Date.parse(next_run) <= Date.now() ? 'now' : ago(next_run)}</span>}
      {trouble && <div class="bad">{trouble}</div>}
    </>
  );
}

function Last({ run }: { run: Run | null }) {
  if (!run) return <span class="dim">never</span>;
  const { tone, word } = OUTCOMES[run.outcome];
  return (
    <>
      <Badge tone={tone}>{word}</Badge>{' '}
      <span class="nowrap" title={time(run.started_at)}>{ago(run.started_at)}<span class="late">{run.ended_at && `, ${took(run)}`}</span></span>
      {run.error && <div class="bad">{run.error}</div>}
    </>
  );
}

function took({ started_at, ended_at }: Run): string {
  // The server's times have nanoseconds, a Date has not.
  const at = (text: string) => Date.parse(text) + Number(`0.${text.match(/\.\d{3}(\d+)/)?.[1] ?? 0}`);
  return ended_at ? ms(at(ended_at) - at(started_at)) : '';
}
