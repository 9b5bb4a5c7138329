# hook call
f0:
    mov %r2, 0
    stdw [%r10-8], 0
    stdw [%r10-16], 0
    stdw [%r10-24], 0
    stdw [%r10-32], 0
    stdw [%r10-40], 0
    stdw [%r10-48], 0
    stdw [%r10-56], 0
    stdw [%r10-64], 0
    ldxdw %r3, [%r1+8]
    ldxdw %r1, [%r1]
    add %r1, 8
    jgt %r1, %r3, i26
i13:
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
    jgt %r1, %r3, i25
    ja i13
i25:
    and %r2, 7
i26:
    lsh %r2, 3
    mov %r1, %r10
    add %r1, -64
    add %r1, %r2
    ldxdw %r0, [%r1]
    exit
