// Ten minutes of a service, going on every two seconds.

import { useEffect, useState } from 'preact/hooks';
import { get } from '../../api';
import { bytes, ms, rate } from '../../format';
import { status } from '../../live';
import { useLoad } from '../../load';
import type { History } from '../../types';
import { Chart } from '../../ui/chart';
import { Show } from '../../ui/states';

/** So many points are drawn: ten minutes. */
const POINTS_MAX = 300;

export function Charts({ name }: { name: string }) {
  const loaded = useLoad((signal) => get<History>('status/history', { service: name }, signal), [name]);
  return <Show loaded={loaded} what="the last ten minutes">{(history) => <Going name={name} history={history} />}</Show>;
}

function Going({ name, history }: { name: string; history: History }) {
  const [shown, setShown] = useState(history);
  const now = status.value;
  useEffect(() => setShown(history), [history]);
  useEffect(() => {
    const service = now?.services.find((one) => one.name === name);
    if (!service) return;
    setShown((before) => {
      const at = Math.floor(Date.now() / 1000);
      if (at < (before.at.at(-1) ?? 0) + before.step_s) return before;
      const add = <T,>(column: T[], value: T) => [...column, value].slice(-POINTS_MAX);
      return {
        ...before,
        at: add(before.at, at),
        rate: add(before.rate, service.rate),
        errors: add(before.errors, service.errors),
        p50_ms: add(before.p50_ms, service.p50_ms),
        p99_ms: add(before.p99_ms, service.p99_ms),
        memory_bytes: add(before.memory_bytes, service.memory_bytes),
      };
    });
  }, [now]);
  const { at, rate: rates, errors, p50_ms, p99_ms, memory_bytes } = shown;
  return (
    <div class="charts">
      <Chart title="Requests per second" at={at} format={rate} series={[{ label: 'requests', colour: '--series-1', values: rates }]} />
      <Chart title="Errors per second" at={at} format={rate} series={[{ label: 'errors', colour: '--series-2', values: errors }]} />
      <Chart title="Latency" at={at} format={ms} series={[{ label: 'p50', colour: '--series-1', values: p50_ms }, { label: 'p99', colour: '--series-3', values: p99_ms }]} />
      <Chart title="Memory" at={at} format={bytes} series={[{ label: 'memory', colour: '--series-4', values: memory_bytes }]} />
    </div>
  );
}
