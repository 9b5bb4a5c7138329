# hook call
f0:
    stdw [%r10-8], 0
    stdw [%r10-16], 0
    stdw [%r10-24], 0
    stdw [%r10-32], 0
    stdw [%r10-40], 0
    stdw [%r10-48], 0
    stdw [%r10-56], 0
    stdw [%r10-64], 0
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
i31:
    mov %r4, %r2
    add %r4, %r3
    stxdw [%r1], %r4
    add %r1, 8
    add %r3, 1
    jeq %r3, 8, i38
    ja i31
i38:
    exit
