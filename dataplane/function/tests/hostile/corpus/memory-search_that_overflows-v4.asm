# hook call
f0:
    mov %r0, -1
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    sub %r1, %r2
    jlt %r1, 256, i10
    mov %r0, 0
    mov32 %r1, 1
    stb [%r10-64], 0
    ja i11
i9:
    jne32 %r1, 0, i11
i10:
    exit
i11:
    mov32 %r5, %r1
    add32 %r1, -1
    mov %r6, %r10
    add %r6, -64
    add %r6, %r1
    ldxb %r4, [%r6]
    mov %r7, %r4
    and %r7, 63
    mov %r3, 1
    lsh %r3, %r7
    mov %r7, %r3
    and %r7, %r0
    jne %r7, 0, i9
    or %r3, %r0
    lsh32 %r4, 2
    and %r4, 252
    mov %r0, %r2
    add %r0, %r4
    ldxb %r7, [%r0]
    and %r7, 63
    mov %r8, %r3
    rsh %r8, %r7
    and %r8, 1
    jne %r8, 0, i37
    stxb [%r6], %r7
    mov32 %r1, %r5
i37:
    ldxb %r5, [%r0+1]
    and %r5, 63
    mov %r0, %r3
    rsh %r0, %r5
    and %r0, 1
    jne %r0, 0, i49
    mov32 %r0, %r1
    mov %r6, %r10
    add %r6, -64
    add %r6, %r0
    stxb [%r6], %r5
    add32 %r1, 1
i49:
    mov %r5, %r2
    add %r5, %r4
    ldxb %r4, [%r5+2]
    and %r4, 63
    mov %r0, %r3
    rsh %r0, %r4
    and %r0, 1
    jne %r0, 0, i63
    mov32 %r0, %r1
    mov %r6, %r10
    add %r6, -64
    add %r6, %r0
    stxb [%r6], %r4
    add32 %r1, 1
i63:
    ldxb %r4, [%r5+3]
    and %r4, 63
    mov %r5, %r3
    rsh %r5, %r4
    and %r5, 1
    mov %r0, %r3
    jne %r5, 0, i9
    mov32 %r5, %r1
    mov %r0, %r10
    add %r0, -64
    add %r0, %r5
    stxb [%r0], %r4
    add32 %r1, 1
    mov %r0, %r3
    ja i9
