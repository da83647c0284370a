# SPDX-License-Identifier: GPL-3.0-or-later
"""The chart: workloads in rows, a bar for each system, its length the ratio to the floor; a column for each backing."""
from html import escape

from report import REACH, num, ratio
from systems import OURS, PEERS

COLOURS = {"fuscrypt": "#0b5394", "fuscrypt-uring": "#3fa0e0", "gocryptfs": "#e69138", "securefs-lite": "#6a9c4c",
           "securefs-full": "#a8c890", "encfs": "#a67bb8", "cryfs": "#b0a090"}
LABELS, COLUMNS, GAP, RIGHT = 250, 840, 40, 20    # widths; of all columns with the gaps between them
HEAD, FOOT, BAR, BETWEEN = 96, 44, 8, 12          # heights
HALO = "stroke='#fff' stroke-width='2.5' paint-order='stroke'"    # what stands on lines stays readable
LIMIT = 4                                         # longer bars are cut
FONT = "font-family='DejaVu Sans, Verdana, Helvetica, sans-serif'"


def text(x, y, s, size=12, anchor="start", extra=""):
    return "<text x='%.1f' y='%.1f' font-size='%g' text-anchor='%s' fill='#222' %s>%s</text>" % (
        x, y, size, anchor, extra, escape(s))


def line(x1, y1, x2, y2, colour, width=1, extra=""):
    return "<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' stroke='%s' stroke-width='%g' %s/>" % (
        x1, y1, x2, y2, colour, width, extra)


def legend(systems):
    out, x = [], 10
    for n in systems:
        out.append("<rect x='%d' y='40' width='12' height='12' fill='%s'/>" % (x, COLOURS[n]))
        out.append(text(x + 17, 50.5, n))
        x += 32 + 7.6 * len(n)
    out.append(line(x + 4, 39, x + 4, 53, "#c00000", 2.5))
    out.append(text(x + 12, 50.5, "to be reached by fuscrypt"))
    return out


def column(r, backing, systems, steps, x0, width, scale, top, row):
    """One backing: axis, bars, and the mark of what is to be reached."""
    out, bars, marks, labels = [], [], [], []
    bottom = top + row * len(steps)
    out.append(text(x0, top - 22, "on tmpfs" if backing == "tmpfs" else "on a disk (%s)" % r.about["disk"], 13,
                    extra="font-weight='bold'"))
    for k in range(int(scale * 2) + 1):
        x = x0 + width * k / 2 / scale
        out.append(line(x, top - 4, x, bottom, "#555" if k == 2 else "#ddd", 1.5 if k == 2 else 1))
        if k % 2 == 0 or scale <= 2:
            out.append(text(x, bottom + 15, "%g" % (k / 2), 11, "middle"))
    out.append(text(x0 + width / scale, top - 8, "the floor", 11, "middle"))
    for i, (step, _, want, *_) in enumerate(steps):
        y = top + i * row + BETWEEN / 2
        floor = r.floor(backing, step)[0]
        for j, n in enumerate(systems):
            v = ratio(r.med(backing, step, n), floor)
            if v is None:
                continue
            w = width * min(v, scale) / scale
            bars.append("<rect x='%.1f' y='%.1f' width='%.1f' height='%g' fill='%s'><title>%s: %s</title></rect>" % (
                x0, y + j * BAR, w, BAR - 1, COLOURS[n], n, num(v)))
            if n in OURS:
                labels.append(text(min(x0 + w + 5, x0 + width - 22), y + j * BAR + BAR - 0.8, num(v), 8.5, extra=HALO))
        if floor:
            x = x0 + width * want / scale
            marks.append(line(x, y - 2, x, y + 2 * BAR, "#c00000", 2.5))
    return out + bars + marks + labels


def svg(r):
    """The whole picture, as text."""
    steps = [s for s in REACH if any((b, s[0], n) in r.by for b in r.backings for n in OURS)]
    systems = [n for n in OURS + PEERS if any(k[2] == n for k in r.by)]
    backings = [b for b in r.backings if any(r.floor(b, s[0])[0] for s in steps)]
    ratios = [ratio(r.med(b, s[0], n), r.floor(b, s[0])[0]) for b in backings for s in steps for n in systems]
    most = max([v for v in ratios if v] + [s[2] for s in steps], default=1)
    scale = min(LIMIT, (int(most * 2 + 0.2) + 1) / 2)
    row = BAR * len(systems) + BETWEEN
    each = (COLUMNS + GAP) / max(len(backings), 1) - GAP
    width = LABELS + COLUMNS + RIGHT
    height = HEAD + row * len(steps) + FOOT
    out = ["<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' viewBox='0 0 %d %d' %s>" % (
               width, height, width, height, FONT),
           "<rect width='%d' height='%d' fill='#fff'/>" % (width, height),
           text(10, 24, "Speed as a ratio to the floor, a FUSE passthrough that encrypts nothing (longer is faster)", 15,
                extra="font-weight='bold'")] + legend(systems)
    for i, (_, label, *_) in enumerate(steps):
        y = HEAD + i * row
        if i % 2 == 0:
            out.append("<rect x='0' y='%d' width='%d' height='%d' fill='#f6f6f6'/>" % (y, width, row))
        out.append(text(LABELS - 10, y + row / 2 + 4, label.replace("`", ""), 12, "end"))
    for k, b in enumerate(backings):
        out += column(r, b, systems, steps, LABELS + k * (each + GAP), each, scale, HEAD, row)
    out.append(text(LABELS, height - 8, "times the rate of the floor; medians, %s" % r.about["when"], 11))
    return "\n".join(out + ["</svg>"]) + "\n"
