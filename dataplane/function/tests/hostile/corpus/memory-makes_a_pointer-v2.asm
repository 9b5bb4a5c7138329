# hook call
f0:
    mov %r0, -1
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    sub %r1, %r2
    jlt %r1, 8, i7
    ldxdw %r1, [%r2]
    ldxb %r0, [%r1]
i7:
    exit
