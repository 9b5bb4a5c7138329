# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    sub %r1, %r2
    jlt %r1, 8, i14
    rsh %r1, 3
    mov %r3, 0
    mov %r4, 0
i8:
    ldxdw %r0, [%r2]
    add %r0, %r4
    add %r2, 8
    add %r3, 1
    mov %r4, %r0
    jlt %r3, %r1, i8
i14:
    exit
