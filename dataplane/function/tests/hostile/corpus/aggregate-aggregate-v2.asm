# hook aggregate
f0:
    mov %r0, 0
    ldxdw %r3, [%r1+64]
    ldxdw %r2, [%r1+56]
    mov %r4, %r2
    add %r4, 32
    jlt %r3, %r4, i28
    ldxdw %r3, [%r1+16]
    mov %r4, %r3
    add %r4, 8
    ldxdw %r1, [%r1+24]
    jlt %r1, %r4, i28
    ldxdw %r1, [%r3]
    ldxdw %r3, [%r2]
    jne %r3, 0, i16
    stxdw [%r2+16], %r1
    ja i21
i16:
    ldxdw %r4, [%r2+16]
    jsge %r1, %r4, i19
    stxdw [%r2+16], %r1
i19:
    ldxdw %r4, [%r2+24]
    jsle %r1, %r4, i22
i21:
    stxdw [%r2+24], %r1
i22:
    add %r3, 1
    stxdw [%r2], %r3
    ldxdw %r3, [%r2+8]
    add %r3, %r1
    stxdw [%r2+8], %r3
    mov %r0, 1
i28:
    exit
