# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1+8]
    ldxdw %r6, [%r1]
    mov %r1, %r6
    add %r1, 24
    jgt %r1, %r2, i79
    ldxdw %r1, [%r6+16]
    jslt %r1, 0, i79
    mov %r4, %r10
    add %r4, -16
    mov %r1, %r6
    mov %r2, 8
    mov %r3, 0
    call 1
    mov %r7, %r6
    add %r7, 8
    mov %r4, %r10
    add %r4, -32
    mov %r1, %r7
    mov %r2, 8
    mov %r3, 0
    call 1
    mov %r0, 0
    ldxdw %r2, [%r10-16]
    mov %r1, %r2
    add %r1, 8
    ldxdw %r3, [%r10-8]
    jgt %r1, %r3, i79
    ldxdw %r3, [%r10-32]
    mov %r1, %r3
    add %r1, 8
    ldxdw %r4, [%r10-24]
    jgt %r1, %r4, i79
    ldxdw %r1, [%r6+16]
    ldxdw %r2, [%r2]
    jslt %r2, %r1, i79
    ldxdw %r5, [%r3]
    mov %r8, %r5
    add %r8, %r1
    mov32 %r3, 1
    mov32 %r4, 1
    jslt %r8, %r5, i43
    mov32 %r4, 0
i43:
    jslt %r1, 0, i45
    mov32 %r3, 0
i45:
    xor32 %r3, %r4
    and32 %r3, 1
    jne32 %r3, 0, i79
    sub %r2, %r1
    stxdw [%r10-48], %r2
    mov %r3, %r10
    add %r3, -48
    mov %r1, %r6
    mov %r2, 8
    mov %r4, 8
    call 4
    mov %r4, %r10
    add %r4, -32
    mov %r1, %r7
    mov %r2, 8
    mov %r3, 0
    call 1
    mov %r0, 0
    ldxdw %r1, [%r10-32]
    mov %r2, %r1
    add %r2, 8
    ldxdw %r3, [%r10-24]
    jgt %r2, %r3, i79
    ldxdw %r1, [%r1]
    ldxdw %r2, [%r6+16]
    add %r2, %r1
    stxdw [%r10-40], %r2
    mov %r3, %r10
    add %r3, -40
    mov %r1, %r7
    mov %r2, 8
    mov %r4, 8
    call 4
    mov %r0, 1
i79:
    exit
