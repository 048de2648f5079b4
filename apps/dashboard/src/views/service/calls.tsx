// The calls that a service makes, and their circuit breakers in an operator's hand.

import { at, put } from '../../api';
import { count, ms, spaced } from '../../format';
import { Badge } from '../../ui/badge';
import { confirm } from '../../ui/dialog';
import { Table, type Column } from '../../ui/table';
import { toast, toastProblem } from '../../ui/toast';
import { mayWrite } from '../../api';
import type { Call } from './details';

const FORCES = {
  auto: { name: 'By itself', what: 'It opens and closes by itself again.' },
  open: { name: 'Held open', what: 'No such call is made any more: each fails at once, until you let go of it.' },
  closed: { name: 'Held closed', what: 'Every such call is made, however many fail, until you let go of it.' },
};

type Force = keyof typeof FORCES;

export function Calls({ name, calls, reload }: { name: string; calls: Call[]; reload: () => void }) {
  if (calls.length === 0) return null;
  const force = async (call: Call, state: Force) => {
    const sure = await confirm({
      title: `Circuit breaker of ${name}`,
      body: <><p>Calls of <code>{call.interface}</code>:</p><p>{FORCES[state].what}</p></>,
      action: state === 'auto' ? 'Let go of it' : `Hold it ${state}`,
      danger: state === 'open',
    });
    if (sure) {
      await put(at('breakers', name, call.interface), { state });
      toast(`The breaker of ${call.interface} is ${FORCES[state].name.toLowerCase()}.`);
    }
    reload();
  };
  const columns: Column<Call>[] = [
    { id: 'interface', head: 'Interface', names: true, cell: (row) => <code>{row.interface}</code> },
    { id: 'state', head: 'Breaker', cell: (row) => <State call={row} /> },
    { id: 'calls', head: 'Calls', number: true, cell: (row) => count(row.calls) },
    { id: 'failures', head: 'Failures', number: true, cell: (row) => <span class={row.failures > 0 ? 'warn' : ''}>{count(row.failures)}</span> },
    { id: 'retries', head: 'Retries', number: true, drop: 'small', cell: (row) => count(row.retries) },
    { id: 'cut', head: 'Cut off', number: true, drop: 'small', cell: (row) => count(row.cut_off) },
    { id: 'running', head: 'Running', number: true, drop: 'narrow', cell: (row) => <>{count(row.running)} <span class="dim">of {row.policy.concurrency}</span></> },
    { id: 'policy', head: 'Policy', drop: 'narrow', cell: (row) => <span class="dim">opens after {row.policy.failures}, for {ms(row.policy.reset_ms)}; {row.policy.retries} retries</span> },
    {
      id: 'force',
      head: 'Held',
      cell: (row) => (
        <select
          aria-label={`Breaker of ${row.interface}`}
          disabled={!mayWrite.value}
          value={forced(row)}
          onChange={(event) => {
            const wanted = event.currentTarget.value as Force;
            // What it shows is what is, until it is done.
            event.currentTarget.value = forced(row);
            force(row, wanted).catch(toastProblem);
          }}
        >
          {Object.entries(FORCES).map(([state, { name }]) => <option key={state} value={state}>{name}</option>)}
        </select>
      ),
    },
  ];
  return (
    <section class="panel" aria-label="Calls">
      <div class="panel-head"><h2>Calls to other services</h2></div>
      <Table caption={`Calls of ${name}`} columns={columns} rows={calls} keyOf={(row) => row.interface} />
    </section>
  );
}

function forced({ forced, state }: Call): Force {
  return forced ? (state === 'open' ? 'open' : 'closed') : 'auto';
}

function State({ call: { state, failures_in_a_row, probe_in_ms } }: { call: Call }) {
  const tone = state === 'closed' ? (failures_in_a_row > 0 ? 'warn' : 'ok') : state === 'open' ? 'bad' : 'warn';
  return (
    <>
      <Badge tone={tone}>{spaced(state)}</Badge>
      {failures_in_a_row > 0 && <div class="dim">{failures_in_a_row} in a row</div>}
      {probe_in_ms !== undefined && <div class="dim">tried again in {ms(probe_in_ms)}</div>}
    </>
  );
}
