# hook call
f0:
    mov %r0, 0
    ldxdw %r1, [%r1]
    ldxdw %r2, [%r1]
    jeq %r2, 0, i13
    mov %r3, 0
    add %r1, 8
i6:
    mov %r0, %r2
    add %r0, %r3
    ldxdw %r2, [%r1]
    add %r1, 8
    mov %r3, %r0
    jeq %r2, 0, i13
    ja i6
i13:
    exit
