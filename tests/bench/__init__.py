"""The three benchmarks: drain, latency, apply. `tests/bench/run` starts them, README.md says what they mean."""
