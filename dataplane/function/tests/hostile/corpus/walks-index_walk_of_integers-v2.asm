# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    sub %r1, %r2
    mov %r3, %r1
    lsh %r3, 29
    arsh %r3, 32
    jslt %r3, 1, i19
    rsh %r1, 3
    mov %r3, 0
    lsh %r1, 32
    arsh %r1, 32
    mov %r4, 0
i13:
    ldxdw %r0, [%r2]
    add %r0, %r4
    add %r2, 8
    add %r3, 1
    mov %r4, %r0
    jslt %r3, %r1, i13
i19:
    exit
