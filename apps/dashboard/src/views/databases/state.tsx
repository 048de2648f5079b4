import { Badge } from '../../ui/badge';

/** Whether a database can be used, or why not. */
export function DatabaseState({ state }: { state: string }) {
  if (state === 'ok') return <Badge tone="ok">Usable</Badge>;
  return <><Badge tone="bad">Not usable</Badge><div class="bad">{state}</div></>;
}
