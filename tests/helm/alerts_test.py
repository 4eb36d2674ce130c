"""What makes each alert fire, and what must not; turned into promtool's own test format.

A case changes some series of a healthy installation, asks at some minute, and names the labels that must be firing, or
None when the alert must be quiet.
"""

import re

HOME = 'namespace="obs",job="spanring"'
A = HOME + ',instance="a"'
B = HOME + ',instance="b"'
FIRES = {"namespace": "obs", "job": "spanring"}
AT_A = dict(FIRES, instance="a")

# Two routers, two backends, traffic that flows: no alert at all.
HEALTHY = {
    f'spanring_backend_state{{{A},endpoint="10.0.0.1:4317",state="ready"}}': "2x120",
    f'spanring_backend_state{{{A},endpoint="10.0.0.2:4317",state="ready"}}': "2x120",
    f'spanring_backend_state{{{B},endpoint="10.0.0.1:4317",state="ready"}}': "2x120",
    f'spanring_backend_state{{{B},endpoint="10.0.0.2:4317",state="ready"}}': "2x120",
    f'spanring_backend_state{{{A},endpoint="10.0.0.2:4317",state="down"}}': "0x120",
    f'spanring_ring_members{{{A}}}': "2x120",
    f'spanring_ring_members{{{B}}}': "2x120",
    f'spanring_ring_fingerprint{{{A},fingerprint="00aa"}}': "170x120",
    f'spanring_ring_fingerprint{{{B},fingerprint="00aa"}}': "170x120",
    f'spanring_ring_generation{{{A}}}': "3x120",
    f'spanring_resolutions_total{{{A},resolver="dns",outcome="success"}}': "0+12x120",
    f'spanring_resolver_records_cut{{{A}}}': "0x120",
    f'spanring_received_requests_total{{{A}}}': "0+600x120",
    f'spanring_refused_requests_total{{{A},reason="transient"}}': "0+6x120",
    f'spanring_refused_requests_total{{{A},reason="overload"}}': "0x120",
    f'spanring_rejected_spans_total{{{A},reason="partial_success"}}': "0x120",
    f'spanring_rejected_requests_total{{{A},reason="malformed"}}': "0x120",
    f'spanring_memory_budget_used_bytes{{{A}}}': "1000x120",
    f'spanring_memory_budget_limit_bytes{{{A}}}': "100000x120",
    f'spanring_ready{{{A}}}': "1x120",
    f'spanring_config_last_reload_successful{{{A}}}': "1x120",
    f'spanring_tls_certificate_expiry_timestamp_seconds{{{A},key="tls",file="/tls/tls.crt"}}': "7776000x120",
    f'spanring_tls_reloads_total{{{A},key="tls",outcome="failure"}}': "0x120",
    f'spanring_backend_tls_failures_total{{{A},endpoint="10.0.0.1:4317",reason="expired"}}': "0x120",
}


def series(name):
    """The key in HEALTHY that begins with this."""
    (found,) = [key for key in HEALTHY if key.startswith(name)]
    return found


DOWN = f'spanring_backend_state{{{A},endpoint="10.0.0.2:4317",state="down"}}'
FAILURES = f'spanring_resolutions_total{{{A},resolver="dns",outcome="server_failure"}}'
SUCCESSES = series("spanring_resolutions_total")
RING_B = f'spanring_ring_fingerprint{{{B},fingerprint="00aa"}}'

CASES = [
    # alert, changes to HEALTHY, minute, labels that fire besides alertname and severity
    ("SpanringBackendsZero", {key: "2x9 0x110" for key in HEALTHY if 'state="ready"' in key}, 12, FIRES),
    ("SpanringBackendsZero", {key: "2x9 0x110" for key in HEALTHY if 'state="ready"' in key and A in key}, 12, None),
    ("SpanringBackendsZero", {key: "0x120" for key in HEALTHY if "ring_members" in key}, 3, FIRES),
    ("SpanringBackendsDropped", {f"spanring_ring_members{{{A}}}": "8x20 3x99"}, 25, AT_A),
    ("SpanringBackendsDropped", {f"spanring_ring_members{{{A}}}": "8x20 4x99"}, 25, None),
    ("SpanringBackendDown", {DOWN: "0x9 1x110"}, 15, dict(FIRES, endpoint="10.0.0.2:4317")),
    ("SpanringBackendDown", {DOWN: "0x9 1 0x110"}, 15, None),
    ("SpanringResolutionFailing", {FAILURES: "0+12x120", SUCCESSES: "7x120"}, 10, AT_A),
    ("SpanringResolutionFailing", {FAILURES: "0+3x120"}, 10, None),
    ("SpanringRingDiverged", {RING_B: "_x120", RING_B.replace("00aa", "00bb"): "187x120"}, 5, FIRES),
    ("SpanringRingDiverged", {RING_B: "_x120", RING_B.replace("00aa", "00bb").replace('"obs"', '"other"'): "187x120"}, 5, None),
    ("SpanringBackendUpdatesFlapping", {series("spanring_ring_generation"): "3+1x120"}, 60, AT_A),
    ("SpanringBackendUpdatesFlapping", {series("spanring_ring_generation"): "3+1x20 23x99"}, 60, None),
    ("SpanringTooManyBackends", {series("spanring_resolver_records_cut"): "12x120"}, 5, AT_A),
    ("SpanringSpansRejected", {series("spanring_rejected_spans_total"): "0+30x120"}, 15, dict(FIRES, reason="partial_success")),
    ("SpanringSpansRejected", {series("spanring_rejected_requests_total"): "0+30x120"}, 15, dict(FIRES, reason="malformed")),
    ("SpanringShedding", {f'spanring_refused_requests_total{{{A},reason="overload"}}': "0+30x120"}, 15, FIRES),
    ("SpanringRequestsRefused", {f'spanring_refused_requests_total{{{A},reason="transient"}}': "0+60x120"}, 20, FIRES),
    ("SpanringMemoryBudgetHigh", {series("spanring_memory_budget_used_bytes"): "90000x120"}, 10, AT_A),
    ("SpanringNotReady", {series("spanring_ready"): "0x120"}, 5, AT_A),
    ("SpanringNotReady", {series("spanring_ready"): "0 1x120"}, 5, None),
    ("SpanringReloadFailed", {series("spanring_config_last"): "1x5 0x110"}, 10, AT_A),
    ("SpanringCertificateExpiring", {series("spanring_tls_certificate"): "432000x120"}, 20,
     dict(AT_A, key="tls", file="/tls/tls.crt")),
    ("SpanringCertificateReloadFailed", {series("spanring_tls_reloads"): "0x5 1x110"}, 8,
     dict(AT_A, key="tls", outcome="failure")),
    ("SpanringBackendTlsFailing", {series("spanring_backend_tls"): "0+6x120"}, 15,
     dict(FIRES, endpoint="10.0.0.1:4317", reason="expired")),
]


def unit_tests(rules):
    """promtool's test file as a dict: every case for its alert, and every alert quiet when all is well.

    `rules`: name -> rule. promtool compares whole annotations, so the rules are to be given to it without them."""
    tests = []
    for alert, changes, minute, labels in CASES:
        expected = []
        if labels is not None:
            expected = [{"exp_labels": dict(labels, severity=rules[alert]["labels"]["severity"])}]
        tests.append(make_test(alert, dict(HEALTHY, **changes), minute, expected))
    tests += [make_test(alert, HEALTHY, 60, []) for alert in rules]
    return {"evaluation_interval": "1m", "tests": tests}


def make_test(alert, values, minute, expected):
    return {
        "name": alert,
        "interval": "1m",
        "input_series": [{"series": name, "values": numbers} for name, numbers in values.items()],
        "alert_rule_test": [{"eval_time": f"{minute}m", "alertname": alert, "exp_alerts": expected}],
    }


def untested(rules):
    """Alerts that no case makes fire."""
    firing = {alert for alert, _, _, labels in CASES if labels is not None}
    return sorted(set(rules) - firing)


def unknown_labels(rules):
    """`{{ $labels.X }}` in an annotation whose alert never has a label X."""
    faults = []
    for alert, _, _, labels in CASES:
        text = " ".join(rules[alert]["annotations"].values())
        wrong = set(re.findall(r"\$labels\.(\w+)", text)) - set(labels or re.findall(r"\$labels\.(\w+)", text))
        faults += [f"{alert}: {name}" for name in sorted(wrong)]
    return faults
