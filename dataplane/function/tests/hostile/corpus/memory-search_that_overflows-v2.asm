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
    mov %r5, %r1
    add %r1, -1
    mov %r3, %r1
    lsh %r3, 32
    rsh %r3, 32
    mov %r6, %r10
    add %r6, -64
    add %r6, %r3
    ldxb %r4, [%r6]
    mov %r7, %r4
    and %r7, 63
    mov %r3, 1
    lsh %r3, %r7
    mov %r7, %r3
    and %r7, %r0
    jne %r7, 0, i9
    or %r3, %r0
    lsh %r4, 2
    and %r4, 252
    mov %r0, %r2
    add %r0, %r4
    ldxb %r0, [%r0]
    and %r0, 63
    mov %r7, %r3
    rsh %r7, %r0
    and %r7, 1
    jne %r7, 0, i43
    stxb [%r6], %r0
    mov %r1, %r5
i43:
    mov %r5, %r4
    or %r5, 1
    mov %r0, %r2
    add %r0, %r5
    ldxb %r5, [%r0]
    and %r5, 63
    mov %r0, %r3
    rsh %r0, %r5
    and %r0, 1
    jne %r0, 0, i61
    mov %r0, %r1
    lsh %r0, 32
    rsh %r0, 32
    mov %r6, %r10
    add %r6, -64
    add %r6, %r0
    stxb [%r6], %r5
    add %r1, 1
i61:
    mov %r5, %r4
    or %r5, 2
    mov %r0, %r2
    add %r0, %r5
    ldxb %r5, [%r0]
    and %r5, 63
    mov %r0, %r3
    rsh %r0, %r5
    and %r0, 1
    jne %r0, 0, i79
    mov %r0, %r1
    lsh %r0, 32
    rsh %r0, 32
    mov %r6, %r10
    add %r6, -64
    add %r6, %r0
    stxb [%r6], %r5
    add %r1, 1
i79:
    or %r4, 3
    mov %r5, %r2
    add %r5, %r4
    ldxb %r4, [%r5]
    and %r4, 63
    mov %r5, %r3
    rsh %r5, %r4
    and %r5, 1
    mov %r0, %r3
    jne %r5, 0, i9
    mov %r5, %r1
    lsh %r5, 32
    rsh %r5, 32
    mov %r0, %r10
    add %r0, -64
    add %r0, %r5
    stxb [%r0], %r4
    add %r1, 1
    mov %r0, %r3
    ja i9
