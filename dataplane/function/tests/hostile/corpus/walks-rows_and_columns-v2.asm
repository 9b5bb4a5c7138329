# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    sub %r1, %r2
    jlt %r1, 16, i23
    rsh %r1, 4
    mov %r3, 0
    mov %r4, 0
i8:
    mov %r5, 0
i9:
    mov %r0, %r2
    add %r0, %r5
    ldxb %r6, [%r0]
    mov %r0, %r5
    mul %r0, %r6
    add %r0, %r4
    add %r5, 1
    mov %r4, %r0
    jeq %r5, 16, i19
    ja i9
i19:
    add %r2, 16
    add %r3, 1
    mov %r4, %r0
    jlt %r3, %r1, i8
i23:
    exit
