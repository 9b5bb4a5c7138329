# hook aggregate
f0:
    mov %r0, 0
    ldxdw %r2, [%r1+8]
    ldxdw %r4, [%r1]
    mov %r3, %r4
    add %r3, 8
    jlt %r2, %r3, i29
    ldxdw %r5, [%r1+16]
    mov %r2, %r5
    add %r2, 8
    ldxdw %r3, [%r1+24]
    jlt %r3, %r2, i29
    mov %r0, 1
    ldxdw %r3, [%r1+64]
    ldxdw %r2, [%r1+56]
    add %r2, 16
    jlt %r3, %r2, i29
    ldxdw %r5, [%r5]
    ldxdw %r4, [%r4]
i18:
    ldxdw %r6, [%r2-16]
    jge %r6, %r5, i27
    stxdw [%r2-16], %r5
    ldxdw %r5, [%r2-8]
    stxdw [%r2-8], %r4
    jeq %r6, 0, i29
    ldxdw %r3, [%r1+64]
    mov %r4, %r5
    mov %r5, %r6
i27:
    add %r2, 16
    jge %r3, %r2, i18
i29:
    exit
