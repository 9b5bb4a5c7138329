# hook call
f0:
    mov %r6, %r1
    mov %r7, 0
    ldxdw %r9, [%r6+8]
    ldxdw %r8, [%r6]
    mov %r1, %r8
    add %r1, 8
    jgt %r1, %r9, i46
    mov %r7, 0
    ja i15
i9:
    lsh %r9, 3
    add %r8, %r9
    mov %r1, %r8
    add %r1, 8
    ldxdw %r9, [%r6+8]
    jgt %r1, %r9, i46
i15:
    sub %r9, %r8
    rsh %r9, 3
    jlt %r9, 16, i19
    mov %r9, 16
i19:
    mov %r4, %r10
    add %r4, -256
    mov %r1, %r8
    mov %r2, 8
    mov %r3, %r9
    mov %r5, 16
    call 2
    jeq %r9, 0, i9
    mov %r1, 0
    ja i32
i29:
    add %r1, 1
    jlt %r1, %r9, i32
    ja i9
i32:
    mov %r2, %r1
    lsh %r2, 4
    mov %r3, %r10
    add %r3, -256
    add %r3, %r2
    ldxdw %r2, [%r3+8]
    ldxdw %r3, [%r3]
    add %r3, 4
    jgt %r3, %r2, i29
i41:
    ldxw %r4, [%r3-4]
    add %r7, %r4
    add %r3, 4
    jgt %r3, %r2, i29
    ja i41
i46:
    mov %r0, %r7
    exit
