// What services and the host write, as it comes.

import { useEffect, useMemo, useState } from 'preact/hooks';
import { signedIn } from '../api';
import { count, plural } from '../format';
import { place } from '../router';
import { Badge } from '../ui/badge';
import { Button } from '../ui/button';
import { ChoiceFilter, ServiceFilter, TextFilter } from '../ui/filters';
import { Empty, Loading, ProblemBox } from '../ui/states';
import { Feed, LINES_MAX } from './logs/feed';
import { Lines } from './logs/lines';
import { LEVELS } from './logs/types';
import '../css/lists.css';
import './logs/logs.css';

const FILTERS = ['service', 'level', 'contains', 'request_id', 'trace_id'];

export default function Logs() {
  const filters = Object.fromEntries(FILTERS.map((name) => [name, place.value.query.get(name)]));
  const [turn, setTurn] = useState(0);
  const feed = useMemo(() => new Feed(filters), [JSON.stringify(filters), signedIn.value, turn]);
  const [paused, setPaused] = useState(false);
  useEffect(() => {
    // Whoever asks for other lines wants to see them.
    setPaused(false);
    return () => feed.stop();
  }, [feed]);
  useEffect(() => feed.pause(paused), [feed, paused]);
  const [state, lines, held, lost] = [feed.state.value, feed.lines.value, feed.held.value, feed.lost.value];
  return (
    <div class="view">
      <div class="view-head">
        <h1>Logs</h1>
        {paused ? <Badge tone="idle">Paused{held > 0 && `, ${plural(held, 'new line')}`}</Badge> : state.is === 'following' && <Badge tone="ok">Following</Badge>}
        {lost > 0 && <Badge tone="warn">{plural(lost, 'line')} left out: too fast</Badge>}
        <div class="actions">
          <Button small onClick={() => setPaused(!paused)}>{paused ? 'Go on' : 'Pause'}</Button>
          <Button small onClick={() => feed.clear()}>Clear</Button>
        </div>
      </div>
      <div class="panel">
        <div class="filters">
          <ServiceFilter />
          <ChoiceFilter name="level" label="At least" options={LEVELS} any="trace: all" />
          <TextFilter name="contains" label="Contains" />
          <TextFilter name="request_id" label="Request" />
          <TextFilter name="trace_id" label="Trace" />
        </div>
        {state.is === 'lost' && <div class="panel-body"><ProblemBox problem={state.problem} retry={() => setTurn(turn + 1)} /></div>}
        {lines.length > 0 ? <Lines lines={lines} /> : state.is === 'reading' ? <Loading what="the logs" /> : state.is === 'following' && (
          <Empty title={Object.values(filters).some(Boolean) ? 'No line is like that' : 'Nothing is logged yet'}>What comes is shown here.</Empty>
        )}
      </div>
      <p class="dim">The newest {count(LINES_MAX)} lines are kept in this page. The host keeps more in its files: <code>thali logs</code>.</p>
    </div>
  );
}
