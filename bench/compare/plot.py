"""A picture of the shapes as SVG, without a library: CPU time per span of each proxy, one panel per shape."""
import html

import proxies
import rounds

SHOWN = ("100", "1000", "connections", "gzip", "http", "tls")
ORDER = ("spanring", "nginx", "haproxy", "collector", "collector_queue")
COLOURS = {"spanring": "#c2410c", "nginx": "#64748b", "haproxy": "#94a3b8", "collector": "#475569",
           "collector_queue": "#334155"}
WIDTH, LABEL_WIDTH, VALUE_WIDTH = 760, 150, 110
BAR, GAP, PANEL_HEAD, PANEL_GAP, MARGIN = 14, 4, 24, 14, 16


def text(x, y, words, size=12, weight="normal", anchor="start", colour="#1e293b"):
    return (f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" '
            f'fill="{colour}">{html.escape(words)}</text>')


def panel(results, shape, top):
    """(elements, height)"""
    rows = [(name, results.windows(shape.name, name)) for name in ORDER]
    rows = [(name, rounds.median(windows, "ns_per_span") / 1000) for name, windows in rows if windows]
    if not rows:
        return [], 0
    largest = max(value for _, value in rows)
    room = WIDTH - 2 * MARGIN - LABEL_WIDTH - VALUE_WIDTH
    elements = [text(MARGIN, top + 14, shape.title, 13, "bold")]
    for index, (name, value) in enumerate(rows):
        y = top + PANEL_HEAD + index * (BAR + GAP)
        title = "spanring" if name == "spanring" else proxies.TITLES[name].replace("`", "")
        ratio = results.ratio(shape.name, name) if name != "spanring" else None
        times = f", x {1 / ratio.median:.1f}" if ratio else ""
        elements += [
            text(MARGIN + LABEL_WIDTH - 8, y + BAR - 3, title, 12, "bold" if name == "spanring" else "normal", "end"),
            f'<rect x="{MARGIN + LABEL_WIDTH}" y="{y}" width="{max(1, room * value / largest):.1f}" height="{BAR}" '
            f'rx="2" fill="{COLOURS[name]}"/>',
            text(MARGIN + LABEL_WIDTH + max(1, room * value / largest) + 6, y + BAR - 3, f"{value:.2f}{times}")]
    return elements, PANEL_HEAD + len(rows) * (BAR + GAP) + PANEL_GAP


def svg(results, chosen, note):
    elements, top = [text(MARGIN, MARGIN + 12, "CPU time per span, µs (shorter is better)", 15, "bold")], MARGIN + 28
    for shape in chosen:
        if shape.name in SHOWN:
            more, height = panel(results, shape, top)
            elements += more
            top += height
    elements.append(text(MARGIN, top + 6, note, 10, colour="#64748b"))
    height = top + MARGIN
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
            f'height="{height}" font-family="system-ui, sans-serif">\n<rect width="100%" height="100%" fill="#ffffff"/>\n'
            + "\n".join(elements) + "\n</svg>\n")
