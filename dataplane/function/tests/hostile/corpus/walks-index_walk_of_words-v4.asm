# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    sub %r1, %r2
    lddw %r3, 0x7fffffff8
    mov %r4, %r1
    and %r4, %r3
    jeq %r4, 0, i19
    mov %r3, 0
    rsh %r1, 3
    lsh %r1, 32
    rsh %r1, 32
    mov %r4, 0
i13:
    ldxdw %r0, [%r2]
    add %r0, %r4
    add %r2, 8
    add %r3, 1
    mov %r4, %r0
    jlt %r3, %r1, i13
i19:
    exit
