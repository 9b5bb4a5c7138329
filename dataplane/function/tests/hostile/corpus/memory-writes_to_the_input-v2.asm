# hook call
f0:
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    jeq %r1, %r2, i5
    mov %r1, 1
    stxb [%r2], %r1
i5:
    mov %r0, 0
    exit
