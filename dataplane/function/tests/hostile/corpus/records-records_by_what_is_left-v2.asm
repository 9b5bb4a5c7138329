# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1+8]
    ldxdw %r5, [%r1]
    mov %r1, %r5
    add %r1, 2
    jgt %r1, %r2, i20
    mov %r3, 0
    ja i21
i8:
    mov %r0, %r1
    add %r0, %r5
    ldxb %r0, [%r0]
    add %r3, %r0
    add %r5, 1
    jlt %r5, %r4, i8
i14:
    mov %r5, %r1
    add %r5, %r4
    mov %r1, %r5
    add %r1, 2
    mov %r0, %r3
    jle %r1, %r2, i21
i20:
    exit
i21:
    mov %r6, %r2
    sub %r6, %r1
    mov %r0, -1
    ldxh %r4, [%r5]
    jlt %r6, %r4, i20
    jeq %r4, 0, i14
    mov %r5, 0
    ja i8
