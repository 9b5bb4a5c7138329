# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    sub %r1, %r2
    lddw %r3, 0x3fffffffc
    mov %r4, %r1
    and %r4, %r3
    jeq %r4, 0, i19
    mov32 %r4, 0
    mov %r3, 0
    rsh %r1, 2
    lsh %r1, 32
    rsh %r1, 32
i13:
    ldxw %r0, [%r2]
    add32 %r0, %r4
    add %r2, 4
    add %r3, 1
    mov32 %r4, %r0
    jlt %r3, %r1, i13
i19:
    exit
