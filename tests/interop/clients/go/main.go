// The Go SDK as a client of the interop run: plays each cell of a list (../README.md) and says how it went.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/credentials"
)

const exportTimeout = 20 * time.Second

type cell struct {
	name, protocol, compression, endpoint, ca, certificate, key, authorization, plan string
}

type plannedSpan struct {
	traceID    trace.TraceID
	spanID     trace.SpanID
	parentID   trace.SpanID
	isServer   bool
	start, end time.Time
	isError    bool
	name       string
}

type plannedIDs struct{ next plannedSpan }

func (p *plannedIDs) NewIDs(context.Context) (trace.TraceID, trace.SpanID) {
	return p.next.traceID, p.next.spanID
}
func (p *plannedIDs) NewSpanID(context.Context, trace.TraceID) trace.SpanID { return p.next.spanID }

// recorder hands batches on and remembers the first error.
type recorder struct {
	sdk.SpanExporter
	failure error
}

func (r *recorder) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := r.SpanExporter.ExportSpans(ctx, spans)
	if err != nil && r.failure == nil {
		r.failure = err
	}
	return err
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func rows(path string) [][]string {
	file, err := os.Open(path)
	check(err)
	defer file.Close()
	var out [][]string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		out = append(out, strings.Split(lines.Text(), "\t"))
	}
	return out
}

func nanos(text string) time.Time {
	ns, err := strconv.ParseInt(text, 10, 64)
	check(err)
	return time.Unix(0, ns)
}

func readPlan(path string) []plannedSpan {
	var spans []plannedSpan
	for _, row := range rows(path) {
		span := plannedSpan{isServer: row[3] == "server", start: nanos(row[4]), end: nanos(row[5]),
			isError: row[6] == "1", name: row[7]}
		for index, id := range [][]byte{span.traceID[:], span.spanID[:], span.parentID[:]} {
			if row[index] != "-" {
				_, err := hex.Decode(id, []byte(row[index]))
				check(err)
			}
		}
		spans = append(spans, span)
	}
	return spans
}

func tlsConfig(c cell) *tls.Config {
	pem, err := os.ReadFile(c.ca)
	check(err)
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	config.RootCAs.AppendCertsFromPEM(pem)
	if c.certificate != "-" {
		pair, err := tls.LoadX509KeyPair(c.certificate, c.key)
		check(err)
		config.Certificates = []tls.Certificate{pair}
	}
	return config
}

func newExporter(c cell) (*otlptrace.Exporter, error) {
	headers := map[string]string{}
	if c.authorization != "-" {
		headers["authorization"] = c.authorization
	}
	if c.protocol == "grpc" {
		options := []otlptracegrpc.Option{otlptracegrpc.WithEndpoint(c.endpoint), otlptracegrpc.WithHeaders(headers),
			otlptracegrpc.WithTimeout(exportTimeout)}
		if c.ca == "-" {
			options = append(options, otlptracegrpc.WithInsecure())
		} else {
			options = append(options, otlptracegrpc.WithTLSCredentials(credentials.NewTLS(tlsConfig(c))))
		}
		if c.compression == "gzip" {
			options = append(options, otlptracegrpc.WithCompressor("gzip"))
		}
		return otlptracegrpc.New(context.Background(), options...)
	}
	options := []otlptracehttp.Option{otlptracehttp.WithEndpoint(c.endpoint), otlptracehttp.WithHeaders(headers),
		otlptracehttp.WithTimeout(exportTimeout)}
	if c.ca == "-" {
		options = append(options, otlptracehttp.WithInsecure())
	} else {
		options = append(options, otlptracehttp.WithTLSClientConfig(tlsConfig(c)))
	}
	if c.compression == "gzip" {
		options = append(options, otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	}
	return otlptracehttp.New(context.Background(), options...)
}

func play(tracer trace.Tracer, number int, p plannedSpan) {
	ctx := context.Background()
	if p.parentID.IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: p.traceID, SpanID: p.parentID, TraceFlags: trace.FlagsSampled, Remote: true}))
	}
	kind := trace.SpanKindClient
	if p.isServer {
		kind = trace.SpanKindServer
	}
	_, span := tracer.Start(ctx, p.name, trace.WithSpanKind(kind), trace.WithTimestamp(p.start),
		trace.WithAttributes(attribute.String("string", "grüße ✓"), attribute.Int("int", number),
			attribute.Float64("double", 0.25), attribute.Bool("bool", true),
			attribute.StringSlice("strings", []string{"a", "b"})))
	span.AddEvent("tried", trace.WithTimestamp(p.start.Add(1000)), trace.WithAttributes(attribute.String("key", "sku-17")))
	if p.isError {
		span.SetStatus(codes.Error, "out of stock")
	}
	span.End(trace.WithTimestamp(p.end))
}

func run(c cell) error {
	exporter, err := newExporter(c)
	if err != nil {
		return err
	}
	ids, recorded := &plannedIDs{}, &recorder{SpanExporter: exporter}
	provider := sdk.NewTracerProvider(sdk.WithIDGenerator(ids),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", c.name))),
		sdk.WithBatcher(recorded, sdk.WithMaxQueueSize(1<<16), sdk.WithMaxExportBatchSize(64),
			sdk.WithExportTimeout(exportTimeout)))
	tracer := provider.Tracer("interop", trace.WithInstrumentationVersion("1"))
	for number, span := range readPlan(c.plan) {
		ids.next = span
		play(tracer, number, span)
	}
	if err := provider.Shutdown(context.Background()); err != nil {
		return err
	}
	return recorded.failure
}

func main() {
	for _, row := range rows(os.Args[1]) {
		c := cell{row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8]}
		if err := run(c); err != nil {
			fmt.Printf("%s\tfailed: %s\n", c.name, strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Printf("%s\tok\n", c.name)
		}
	}
}
