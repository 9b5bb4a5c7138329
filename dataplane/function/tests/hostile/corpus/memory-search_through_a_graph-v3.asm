# hook call
f0:
    mov %r0, -1
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    sub %r1, %r2
    jlt %r1, 256, i11
    mov32 %r1, 0
    stxb [%r10-64], %r1
    mov %r0, 0
    mov32 %r1, 1
    ja i12
i10:
    jne32 %r1, 0, i12
i11:
    exit
i12:
    mov %r6, %r0
    mov32 %r4, %r1
    add32 %r1, -1
    mov %r5, %r10
    add %r5, -64
    add %r5, %r1
    ldxb %r3, [%r5]
    mov %r8, %r3
    and %r8, 63
    mov %r7, 1
    lsh %r7, %r8
    mov %r8, %r7
    and %r8, %r6
    jne %r8, 0, i10
    mov %r0, %r7
    or %r0, %r6
    lsh32 %r3, 2
    and %r3, 252
    mov %r6, %r2
    add %r6, %r3
    ldxb %r6, [%r6]
    and %r6, 63
    mov %r7, %r0
    rsh %r7, %r6
    and %r7, 1
    jne %r7, 0, i41
    jgt32 %r1, 63, i41
    stxb [%r5], %r6
    mov32 %r1, %r4
i41:
    mov %r4, %r3
    or %r4, 1
    mov %r5, %r2
    add %r5, %r4
    ldxb %r4, [%r5]
    and %r4, 63
    mov %r5, %r0
    rsh %r5, %r4
    and %r5, 1
    jne %r5, 0, i58
    jgt32 %r1, 63, i58
    mov32 %r5, %r1
    mov %r6, %r10
    add %r6, -64
    add %r6, %r5
    stxb [%r6], %r4
    add32 %r1, 1
i58:
    mov %r4, %r3
    or %r4, 2
    mov %r5, %r2
    add %r5, %r4
    ldxb %r4, [%r5]
    and %r4, 63
    mov %r5, %r0
    rsh %r5, %r4
    and %r5, 1
    jne %r5, 0, i75
    jgt32 %r1, 63, i75
    mov32 %r5, %r1
    mov %r6, %r10
    add %r6, -64
    add %r6, %r5
    stxb [%r6], %r4
    add32 %r1, 1
i75:
    or %r3, 3
    mov %r4, %r2
    add %r4, %r3
    ldxb %r3, [%r4]
    and %r3, 63
    mov %r4, %r0
    rsh %r4, %r3
    and %r4, 1
    jne %r4, 0, i10
    jgt32 %r1, 63, i10
    mov32 %r4, %r1
    mov %r5, %r10
    add %r5, -64
    add %r5, %r4
    stxb [%r5], %r3
    add32 %r1, 1
    ja i10
