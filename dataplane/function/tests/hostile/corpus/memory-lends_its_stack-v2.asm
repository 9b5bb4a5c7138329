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
    ldxdw %r3, [%r1]
    ldxdw %r2, [%r1+8]
    sub %r2, %r3
    mov %r1, %r10
    add %r1, -64
    call local f1
    ldxdw %r1, [%r10-8]
    ldxdw %r2, [%r10-40]
    add %r2, %r1
    ldxdw %r1, [%r10-24]
    ldxdw %r3, [%r10-56]
    add %r3, %r1
    add %r3, %r2
    ldxdw %r1, [%r10-16]
    ldxdw %r2, [%r10-48]
    add %r2, %r1
    ldxdw %r1, [%r10-32]
    ldxdw %r0, [%r10-64]
    add %r0, %r1
    add %r0, %r2
    add %r0, %r3
    exit
f1:
    mov %r3, 0
i32:
    mov %r4, %r2
    add %r4, %r3
    stxdw [%r1], %r4
    add %r1, 8
    add %r3, 1
    jeq %r3, 8, i39
    ja i32
i39:
    exit
