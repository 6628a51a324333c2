"""The adapter against stock ccxt: the same calls, the same answers, both written down.

`python -m tests.differential --all` prints the counts. Each side is a process of its
own (`side.py`), since stock ccxt needs the asyncio that the engine forbids.
"""
