// Who gets how much while a rollout runs: sliders, and what comes of them before it is done.

import { useId, useState } from 'preact/hooks';
import { at, post, put } from '../../api';
import type { Deployed } from '../../deploy/dialog';
import { ago, count, percent } from '../../format';
import { Badge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { confirm } from '../../ui/dialog';
import { Table, type Column } from '../../ui/table';
import { toast } from '../../ui/toast';
import type { LiveRevision, Rollout } from './details';

/** The stable revision keeps something; to give a canary everything is to promote it. */
const CANARIES_PERCENT_MAX = 99;

const columns: Column<LiveRevision>[] = [
  { id: 'revision', head: 'Revision', names: true, cell: (row) => <>v{row.revision}</> },
  { id: 'role', head: 'Role', cell: (row) => (row.waiting_for ? <Badge tone="warn">Waits for {row.waiting_for}</Badge> : <Badge tone={row.stable ? 'ok' : 'accent'}>{row.stable ? 'Stable' : 'Canary'}</Badge>) },
  { id: 'percent', head: 'Share', number: true, cell: (row) => percent(row.percent) },
  { id: 'requests', head: 'Requests', number: true, cell: (row) => count(row.requests) },
  { id: 'failures', head: 'Failures', number: true, cell: (row) => <span class={row.failures > 0 ? 'bad' : ''}>{count(row.failures)}</span> },
  { id: 'p50', head: 'p50', number: true, drop: 'small', cell: (row) => whole(row.p50_ms) },
  { id: 'p99', head: 'p99', number: true, cell: (row) => whole(row.p99_ms) },
  { id: 'in_flight', head: 'In flight', number: true, drop: 'small', cell: (row) => count(row.in_flight) },
];

export function Traffic({ name, rollout, reload }: { name: string; rollout: Rollout; reload: () => void }) {
  const canaries = rollout.revisions.filter(({ stable }) => !stable);
  const stable = rollout.revisions.find((revision) => revision.stable);
  // What somebody has moved; until then the sliders follow the host.
  const [moved, setMoved] = useState<Record<number, number>>({});
  const id = useId();
  const share = (canary: LiveRevision) => moved[canary.revision] ?? canary.percent;
  const taken = canaries.reduce((sum, canary) => sum + share(canary), 0);
  const changed = canaries.some((canary) => share(canary) !== canary.percent);
  const move = (canary: LiveRevision, wanted: number) => {
    const room = CANARIES_PERCENT_MAX - (taken - share(canary));
    setMoved({ ...moved, [canary.revision]: Math.max(0, Math.min(wanted, room)) });
  };
  const apply = async () => {
    if (!stable) return;
    const wanted = [...canaries.map((canary) => [canary, share(canary)] as const), [stable, 100 - taken] as const];
    const sure = await confirm({
      title: `Share out the requests of ${name}`,
      body: (
        <>
          <ul class="shares">{wanted.map(([one, next]) => <li key={one.revision}>v{one.revision}{one.stable ? ' (stable)' : ''}: {one.percent} % → <strong>{next} %</strong></li>)}</ul>
          {taken === 0 && <p>With a share of 0 a canary serves only who asks for it by name.</p>}
        </>
      ),
      action: 'Apply',
    });
    if (!sure) return;
    await put<Deployed>(`${at('services', name)}/traffic`, { shares: Object.fromEntries(wanted.map(([one, next]) => [`v${one.revision}`, next])) });
    setMoved({});
    toast(`The requests of ${name} are shared out anew.`);
    reload();
  };
  const promote = async (canary: LiveRevision) => {
    const sure = await confirm({
      title: `Promote revision ${canary.revision} of ${name}`,
      body: <p>Revision {canary.revision} gets all requests and is the stable one from then on. The others end what they are at.</p>,
      action: 'Promote',
    });
    if (!sure) return;
    await post<Deployed>(`${at('services', name)}/promote`, undefined, { revision: canary.revision });
    toast(`Revision ${canary.revision} of ${name} has all requests.`);
    reload();
  };
  return (
    <section class="panel" aria-labelledby={id} data-part="traffic">
      <div class="panel-head">
        <h2 id={id}>Rollout</h2>
        <span class="dim">since {ago(rollout.begun_at)}{rollout.sticky && `, sticky by ${rollout.sticky}`}. A canary that is worse is taken out by the host.</span>
      </div>
      <div class="panel-body">
        {canaries.map((canary) => (
          <div key={canary.revision} class="slider">
            <label for={`${id}${canary.revision}`}>v{canary.revision}, the canary</label>
            <input
              id={`${id}${canary.revision}`}
              type="range"
              min={0}
              max={CANARIES_PERCENT_MAX}
              value={share(canary)}
              aria-valuetext={`${share(canary)} percent for revision ${canary.revision}, ${100 - taken} percent for revision ${stable?.revision}`}
              onInput={(event) => move(canary, event.currentTarget.valueAsNumber)}
            />
            <output for={`${id}${canary.revision}`}>{share(canary)} %</output>
            <Button small write onClick={() => promote(canary)} label={`Promote revision ${canary.revision}`}>Promote …</Button>
          </div>
        ))}
        <div class="slider">
          <span>v{stable?.revision}, the stable one</span>
          <span class="share-bar" aria-hidden="true"><i style={{ width: `${100 - taken}%` }} /></span>
          <output>{100 - taken} %</output>
          <span class="actions">
            <Button small kind="primary" write disabled={!changed} onClick={apply}>Apply …</Button>
            {changed && <Button small onClick={() => setMoved({})}>Reset</Button>}
          </span>
        </div>
      </div>
      <Table caption={`Live revisions of ${name}`} columns={columns} rows={rollout.revisions} keyOf={(row) => `v${row.revision}`} />
    </section>
  );
}

/** Rollouts are compared by whole milliseconds. */
function whole(ms: number | undefined): string {
  if (ms === undefined) return '–';
  return ms === 0 ? '<1 ms' : `${count(ms)} ms`;
}
