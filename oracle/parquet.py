"""Writes test/fixtures/parquet/: the same rows as Parquet under each compression, and as JSON lines (pyarrow)."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

out = Path(__file__).parent.parent / "test/fixtures/parquet"
out.mkdir(parents=True, exist_ok=True)
rows = [
    {
        "messages": [
            {"role": "user", "content": f"question {i} é \U0001f600", "tool_calls": None},
            {"role": "assistant", "content": f"answer\n{i}" * (1 + i % 3), "tool_calls": [{"name": "f", "arguments": {"x": i}}] if i % 4 == 0 else None},
        ],
        "id": i,
        "score": i / 8 if i % 3 else None,
        "label": i % 2 == 0,
        "source": ["web", "book"][i % 2],
        "input_ids": list(range(i % 5)),
    }
    for i in range(40)
]
table = pa.Table.from_pylist(rows)
for codec in ["none", "snappy", "gzip", "zstd", "brotli", "lz4"]:
    pq.write_table(table, out / f"{codec}.parquet", compression=codec, row_group_size=16)
pq.write_table(table, out / "v2.parquet", compression="snappy", data_page_version="2.0", use_dictionary=False, version="2.6")


def without_null_fields(value):
    """Structs lose the fields that are null; columns keep them."""
    if isinstance(value, dict):
        return {key: without_null_fields(each) for key, each in value.items() if each is not None}
    return [without_null_fields(each) for each in value] if isinstance(value, list) else value


with open(out / "rows.jsonl", "w", encoding="utf-8") as file:
    for row in rows:
        file.write(json.dumps({column: without_null_fields(value) for column, value in row.items()}, ensure_ascii=False) + "\n")
