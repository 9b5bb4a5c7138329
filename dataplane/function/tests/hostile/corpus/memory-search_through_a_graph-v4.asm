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
    jne %r8, 0, i9
    mov %r0, %r7
    or %r0, %r6
    lsh32 %r3, 2
    and %r3, 252
    mov %r6, %r2
    add %r6, %r3
    ldxb %r7, [%r6]
    and %r7, 63
    mov %r8, %r0
    rsh %r8, %r7
    and %r8, 1
    jne %r8, 0, i40
    jgt32 %r4, 64, i40
    stxb [%r5], %r7
    mov32 %r1, %r4
i40:
    ldxb %r4, [%r6+1]
    and %r4, 63
    mov %r5, %r0
    rsh %r5, %r4
    and %r5, 1
    jne %r5, 0, i53
    jgt32 %r1, 63, i53
    mov32 %r5, %r1
    mov %r6, %r10
    add %r6, -64
    add %r6, %r5
    stxb [%r6], %r4
    add32 %r1, 1
i53:
    mov %r4, %r2
    add %r4, %r3
    ldxb %r3, [%r4+2]
    and %r3, 63
    mov %r5, %r0
    rsh %r5, %r3
    and %r5, 1
    jne %r5, 0, i68
    jgt32 %r1, 63, i68
    mov32 %r5, %r1
    mov %r6, %r10
    add %r6, -64
    add %r6, %r5
    stxb [%r6], %r3
    add32 %r1, 1
i68:
    ldxb %r3, [%r4+3]
    and %r3, 63
    mov %r4, %r0
    rsh %r4, %r3
    and %r4, 1
    jne %r4, 0, i9
    jgt32 %r1, 63, i9
    mov32 %r4, %r1
    mov %r5, %r10
    add %r5, -64
    add %r5, %r4
    stxb [%r5], %r3
    add32 %r1, 1
    ja i9
