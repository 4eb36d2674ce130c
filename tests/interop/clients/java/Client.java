import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporter;
import io.opentelemetry.exporter.otlp.trace.OtlpGrpcSpanExporter;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.IdGenerator;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The Java SDK as a client of the interop run: plays each cell of a list (../README.md) and says how it went. */
public final class Client {
  private static final Duration EXPORT_TIMEOUT = Duration.ofSeconds(20);

  private record Cell(String name, String protocol, String compression, String endpoint, String ca, String certificate,
      String key, String authorization, String plan) {}

  private static final class PlannedIds implements IdGenerator {
    String traceId;
    String spanId;

    @Override public String generateTraceId() { return traceId; }

    @Override public String generateSpanId() { return spanId; }
  }

  /** Hands batches on and counts the failed ones. */
  private static final class Recorder implements SpanExporter {
    private final SpanExporter exporter;
    volatile int failures;
    volatile Throwable reason;

    Recorder(SpanExporter exporter) { this.exporter = exporter; }

    @Override public CompletableResultCode export(Collection<SpanData> spans) {
      CompletableResultCode result = exporter.export(spans);
      result.join(30, TimeUnit.SECONDS);
      if (!result.isSuccess()) {
        failures++;
        reason = result.getFailureThrowable();
      }
      return result;
    }

    @Override public CompletableResultCode flush() { return exporter.flush(); }

    @Override public CompletableResultCode shutdown() { return exporter.shutdown(); }
  }

  private static SpanExporter newExporter(Cell cell) throws IOException {
    boolean isPlain = cell.ca.equals("-");
    String url = (isPlain ? "http://" : "https://") + cell.endpoint;
    if (cell.protocol.equals("grpc")) {
      var builder = OtlpGrpcSpanExporter.builder().setEndpoint(url).setCompression(cell.compression)
          .setTimeout(EXPORT_TIMEOUT);
      if (!isPlain) builder.setTrustedCertificates(Files.readAllBytes(Path.of(cell.ca)));
      if (!cell.key.equals("-")) {
        builder.setClientTls(Files.readAllBytes(Path.of(cell.key)), Files.readAllBytes(Path.of(cell.certificate)));
      }
      if (!cell.authorization.equals("-")) builder.addHeader("authorization", cell.authorization);
      return builder.build();
    }
    var builder = OtlpHttpSpanExporter.builder().setEndpoint(url + "/v1/traces").setCompression(cell.compression)
        .setTimeout(EXPORT_TIMEOUT);
    if (!isPlain) builder.setTrustedCertificates(Files.readAllBytes(Path.of(cell.ca)));
    if (!cell.key.equals("-")) {
      builder.setClientTls(Files.readAllBytes(Path.of(cell.key)), Files.readAllBytes(Path.of(cell.certificate)));
    }
    if (!cell.authorization.equals("-")) builder.addHeader("Authorization", cell.authorization);
    return builder.build();
  }

  private static void play(Tracer tracer, PlannedIds ids, int number, String[] span) {
    ids.traceId = span[0];
    ids.spanId = span[1];
    Context parent = Context.root();
    if (!span[2].equals("-")) {
      parent = parent.with(Span.wrap(SpanContext.createFromRemoteParent(
          span[0], span[2], TraceFlags.getSampled(), TraceState.getDefault())));
    }
    long start = Long.parseLong(span[4]);
    Span recorded = tracer.spanBuilder(span[7]).setParent(parent)
        .setSpanKind(span[3].equals("server") ? SpanKind.SERVER : SpanKind.CLIENT)
        .setStartTimestamp(start, TimeUnit.NANOSECONDS)
        .setAttribute("string", "grüße ✓").setAttribute("int", number).setAttribute("double", 0.25)
        .setAttribute("bool", true).setAttribute(AttributeKey.stringArrayKey("strings"), List.of("a", "b"))
        .startSpan();
    recorded.addEvent("tried", Attributes.of(AttributeKey.stringKey("key"), "sku-17"), start + 1000, TimeUnit.NANOSECONDS);
    if (span[6].equals("1")) recorded.setStatus(StatusCode.ERROR, "out of stock");
    recorded.end(Long.parseLong(span[5]), TimeUnit.NANOSECONDS);
  }

  private static String run(Cell cell) throws IOException {
    PlannedIds ids = new PlannedIds();
    Recorder recorder = new Recorder(newExporter(cell));
    SdkTracerProvider provider = SdkTracerProvider.builder().setIdGenerator(ids)
        .setResource(Resource.create(Attributes.of(AttributeKey.stringKey("service.name"), cell.name)))
        .addSpanProcessor(BatchSpanProcessor.builder(recorder).setMaxQueueSize(1 << 16).setMaxExportBatchSize(64)
            .setExporterTimeout(Duration.ofSeconds(40)).build())
        .build();
    Tracer tracer = provider.tracerBuilder("interop").setInstrumentationVersion("1").build();
    List<String> lines = Files.readAllLines(Path.of(cell.plan));
    for (int number = 0; number < lines.size(); number++) play(tracer, ids, number, lines.get(number).split("\t"));
    provider.shutdown().join(60, TimeUnit.SECONDS);
    return recorder.failures == 0 ? "ok" : "failed: " + recorder.failures + " exports, " + recorder.reason;
  }

  public static void main(String[] arguments) throws IOException {
    for (String line : Files.readAllLines(Path.of(arguments[0]))) {
      String[] f = line.split("\t");
      Cell cell = new Cell(f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8]);
      System.out.println(cell.name + "\t" + run(cell));
    }
    System.exit(0);  // the HTTP client's threads would linger
  }
}
