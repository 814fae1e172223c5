"""The tables of -f csv-NAME, made here again from the JSON report."""
import csv
import io
import json
import re


def cell(value):
    """One value as CSV shows it, without what is done against terminals and formulas."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)


def flat(value, name, into):
    if isinstance(value, dict):
        for key, inner in value.items():
            flat(inner, f"{name}_{key}" if name else key, into)
    elif isinstance(value, list):
        for inner in value:
            flat(inner, name, into)
    else:
        into.setdefault(name, []).append(cell(value))


def rows(item, name, table, around):
    if name == table or name.endswith("_" + table):
        cells = {}
        flat(item, "", cells)
        yield {**around, **{key: "; ".join(texts) for key, texts in cells.items()}}
        return
    one = name[:-3] if name.endswith("ies") else name[:-1] if name.endswith("s") else name
    inner = dict(around)
    for key, value in item.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            continue
        cells = {}
        flat(value, key, cells)
        for column, texts in cells.items():
            inner[column if column.startswith(one + "_") else f"{one}_{column}"] = "; ".join(texts)
    for key, value in item.items():
        if isinstance(value, list):
            for each in value:
                if isinstance(each, dict):
                    yield from rows(each, key, table, inner)


def expected(report, table):
    return [row for name, section in report.items() if name not in ("inputs", "checks", "findings") and isinstance(section, list)
            for item in section if isinstance(item, dict) for row in rows(item, name, table, {})]


def shown(text):
    """As in a cell: what is escaped differs between JSON and CSV, so only the plain text is compared."""
    return re.sub(r"[^\x20-\x7e]", "?", text)


def compare(name, table, text, report, check, filled):
    """filled: columns that have had a value anywhere."""
    records = list(csv.DictReader(io.StringIO(text), strict=True))
    head = text.split("\n", 1)[0].split(",")
    wanted = expected(report, table)
    check(f"{name}: a row for each of {len(wanted)}", len(records) == len(wanted), len(records))
    filled.setdefault((name.split(" ")[0], table), {column: False for column in head})
    for record, want in zip(records, wanted):
        for column in head:
            got = record[column]
            filled[(name.split(" ")[0], table)][column] |= got != ""
            check(f"{name}: no formula in {column}", got[:1] not in ("=", "@"), got)
            value = want.get(column, "")
            if value.isascii() and value.isprintable() and value[:1] not in "=@+-":
                numbers = lambda cells: [float(c) if re.fullmatch(r"-?\d+(\.\d+)?(e[+-]?\d+)?", c) else c for c in cells.split("; ")]
                check(f"{name}: {column} is as in the JSON report", numbers(got) == numbers(value), (got, value))
