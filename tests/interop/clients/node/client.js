// The JavaScript SDK in Node as a client of the interop run: plays each cell of a list (../README.md).
import { readFileSync } from 'node:fs';
import { credentials, Metadata } from '@grpc/grpc-js';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { play } from './play.js';

const TIMEOUT_MS = 20000;

function lines(path) {
  return readFileSync(path, 'utf8').split('\n').filter((line) => line !== '');
}

function read(path) {
  return path === '-' ? undefined : readFileSync(path);
}

function newExporter({ protocol, compression, endpoint, ca, certificate, key, authorization }) {
  const scheme = ca === '-' ? 'http' : 'https';
  if (protocol === 'grpc') {
    const metadata = new Metadata();
    if (authorization !== '-') metadata.set('authorization', authorization);
    return new GrpcExporter({
      url: `${scheme}://${endpoint}`, compression, metadata, timeoutMillis: TIMEOUT_MS,
      credentials: ca === '-' ? credentials.createInsecure()
        : credentials.createSsl(read(ca), read(key) ?? null, read(certificate) ?? null),
    });
  }
  const Exporter = protocol === 'http/json' ? JsonExporter : ProtobufExporter;
  return new Exporter({
    url: `${scheme}://${endpoint}/v1/traces`, compression, timeoutMillis: TIMEOUT_MS,
    headers: authorization === '-' ? {} : { authorization },
    httpAgentOptions: ca === '-' ? {} : { ca: read(ca), cert: read(certificate), key: read(key) },
  });
}

for (const line of lines(process.argv[2])) {
  const [name, protocol, compression, endpoint, ca, certificate, key, authorization, plan] = line.split('\t');
  const exporter = newExporter({ protocol, compression, endpoint, ca, certificate, key, authorization });
  console.log(`${name}\t${await play(name, exporter, lines(plan))}`);
}
process.exit(0);
