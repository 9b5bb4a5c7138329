# hook call
f0:
    mov %r0, -1
    ldxdw %r2, [%r1+8]
    ldxdw %r3, [%r1]
    mov %r1, %r3
    add %r1, 8
    jgt %r1, %r2, i29
    mov %r0, 0
    ldxw %r3, [%r3]
    mov %r4, %r1
    add %r4, %r3
    jgt %r4, %r2, i29
    jeq32 %r3, 0, i29
    mov %r0, 0
    ja i17
i14:
    add %r1, %r3
    add %r4, %r3
    jgt %r4, %r2, i29
i17:
    mov %r5, 0
    mov %r6, %r0
i19:
    mov %r0, %r1
    add %r0, %r5
    ldxb %r7, [%r0]
    mov %r0, %r5
    mul %r0, %r7
    add %r0, %r6
    add %r5, 1
    mov %r6, %r0
    jlt %r5, %r3, i19
    ja i14
i29:
    exit
