# hook call
f0:
    mov %r0, -1
    ldxdw %r2, [%r1+8]
    ldxdw %r1, [%r1]
    mov %r3, %r1
    add %r3, 8
    jgt %r3, %r2, i31
    mov %r4, %r2
    sub %r4, %r3
    ldxw %r3, [%r1]
    jlt %r4, %r3, i31
    mov %r0, 0
    jeq32 %r3, 0, i31
    mov %r4, %r1
    add %r4, %r3
    add %r4, 8
    jge %r4, %r2, i31
i16:
    mov %r5, %r1
    add %r5, %r3
    ldxb %r5, [%r5+8]
    ldxb %r6, [%r1+8]
    jeq32 %r6, %r5, i25
    mov %r0, 1
    jlt32 %r6, %r5, i31
    mov %r0, 2
    ja i31
i25:
    mov %r5, %r1
    add %r5, 9
    jge %r5, %r4, i31
    add %r1, 1
    add %r5, %r3
    jlt %r5, %r2, i16
i31:
    exit
