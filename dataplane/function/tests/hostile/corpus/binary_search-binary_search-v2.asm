# hook call
f0:
    mov %r0, -1
    ldxdw %r2, [%r1+8]
    ldxdw %r6, [%r1]
    mov %r1, %r6
    add %r1, 4
    jlt %r2, %r1, i63
    sub %r2, %r1
    mov %r7, 0
    mov %r4, %r10
    add %r4, -16
    mov %r3, 0
    call 1
    ldxdw %r2, [%r10-8]
    ldxdw %r1, [%r10-16]
    mov %r3, %r2
    sub %r3, %r1
    rsh %r3, 2
    mov %r4, %r3
    lsh %r4, 32
    rsh %r4, 32
    jeq %r4, 0, i33
    mov %r0, 0
    ldxw %r5, [%r6]
    lddw %r4, 0xfffffffe
    ja i45
i25:
    mov %r7, %r8
    lsh %r7, 32
    rsh %r7, 32
    mov %r9, %r3
    lsh %r9, 32
    rsh %r9, 32
    mov %r0, %r8
    jgt %r9, %r7, i45
i33:
    mov %r3, %r7
    lsh %r3, 2
    add %r1, %r3
    mov %r0, -1
    mov %r3, %r1
    add %r3, 4
    jlt %r2, %r3, i63
    ldxw %r2, [%r6]
    ldxw %r1, [%r1]
    jne %r1, %r2, i63
    mov %r0, %r7
    ja i63
i45:
    mov %r8, %r3
    sub %r8, %r0
    and %r8, %r4
    rsh %r8, 1
    add %r8, %r0
    mov %r7, %r8
    lsh %r7, 32
    rsh %r7, 32
    lsh %r7, 2
    mov %r9, %r1
    add %r9, %r7
    ldxw %r7, [%r9]
    jlt %r7, %r5, i59
    mov %r3, %r8
i59:
    add %r8, 1
    jlt %r7, %r5, i25
    mov %r8, %r0
    ja i25
i63:
    exit
