"""What people are shown: frozen rows, named on the wire as they are here in camel case.

Prices that were traded, sizes and money are Decimal; what a chart draws is float. A
field that is None is UNKNOWN, never zero.
"""
