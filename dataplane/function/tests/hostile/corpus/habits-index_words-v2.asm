# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    sub %r1, %r2
    rsh %r1, 2
    lsh %r1, 32
    rsh %r1, 32
    jeq %r1, 0, i18
    mov %r3, 0
    mov %r4, 0
i10:
    ldxw %r0, [%r2]
    add %r0, %r4
    add %r2, 4
    add %r3, 1
    mov %r4, %r0
    jlt %r3, %r1, i10
    lsh %r0, 32
    rsh %r0, 32
i18:
    exit
