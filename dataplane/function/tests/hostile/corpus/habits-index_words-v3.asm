# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    sub %r1, %r2
    rsh %r1, 2
    jeq32 %r1, 0, i16
    mov32 %r4, 0
    mov %r3, 0
    lsh %r1, 32
    rsh %r1, 32
i10:
    ldxw %r0, [%r2]
    add32 %r0, %r4
    add %r2, 4
    add %r3, 1
    mov32 %r4, %r0
    jlt %r3, %r1, i10
i16:
    exit
