// One service: what it does now, its revisions and who gets which, its contracts and its settings.

import { at, get, remove } from '../api';
import { DropZone } from '../deploy/drop';
import { askToDeploy } from '../deploy/dialog';
import { ago } from '../format';
import { changes, status } from '../live';
import { useLoad } from '../load';
import { go, to } from '../router';
import { Badge } from '../ui/badge';
import { Button } from '../ui/button';
import { confirm } from '../ui/dialog';
import { Show } from '../ui/states';
import { toast } from '../ui/toast';
import { views, type ViewProps } from '../views';
import { condition } from '../words';
import { Calls } from './service/calls';
import { Charts } from './service/charts';
import { Contracts } from './service/contracts';
import type { Details } from './service/details';
import { History, Revisions } from './service/revisions';
import { RollBack } from './service/rollback';
import { Limits, Routes, Settings } from './service/settings';
import { Traffic } from './service/traffic';
import '../css/service.css';

/** Counts of a rollout are not told when they change. */
const REFRESH_MS = 3000;

export default function Service({ parts: [name = ''] }: ViewProps) {
  const on = [changes.services, changes.rollouts, changes.breakers];
  const loaded = useLoad((signal) => get<Details>(at('services', name), {}, signal), [name], { on, everyMs: REFRESH_MS });
  return (
    <div class="view" key={name}>
      <Show loaded={loaded} what={name}>
        {(details) => <Page details={details} reload={loaded.reload} />}
      </Show>
      <DropZone service={name} />
    </div>
  );
}

function Page({ details, reload }: { details: Details; reload: () => void }) {
  const { name, description, version, revision, live_since } = details;
  const live = status.value?.services.find((service) => service.name === name);
  const { tone, word } = condition(live ?? { state: details.state, health: null, canaries: details.canaries?.map((share) => ({ ...share, version: '' })) ?? [] });
  const reason = live?.reason ?? details.reason;
  return (
    <>
      <header class="view-head">
        <div>
          <div class="service-title">
            <h1>{name}</h1>
            <Badge tone={tone}>{word}</Badge>
            {revision !== undefined && <span>v{revision} <span class="dim">{version}</span></span>}
            {live_since && <span class="dim" title={live_since}>live since {ago(live_since)}</span>}
          </div>
          <p class="dim">{description}</p>
          {reason && <p class="bad">{reason}</p>}
        </div>
        <div class="actions">
          <Elsewhere name={name} />
          <Button kind="primary" write onClick={() => askToDeploy(null, name)}>Deploy …</Button>
          <RollBack details={details} reload={reload} />
          <Button kind="danger" write onClick={() => removeService(name)}>Remove …</Button>
        </div>
      </header>
      <Charts name={name} />
      {details.rollout && <Traffic key={details.rollout.begun_at} name={name} rollout={details.rollout} reload={reload} />}
      <div class="halves">
        <Revisions details={details} reload={reload} />
        <History changes={details.history} />
      </div>
      <Calls name={name} calls={details.calls} reload={reload} />
      <Contracts details={details} />
      <Routes routes={details.routes} />
      <div class="halves">
        <Limits details={details} />
        <Settings details={details} />
      </div>
    </>
  );
}

/** Views that can show one service only. */
function Elsewhere({ name }: { name: string }) {
  return (
    <>
      {views.filter((view) => view.ofService).map((view) => <a key={view.at} class="button" href={to([view.at], { service: name })}>{view.name}</a>)}
    </>
  );
}

async function removeService(name: string) {
  const sure = await confirm({
    title: `Remove ${name}`,
    body: <p>It stops answering at once, and its revisions are gone. What it has stored in its database stays on the disk. A host refuses to remove what other services call.</p>,
    action: 'Remove',
    danger: true,
    typed: name,
  });
  if (!sure) return;
  await remove(at('services', name));
  toast(`${name} is removed.`);
  go([]);
}
