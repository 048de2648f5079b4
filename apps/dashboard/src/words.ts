// What states are called, and how grave they are.

import type { ServiceStatus } from './types';
import type { Tone } from './ui/badge';

/** How a service is, in a word. */
export function condition({ state, health, canaries }: Pick<ServiceStatus, 'state' | 'health' | 'canaries'>): { tone: Tone; word: string } {
  if (state === 'waiting') return { tone: 'warn', word: 'Waiting' };
  if (state !== 'running') return { tone: 'bad', word: state[0]?.toUpperCase() + state.slice(1) };
  if (health && health !== 'ok') return { tone: 'bad', word: 'Unhealthy' };
  if (canaries.length > 0) return { tone: 'accent', word: 'Rolling out' };
  return { tone: 'ok', word: 'Running' };
}
