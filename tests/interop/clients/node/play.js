// One cell of the interop run through the JavaScript SDK; the same in Node and in a browser.
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';

function toTime(nanos) {
  const value = BigInt(nanos);
  return [Number(value / 1000000000n), Number(value % 1000000000n)];
}

// Hands batches on and remembers the first failure.
class Recorder {
  constructor(exporter) {
    this.exporter = exporter;
    this.failure = null;
  }

  export(spans, done) {
    this.exporter.export(spans, (result) => {
      if (result.code !== 0 && this.failure === null) this.failure = result.error ?? new Error('export failed');
      done(result);
    });
  }

  forceFlush() {
    return this.exporter.forceFlush?.() ?? Promise.resolve();
  }

  shutdown() {
    return this.exporter.shutdown();
  }
}

function playSpan(tracer, ids, number, line) {
  const [traceId, spanId, parentId, kind, start, end, isError, name] = line.split('\t');
  ids.traceId = traceId;
  ids.spanId = spanId;
  const parent = parentId === '-' ? ROOT_CONTEXT : trace.setSpanContext(
    ROOT_CONTEXT, { traceId, spanId: parentId, traceFlags: TraceFlags.SAMPLED, isRemote: true });
  const span = tracer.startSpan(name, {
    kind: kind === 'server' ? SpanKind.SERVER : SpanKind.CLIENT,
    startTime: toTime(start),
    attributes: { string: 'grüße ✓', int: number, double: 0.25, bool: true, strings: ['a', 'b'] },
  }, parent);
  span.addEvent('tried', { key: 'sku-17' }, toTime(BigInt(start) + 1000n));
  if (isError === '1') span.setStatus({ code: SpanStatusCode.ERROR, message: 'out of stock' });
  span.end(toTime(end));
}

// Plays the plan's lines through `exporter`. Returns "ok" or "failed: …".
export async function play(cellName, exporter, planLines) {
  const ids = { traceId: '', spanId: '' };
  const recorder = new Recorder(exporter);
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': cellName }),
    idGenerator: { generateTraceId: () => ids.traceId, generateSpanId: () => ids.spanId },
    spanProcessors: [new BatchSpanProcessor(recorder, { maxQueueSize: 65536, maxExportBatchSize: 64 })],
  });
  const tracer = provider.getTracer('interop', '1');
  planLines.forEach((line, number) => playSpan(tracer, ids, number, line));
  try {
    await provider.shutdown();
  } catch (error) {
    recorder.failure ??= error;
  }
  return recorder.failure === null ? 'ok' : `failed: ${String(recorder.failure).replaceAll('\n', ' ')}`;
}
