"""Numbers of what is asked that more than one place has to know."""

# How many connections, or entries in TIME_WAIT, are few and many.
FEW = 1_000
MANY = 1_000_000
VERY_MANY = 10_000_000

# A segment's payload where the MTU is 1500 and both sides have timestamps.
SEGMENT_BYTES = 1448

# What a server may spend with MANY others in its table, by the figures of bench/instructions.
INSTRUCTIONS_MAX = {
    "HTTP connection, 3 segments in": 1600,
    "HTTP connection, 5 segments in": 1600,
    "request on a standing connection": 600,
    "pure ACK": 250,
    "echo of 64 bytes": 250,
}
# How much more with VERY_MANY than with the fewest.
INSTRUCTIONS_GROWTH_MAX = 1.1
