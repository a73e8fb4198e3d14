"""Benchmark P14: latency of classification over the API of a running server.

Run: ``python -m bench.serving http://127.0.0.1:8000 sw_key``. Each call is made one after the other, warm.
"""

from __future__ import annotations

import argparse
import platform
import time

import httpx
import numpy as np

TEXTS = (
    "I cannot connect to the VPN after the Windows update.",
    "The printer on the second floor prints empty pages since this morning.",
    "Please reset my password, the account is locked after too many attempts.",
    "The nightly backup of the sales database failed with ORA-01555.",
    "URGENT system down affecting all users",
)


def measure(client: httpx.Client, path: str, name: str, calls: int) -> None:
    """Time so many calls and print the spread in milliseconds."""
    times = []
    for number in range(calls + 5):
        text = f"{TEXTS[number % len(TEXTS)]} Case {number}."
        started = time.perf_counter()
        answer = client.post(path, json={name: text})
        elapsed = (time.perf_counter() - started) * 1000
        answer.raise_for_status()
        if number >= 5:
            times.append(elapsed)
    p50, p95 = np.percentile(times, [50, 95])
    print(f"{path}: median {p50:.0f} ms, p95 {p95:.0f} ms, {calls} calls (target p95 300 ms)")


def main() -> None:
    """Read the arguments and measure each door."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("key")
    parser.add_argument("--calls", type=int, default=60)
    chosen = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}")
    headers = {"Authorization": f"Bearer {chosen.key}"}
    with httpx.Client(base_url=f"{chosen.url}/api/v1", headers=headers, timeout=30) as client:
        measure(client, "/classify", "ticket", chosen.calls)
        measure(client, "/workflow/classify", "body", chosen.calls)
        measure(client, "/classify/ticket", "text", chosen.calls)


if __name__ == "__main__":
    main()
