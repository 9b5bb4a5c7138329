# hook call
f0:
    mov %r7, 0
    ldxdw %r2, [%r1+8]
    ldxdw %r6, [%r1]
    mov %r1, %r6
    add %r1, 24
    jlt %r2, %r1, i82
    ldxdw %r1, [%r6+16]
    jslt %r1, 0, i82
    mov %r7, 0
    mov %r4, %r10
    add %r4, -16
    mov %r1, %r6
    mov %r2, 8
    mov %r3, 0
    call 1
    mov %r8, %r6
    add %r8, 8
    mov %r4, %r10
    add %r4, -32
    mov %r1, %r8
    mov %r2, 8
    mov %r3, 0
    call 1
    ldxdw %r1, [%r10-16]
    mov %r2, %r1
    add %r2, 8
    ldxdw %r3, [%r10-8]
    jlt %r3, %r2, i82
    ldxdw %r3, [%r10-32]
    mov %r2, %r3
    add %r2, 8
    ldxdw %r4, [%r10-24]
    jlt %r4, %r2, i82
    mov %r7, 0
    ldxdw %r2, [%r6+16]
    ldxdw %r4, [%r1]
    jslt %r4, %r2, i82
    ldxdw %r5, [%r3]
    mov %r0, %r5
    add %r0, %r2
    mov %r7, 0
    mov %r3, 1
    mov %r4, 1
    jslt %r0, %r5, i45
    mov %r4, 0
i45:
    jslt %r2, 0, i47
    mov %r3, 0
i47:
    xor %r3, %r4
    and %r3, 1
    jne %r3, 0, i82
    ldxdw %r1, [%r1]
    sub %r1, %r2
    stxdw [%r10-48], %r1
    mov %r3, %r10
    add %r3, -48
    mov %r1, %r6
    mov %r2, 8
    mov %r4, 8
    call 4
    mov %r7, 0
    mov %r4, %r10
    add %r4, -32
    mov %r1, %r8
    mov %r2, 8
    mov %r3, 0
    call 1
    ldxdw %r1, [%r10-32]
    mov %r2, %r1
    add %r2, 8
    ldxdw %r3, [%r10-24]
    jlt %r3, %r2, i82
    ldxdw %r1, [%r1]
    ldxdw %r2, [%r6+16]
    add %r2, %r1
    stxdw [%r10-40], %r2
    mov %r3, %r10
    add %r3, -40
    mov %r1, %r8
    mov %r2, 8
    mov %r4, 8
    call 4
    mov %r7, 1
i82:
    mov %r0, %r7
    exit
