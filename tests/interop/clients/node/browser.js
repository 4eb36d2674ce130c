// The JavaScript SDK in a browser page: the page's own server lists cells (a plan for each), the spans go to
// another origin, and the outcome is posted back to the page's server.
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { play } from './play.js';

async function run() {
  const results = [];
  for (const cell of await (await fetch('/cells')).json()) {
    const exporter = new OTLPTraceExporter({ url: cell.url, timeoutMillis: 20000, headers: { 'x-page': 'interop' } });
    results.push(`${cell.name}\t${await play(cell.name, exporter, cell.plan)}`);
  }
  return results.join('\n');
}

run().catch((error) => `page\tfailed: ${error}`)
  .then((report) => fetch('/done', { method: 'POST', body: report }));
