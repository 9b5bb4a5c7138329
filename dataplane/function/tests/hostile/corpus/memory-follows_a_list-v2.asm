# hook call
f0:
    mov %r0, -1
    ldxdw %r2, [%r1+8]
    ldxdw %r1, [%r1]
    mov %r3, %r1
    add %r3, 8
    jgt %r3, %r2, i35
    ldxdw %r1, [%r1]
    stxdw [%r10-8], %r1
    mov %r7, 0
    mov %r6, 100
i10:
    mov %r1, %r10
    add %r1, -8
    mov %r4, %r10
    add %r4, -24
    mov %r2, 8
    mov %r3, 0
    call 1
    jslt %r0, 0, i23
    ldxdw %r1, [%r10-24]
    mov %r2, %r1
    add %r2, 16
    ldxdw %r3, [%r10-16]
    jle %r2, %r3, i25
i23:
    mov %r0, %r7
    ja i35
i25:
    ldxdw %r0, [%r1]
    ldxdw %r1, [%r1+8]
    stxdw [%r10-8], %r1
    add %r0, %r7
    add %r6, -1
    mov %r1, %r6
    lsh %r1, 32
    rsh %r1, 32
    mov %r7, %r0
    jne %r1, 0, i10
i35:
    exit
