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
    add %r1, 8
    jgt %r1, %r3, i27
    mov %r2, 0
i14:
    mov %r4, %r2
    and %r4, 7
    lsh %r4, 3
    mov %r5, %r10
    add %r5, -64
    add %r5, %r4
    ldxdw %r4, [%r1-8]
    stxdw [%r5], %r4
    add %r2, 1
    add %r1, 8
    jgt %r1, %r3, i26
    ja i14
i26:
    and %r2, 7
i27:
    lsh %r2, 3
    mov %r1, %r10
    add %r1, -64
    add %r1, %r2
    ldxdw %r0, [%r1]
    exit
