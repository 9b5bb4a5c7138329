# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1+8]
    ldxdw %r3, [%r1]
    mov %r1, %r3
    add %r1, 2
    jgt %r1, %r2, i13
    mov %r0, 0
    ja i14
i8:
    mov %r3, %r1
    add %r3, %r4
    mov %r1, %r3
    add %r1, 2
    jle %r1, %r2, i14
i13:
    exit
i14:
    mov %r5, %r2
    sub %r5, %r1
    ldxh %r4, [%r3]
    jlt %r5, %r4, i13
    jeq32 %r4, 0, i8
    mov %r3, %r4
    add %r3, %r1
    ldxb %r3, [%r3-1]
    add %r0, %r3
    ja i8
