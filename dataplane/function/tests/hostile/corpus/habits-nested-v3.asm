# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    sub %r1, %r2
    jeq %r1, 0, i11
    mov %r4, 0
    mov %r0, 0
    mov %r3, 0
    ja i12
i9:
    mov %r4, %r3
    jlt %r3, %r1, i12
i11:
    exit
i12:
    add %r3, 1
    jge %r3, %r1, i11
    mov %r5, %r2
    add %r5, %r4
    ldxb %r4, [%r5]
    mov %r5, %r3
    ja i23
i19:
    add %r0, %r6
    add %r5, 1
    jlt %r5, %r1, i23
    ja i9
i23:
    mov %r6, %r2
    add %r6, %r5
    ldxb %r7, [%r6]
    mov %r8, %r4
    mov32 %r6, 1
    jeq32 %r8, %r7, i19
    mov32 %r6, 0
    ja i19
