// Back to what was before: to the revision before this one, or out of a rollout.

import { at, post } from '../../api';
import type { Deployed } from '../../deploy/dialog';
import { Button } from '../../ui/button';
import { confirm } from '../../ui/dialog';
import { toast } from '../../ui/toast';
import type { Details } from './details';

export function RollBack({ details, reload }: { details: Details; reload: () => void }) {
  const { name, revision, version, previous, revisions, rollout } = details;
  const before = revisions.find(({ number }) => number === previous);
  const possible = !!rollout || previous !== undefined;
  const ask = async () => {
    const body = rollout ? (
      <p>Revision {revision} ({version}) gets all requests again. The canaries end the requests they are at, and get no more.</p>
    ) : (
      <p>Revision {previous} {before && `(${before.version})`} gets all requests again, in the place of revision {revision} ({version}). Migrations are not undone.</p>
    );
    const sure = await confirm({ title: rollout ? `Call off the rollout of ${name}` : `Roll back ${name}`, body, action: rollout ? 'Call it off' : 'Roll back' });
    if (!sure) return;
    const { revision: now } = await post<Deployed>(`${at('services', name)}/rollback`);
    toast(`Revision ${now} of ${name} has all requests.`);
    reload();
  };
  return <Button write disabled={!possible} onClick={ask}>{rollout ? 'Call off …' : 'Roll back …'}</Button>;
}
