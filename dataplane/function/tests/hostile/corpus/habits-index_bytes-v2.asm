# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    sub %r1, %r2
    jeq %r1, 0, i13
    mov %r3, 0
    mov %r0, 0
i7:
    mov %r4, %r2
    add %r4, %r3
    ldxb %r4, [%r4]
    add %r0, %r4
    add %r3, 1
    jlt %r3, %r1, i7
i13:
    exit
