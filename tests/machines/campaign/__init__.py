"""The fault campaign on machines: faults as data, one run of a row, what must hold afterwards, and the report of it."""
