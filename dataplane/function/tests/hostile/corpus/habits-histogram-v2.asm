# hook call
f0:
    mov %r2, 0
    stxdw [%r10-8], %r2
    stxdw [%r10-16], %r2
    stxdw [%r10-24], %r2
    stxdw [%r10-32], %r2
    stxdw [%r10-40], %r2
    stxdw [%r10-48], %r2
    stxdw [%r10-56], %r2
    stxdw [%r10-64], %r2
    ldxdw %r3, [%r1+8]
    ldxdw %r1, [%r1]
    jge %r1, %r3, i23
i12:
    ldxb %r4, [%r1]
    and %r4, 15
    lsh %r4, 2
    mov %r5, %r10
    add %r5, -64
    add %r5, %r4
    ldxw %r4, [%r5]
    add %r4, 1
    stxw [%r5], %r4
    add %r1, 1
    jlt %r1, %r3, i12
i23:
    mov %r1, 1
    mov %r3, %r10
    add %r3, -60
    ja i31
i27:
    add %r3, 4
    add %r1, 1
    mov %r2, %r0
    jeq %r1, 16, i42
i31:
    mov %r4, %r2
    lsh %r4, 2
    mov %r5, %r10
    add %r5, -64
    add %r5, %r4
    ldxw %r4, [%r5]
    ldxw %r5, [%r3]
    mov %r0, %r1
    jgt %r5, %r4, i27
    mov %r0, %r2
    ja i27
i42:
    exit
