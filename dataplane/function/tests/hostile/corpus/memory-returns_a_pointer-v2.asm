# hook call
f0:
    ldxdw %r0, [%r1]
    exit
