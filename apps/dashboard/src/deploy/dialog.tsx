// Deploying a component from the page: choose, look, send, watch.

import { signal } from '@preact/signals';
import { useEffect, useId, useState } from 'preact/hooks';
import { Problem, mayWrite, post, tokenWanted } from '../api';
import { bytes } from '../format';
import { changes, status } from '../live';
import { go } from '../router';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { nameOf, type Named } from './component';
import { Refused } from './refusal';
import { StepList, useSteps } from './steps';
import '../css/deploy.css';

const CANARY_PERCENTS = [1, 5, 10, 25, 50];

export interface Deployed {
  service: string;
  outcome: string;
  revision: number;
  version?: string;
  canaries?: { revision: number; percent: number }[];
  state: string;
  waiting_for?: string;
  migrations: string[];
  warnings: string[];
}

interface Asked {
  file: File | null;
  /** The service on whose page it was asked for. */
  service: string | null;
}

const asked = signal<Asked | null>(null);

/** Opens the dialog; without a file it asks for one. Who may not deploy is asked for the token. */
export function askToDeploy(file: File | null, service: string | null): void {
  if (mayWrite.value) asked.value = { file, service };
  else tokenWanted.value = 'A deploy needs the admin token.';
}

/** Where `askToDeploy` asks; once on a page that takes components. */
export function DeployDialog() {
  const now = asked.value;
  // Whoever leaves the page leaves the dialog.
  useEffect(() => () => void (asked.value = null), []);
  return now && <Deploying {...now} onClose={() => (asked.value = null)} />;
}

/** Names one deploy. `randomUUID` is not there on a page without TLS. */
function token(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

type Phase = { is: 'asking' } | { is: 'running' } | { is: 'done'; deployed: Deployed } | { is: 'refused'; problem: Problem };

function Deploying({ file: given, service, onClose }: Asked & { onClose: () => void }) {
  const [file, setFile] = useState(given);
  const [named, setNamed] = useState<Named | null>();
  const [canary, setCanary] = useState('');
  const [message, setMessage] = useState('');
  const [force, setForce] = useState(false);
  const [phase, setPhase] = useState<Phase>({ is: 'asking' });
  const [watch, setWatch] = useState(token);
  const steps = useSteps(watch);
  const ids = useId();
  useEffect(() => {
    setNamed(undefined);
    if (file) nameOf(file).then(setNamed, () => setNamed(null));
  }, [file]);
  const known = named && status.value?.services.find(({ name }) => name === named.name);
  const send = async () => {
    if (!file) return;
    setPhase({ is: 'running' });
    try {
      const body = new Blob([file], { type: 'application/wasm' });
      const deployed = await post<Deployed>('services', body, { canary: force ? '' : canary, message, watch, force: force || '' });
      setPhase({ is: 'done', deployed });
      changes.services.value += 1;
    } catch (error) {
      setPhase({ is: 'refused', problem: Problem.of(error) });
    }
  };
  /** The next try is a deploy of its own, with steps of its own. */
  const again = () => {
    setWatch(token());
    setPhase({ is: 'asking' });
  };
  const title = named ? `Deploy ${named.name} ${named.version ?? ''}` : 'Deploy a component';
  if (phase.is === 'asking') {
    return (
      <Dialog title={title} onClose={onClose}>
        <form class="dialog-body" onSubmit={(event) => (event.preventDefault(), void send())}>
          {file ? <Chosen file={file} named={named} service={service} live={known ? `revision ${known.revision}, ${known.version}` : null} /> : (
            <div class="field">
              <label for={`${ids}f`}>Component</label>
              <input id={`${ids}f`} type="file" accept=".wasm,application/wasm" onChange={(event) => setFile(event.currentTarget.files?.[0] ?? null)} />
              <span class="dim">A <code>.wasm</code> that <code>thali build</code> has made. The name of the service is inside.</span>
            </div>
          )}
          {(known || !named) && (
            <div class="field">
              <label for={`${ids}c`}>Requests</label>
              <select id={`${ids}c`} value={canary} onChange={(event) => setCanary(event.currentTarget.value)} disabled={force}>
                <option value="">All of them, at once</option>
                {CANARY_PERCENTS.map((percent) => <option key={percent} value={percent}>{percent} % as a canary</option>)}
              </select>
            </div>
          )}
          <div class="field">
            <label for={`${ids}m`}>Why (optional)</label>
            <input id={`${ids}m`} value={message} maxLength={500} autocomplete="off" onInput={(event) => setMessage(event.currentTarget.value)} />
            <span class="dim">Goes into the history of the service.</span>
          </div>
          {force && <p class="bad">Forced: what does not fit any more will fail.</p>}
          <div class="actions">
            <Button onClick={onClose}>Cancel</Button>
            <button type="submit" class={`button primary ${force ? 'danger' : ''}`} disabled={!file}>{force ? 'Deploy nevertheless' : canary ? `Deploy to ${canary} %` : 'Deploy'}</button>
          </div>
        </form>
      </Dialog>
    );
  }
  return (
    <Dialog title={title} onClose={onClose} wide={phase.is === 'refused'}>
      {(phase.is === 'running' || Object.keys(steps).length > 0) && <StepList steps={steps} told={phase.is === 'refused'} />}
      <div role="status">
        {phase.is === 'running' && <p class="dim">The host is at it …</p>}
        {phase.is === 'done' && <Outcome deployed={phase.deployed} />}
      </div>
      {phase.is === 'refused' && <Refused problem={phase.problem} />}
      <div class="actions">
        {phase.is === 'refused' && ['contract_mismatch', 'provider_conflict'].includes(phase.problem.code) && !force && (
          <Button kind="danger" onClick={() => (setForce(true), again())}>Deploy nevertheless …</Button>
        )}
        {phase.is === 'refused' && <Button onClick={() => (setFile(null), setForce(false), again())}>Choose another file</Button>}
        {phase.is === 'done' && phase.deployed.service !== service && (
          <Button onClick={() => (onClose(), go(['services', phase.deployed.service]))}>Go to {phase.deployed.service}</Button>
        )}
        <Button kind="primary" onClick={onClose}>Close</Button>
      </div>
    </Dialog>
  );
}

function Chosen({ file, named, service, live }: { file: File; named: Named | null | undefined; service: string | null; live: string | null }) {
  return (
    <div>
      <div><code>{file.name}</code>, {bytes(file.size)}</div>
      {named === null && <p class="warn">This does not look like a service: it has no manifest inside. The host will say what is wrong.</p>}
      {named && <div class="dim">{live ? `Live now: ${live}` : 'A service that is not here yet: its first revision takes all requests.'}</div>}
      {named && service && named.name !== service && <p class="warn">This is {named.name}, not {service}.</p>}
    </div>
  );
}

function Outcome({ deployed }: { deployed: Deployed }) {
  const { service, outcome, revision, canaries, migrations, warnings, waiting_for } = deployed;
  const canary = canaries?.at(-1);
  const told = outcome === 'unchanged' ? `${service} is what it was: revision ${revision} is this very component.`
    : canary ? `Revision ${canary.revision} of ${service} gets ${canary.percent} % of the requests.`
    : `Revision ${revision} of ${service} is live.`;
  return (
    <div data-outcome={outcome}>
      <p><strong>{told}</strong></p>
      {waiting_for && <p class="warn">It waits for <code>{waiting_for}</code>, which nobody provides.</p>}
      {migrations.length > 0 && <p>Migrations: {migrations.join(', ')}</p>}
      {warnings.map((warning) => <p key={warning} class="warn">{warning}</p>)}
    </div>
  );
}
