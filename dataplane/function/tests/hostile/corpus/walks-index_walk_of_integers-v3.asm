# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    sub %r1, %r2
    rsh %r1, 3
    jslt32 %r1, 1, i16
    mov %r3, 0
    lsh %r1, 32
    arsh %r1, 32
    mov %r4, 0
i10:
    ldxdw %r0, [%r2]
    add %r0, %r4
    add %r2, 8
    add %r3, 1
    mov %r4, %r0
    jslt %r3, %r1, i10
i16:
    exit
