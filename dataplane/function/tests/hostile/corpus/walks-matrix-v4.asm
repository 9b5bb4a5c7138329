# hook call
f0:
    mov %r0, -1
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    sub %r1, %r2
    jlt %r1, 1088, i31
    mov %r1, 0
    mov %r3, %r2
    add %r3, 64
    mov %r0, 0
    ja i13
i10:
    add %r3, 64
    add %r1, 1
    jeq %r1, 16, i31
i13:
    mov32 %r5, 0
    mov %r4, 0
i15:
    mov %r6, %r3
    add %r6, %r4
    ldxsb %r7, [%r6]
    mov %r6, %r2
    add %r6, %r4
    ldxsb %r6, [%r6]
    mul32 %r6, %r7
    add32 %r6, %r5
    add %r4, 1
    mov32 %r5, %r6
    jeq %r4, 64, i27
    ja i15
i27:
    movsx3264 %r4, %r6
    jsgt %r0, %r4, i10
    mov %r0, %r4
    ja i10
i31:
    exit
