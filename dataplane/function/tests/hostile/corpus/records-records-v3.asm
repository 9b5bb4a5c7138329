# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1+8]
    ldxdw %r1, [%r1]
    mov %r3, %r1
    add %r3, 2
    jgt %r3, %r2, i18
    mov %r4, 0
    ja i19
i8:
    mov %r6, %r3
    add %r6, %r0
    ldxb %r6, [%r6]
    add %r4, %r6
    add %r0, 1
    jlt %r0, %r5, i8
i14:
    mov %r3, %r1
    add %r3, 2
    mov %r0, %r4
    jle %r3, %r2, i19
i18:
    exit
i19:
    mov %r0, -1
    ldxh %r5, [%r1]
    mov %r1, %r3
    add %r1, %r5
    jgt %r1, %r2, i18
    jeq32 %r5, 0, i14
    mov %r0, 0
    ja i8
