// The steps of one deploy, as the host takes them.

import { useEffect, useState } from 'preact/hooks';
import { ms } from '../format';
import { onDeployStep } from '../live';
import type { DeployStep, StepName } from '../types';

const STEPS: [StepName, string][] = [
  ['upload', 'Upload'],
  ['validate', 'Validate'],
  ['manifest', 'Read the manifest'],
  ['contracts', 'Check the contracts'],
  ['compile', 'Compile'],
  ['migrate', 'Migrate the database'],
  ['smoke', 'Try it'],
  ['persist', 'Keep it'],
  ['swap', 'Swap'],
  ['drain', 'Drain what was before'],
];

const WORDS = { begun: 'running', done: 'done', failed: 'failed', skipped: 'not needed' };
const SHAPES = { begun: '◌', done: '✓', failed: '✕', skipped: '–' };

export type Steps = Partial<Record<StepName, DeployStep>>;

/** The steps of the deploy that was begun with this token, as far as they are known. */
export function useSteps(watch: string): Steps {
  const [steps, setSteps] = useState<Steps>({});
  useEffect(() => {
    setSteps({});
    return onDeployStep((step) => {
      if (step.watch === watch) setSteps((before) => ({ ...before, [step.step]: step }));
    });
  }, [watch]);
  return steps;
}

/** `told`: why a step has failed is said elsewhere already. */
export function StepList({ steps, told: why = false }: { steps: Steps; told?: boolean }) {
  return (
    <ol class="steps" aria-label="Steps of the deploy">
      {STEPS.map(([name, told]) => {
        const step = steps[name];
        return (
          <li key={name} class={step?.state ?? 'to-come'} data-step={name} data-state={step?.state ?? 'to_come'}>
            <span class="step-mark" aria-hidden="true">{step ? SHAPES[step.state] : '·'}</span>
            <span>{told}<span class="hidden">: {step ? WORDS[step.state] : 'to come'}</span></span>
            <span class="dim">{step?.state === 'done' && step.took_ms !== undefined ? ms(step.took_ms) : step && step.state !== 'begun' ? WORDS[step.state] : ''}</span>
            {step?.detail && !(why && step.state === 'failed') && <span class="step-detail dim">{step.detail}</span>}
          </li>
        );
      })}
    </ol>
  );
}
