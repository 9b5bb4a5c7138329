# hook call
f0:
    mov %r0, 0
    ldxdw %r3, [%r1+8]
    ldxdw %r1, [%r1]
    mov %r5, %r1
    add %r5, 4
    jgt %r5, %r3, i23
    mov %r0, 1
    ldxh %r4, [%r1]
    add %r5, %r4
    ldxh %r2, [%r1+2]
    add %r5, %r2
    jgt %r5, %r3, i23
    mov %r0, 0
    jeq32 %r2, 0, i23
    add %r1, %r4
    mov %r3, 0
    add %r1, 4
i17:
    mov %r4, %r1
    add %r4, %r3
    ldxb %r4, [%r4]
    add %r0, %r4
    add %r3, 1
    jlt %r3, %r2, i17
i23:
    exit
