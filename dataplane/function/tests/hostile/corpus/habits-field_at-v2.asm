# hook call
f0:
    mov %r0, 0
    ldxdw %r4, [%r1+8]
    ldxdw %r3, [%r1]
    mov %r5, %r3
    add %r5, 4
    jgt %r5, %r4, i24
    mov %r0, 1
    ldxh %r1, [%r3]
    add %r5, %r1
    ldxh %r2, [%r3+2]
    add %r5, %r2
    jgt %r5, %r4, i24
    mov %r0, 0
    jeq %r2, 0, i24
    add %r1, %r3
    mov %r3, 0
    add %r1, 4
    mov %r0, 0
i18:
    mov %r4, %r1
    add %r4, %r3
    ldxb %r4, [%r4]
    add %r0, %r4
    add %r3, 1
    jlt %r3, %r2, i18
i24:
    exit
