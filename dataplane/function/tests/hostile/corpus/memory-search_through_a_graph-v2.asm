# hook call
f0:
    mov %r0, -1
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    sub %r1, %r2
    jlt %r1, 256, i13
    mov %r0, 0
    stxb [%r10-64], %r0
    mov %r1, 1
    ja i14
i9:
    mov %r3, %r1
    lsh %r3, 32
    rsh %r3, 32
    jne %r3, 0, i14
i13:
    exit
i14:
    mov %r6, %r0
    mov %r4, %r1
    add %r1, -1
    mov %r3, %r1
    lsh %r3, 32
    rsh %r3, 32
    mov %r5, %r10
    add %r5, -64
    add %r5, %r3
    ldxb %r3, [%r5]
    mov %r8, %r3
    and %r8, 63
    mov %r7, 1
    lsh %r7, %r8
    mov %r8, %r7
    and %r8, %r6
    jne %r8, 0, i9
    mov %r0, %r7
    or %r0, %r6
    lsh %r3, 2
    and %r3, 252
    mov %r6, %r2
    add %r6, %r3
    ldxb %r6, [%r6]
    and %r6, 63
    mov %r7, %r0
    rsh %r7, %r6
    and %r7, 1
    jne %r7, 0, i49
    mov %r7, %r1
    lsh %r7, 32
    rsh %r7, 32
    jgt %r7, 63, i49
    stxb [%r5], %r6
    mov %r1, %r4
i49:
    mov %r4, %r3
    or %r4, 1
    mov %r5, %r2
    add %r5, %r4
    ldxb %r4, [%r5]
    and %r4, 63
    mov %r5, %r0
    rsh %r5, %r4
    and %r5, 1
    jne %r5, 0, i68
    mov %r5, %r1
    lsh %r5, 32
    rsh %r5, 32
    jgt %r5, 63, i68
    mov %r6, %r10
    add %r6, -64
    add %r6, %r5
    stxb [%r6], %r4
    add %r1, 1
i68:
    mov %r4, %r3
    or %r4, 2
    mov %r5, %r2
    add %r5, %r4
    ldxb %r4, [%r5]
    and %r4, 63
    mov %r5, %r0
    rsh %r5, %r4
    and %r5, 1
    jne %r5, 0, i87
    mov %r5, %r1
    lsh %r5, 32
    rsh %r5, 32
    jgt %r5, 63, i87
    mov %r6, %r10
    add %r6, -64
    add %r6, %r5
    stxb [%r6], %r4
    add %r1, 1
i87:
    or %r3, 3
    mov %r4, %r2
    add %r4, %r3
    ldxb %r3, [%r4]
    and %r3, 63
    mov %r4, %r0
    rsh %r4, %r3
    and %r4, 1
    jne %r4, 0, i9
    mov %r4, %r1
    lsh %r4, 32
    rsh %r4, 32
    jgt %r4, 63, i9
    mov %r5, %r10
    add %r5, -64
    add %r5, %r4
    stxb [%r5], %r3
    add %r1, 1
    ja i9
