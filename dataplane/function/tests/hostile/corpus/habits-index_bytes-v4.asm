# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    jeq %r1, %r2, i12
    sub %r1, %r2
    mov %r3, 0
i6:
    mov %r4, %r2
    add %r4, %r3
    ldxb %r4, [%r4]
    add %r0, %r4
    add %r3, 1
    jlt %r3, %r1, i6
i12:
    exit
