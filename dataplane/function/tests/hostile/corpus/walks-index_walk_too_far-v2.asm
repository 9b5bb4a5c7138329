# hook call
f0:
    mov %r3, 0
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    sub %r1, %r2
    rsh %r1, 3
    add %r1, 1
i6:
    ldxdw %r0, [%r2]
    add %r0, %r3
    add %r2, 8
    add %r1, -1
    mov %r3, %r0
    jeq %r1, 0, i13
    ja i6
i13:
    exit
