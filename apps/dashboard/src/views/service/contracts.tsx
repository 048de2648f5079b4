// What a service offers, needs and tells.

import { to } from '../../router';
import { Badge } from '../../ui/badge';
import { Table, type Column } from '../../ui/table';
import type { Details } from './details';

type Export = Details['exports'][number];
type Import = Details['imports'][number];

const exported: Column<Export>[] = [
  { id: 'interface', head: 'Interface', names: true, cell: (row) => <code>{row.interface}</code> },
  { id: 'functions', head: 'Functions', cell: (row) => <code>{row.functions.join(', ')}</code> },
  { id: 'consumers', head: 'Called by', cell: (row) => <Names names={row.consumers} /> },
];

const imported: Column<Import>[] = [
  { id: 'interface', head: 'Interface', names: true, cell: (row) => <code>{row.interface}</code> },
  { id: 'provider', head: 'Provider', cell: (row) => <Provider wanted={row} /> },
];

export function Contracts({ details }: { details: Details }) {
  const { name, exports, imports, subscriptions } = details;
  const host = imports.filter(({ provider }) => provider === 'host');
  const others = imports.filter(({ provider }) => provider !== 'host').map((one) => {
    const told = subscriptions.filter(({ publisher, topic }) => publisher === name && one.interface.startsWith(topic));
    return { ...one, told };
  });
  return (
    <div class="halves">
      <section class="panel" aria-label="Offers">
        <div class="panel-head"><h2>Offers</h2></div>
        {exports.length > 0 ? <Table caption={`Interfaces that ${name} exports`} columns={exported} rows={exports} keyOf={(row) => row.interface} /> : <div class="panel-body dim">Nothing.</div>}
      </section>
      <section class="panel" aria-label="Needs and tells">
        <div class="panel-head"><h2>Needs and tells</h2></div>
        {others.length > 0 && <Table caption={`Interfaces that ${name} imports from services`} columns={imported} rows={others} keyOf={(row) => row.interface} />}
        <details class="panel-body">
          <summary>{host.length} interfaces of the host</summary>
          <ul class="interfaces">{host.map((one) => <li key={one.interface}><code>{one.interface}</code></li>)}</ul>
        </details>
      </section>
    </div>
  );
}

function Names({ names }: { names: string[] }) {
  if (names.length === 0) return <span class="dim">–</span>;
  return <>{names.map((name, i) => <span key={name}>{i > 0 && ', '}<a href={to(['services', name])}>{name}</a></span>)}</>;
}

function Provider({ wanted }: { wanted: Import & { told?: Details['subscriptions'] } }) {
  const { provider, service, revision, optional, interface: name, told } = wanted;
  if (provider === 'service' && service) return <><a href={to(['services', service])}>{service}</a> <span class="dim">v{revision}</span></>;
  if (/\/events@/.test(name)) {
    return told && told.length > 0 ? <>heard by <Names names={told.map(({ subscriber }) => subscriber)} /></> : <span class="dim">heard by nobody</span>;
  }
  if (provider === 'missing') return <Badge tone={optional ? 'idle' : 'bad'}>{optional ? 'missing, does without' : 'missing'}</Badge>;
  return <>{provider}</>;
}
