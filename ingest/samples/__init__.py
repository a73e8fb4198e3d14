"""The sample set: 140 labelled tickets as real files, for the demo and the tests. Plain Python."""
